// The largest deposit there may be.

import { expect } from 'chai';
import { formatRecord } from '../core/record.ts';
import { showFiles } from '../issue/record-builder.ts';
import { proofBytes, sampleFile, sampleProof, sampleRecord } from '../testing.ts';
import { nodeFonts } from './fonts-node.ts';
import { renderCertificate } from './render.ts';
import { pageTexts } from './testing.ts';

describe('certs/render of 10,000 files', () => {
  it('lists 100 and carries all, whole or in part', async () => {
    const built = sampleRecord(Array.from({ length: 10_000 }, (_, i) => sampleFile(`证据 ${i + 1}.jpg`, i)));
    const proof = proofBytes(await sampleProof(built));
    const draw = async (record: Uint8Array): Promise<Uint8Array> =>
      (await renderCertificate({ record, proof, signedAt: '2026-11-22T07:52:41Z', contentsBytes: 4_096 }, nodeFonts()))
        .bytes;

    const whole = await draw(built.bytes);
    expect(pageTexts(whole).join('').replace(/\s/g, '')).to.include('其余9,900个文件').and.include('10,000个文件');
    expect(Buffer.from(whole).indexOf(Buffer.from(built.bytes))).to.be.greaterThan(0);

    const last = await draw(formatRecord(showFiles(built.record, [10_000])));
    expect(pageTexts(last).join('\n')).to.include('\n10000\n证据 10000.jpg\n');

    const all = Array.from({ length: 9_999 }, (_, i) => i + 1);
    const most = await draw(formatRecord(showFiles(built.record, all)));
    expect(pageTexts(most).join('').replace(/\s/g, ''))
      .to.include('10,000个文件中的9,999个')
      .and.include('其余9,899个');
  });
});
