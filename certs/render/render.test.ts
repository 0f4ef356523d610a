import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { formatRecord, header } from '../core/record.ts';
import { type FileFacts, showFiles } from '../issue/record-builder.ts';
import { proofBytes, sampleFacts, sampleFile, sampleProof, sampleRecord } from '../testing.ts';
import { loadFonts } from './fonts.ts';
import { nodeFonts, readFontFile } from './fonts-node.ts';
import { type RenderedPdf, type RenderInput, renderCertificate, rendererId } from './render.ts';
import { pageOperators, pageTexts, usedGlyphCodes } from './testing.ts';

const SIGNED_AT = '2026-11-22T07:52:41Z';
const nativeSha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
/** Without white space: lines break where the page ends. */
const flat = (text: string): string => text.replace(/[ \n]/g, '');
const digestOf = ({ bytes }: RenderedPdf): string => hexEncode(sha256(bytes));

async function inputFor(
  files: readonly FileFacts[],
  change: Parameters<typeof sampleFacts>[0] = {},
  o: { show?: number[]; silent?: string[] } = {},
): Promise<RenderInput> {
  const built = sampleRecord(files, change);
  const record = o.show === undefined ? built.bytes : formatRecord(showFiles(built.record, o.show));
  return { record, proof: proofBytes(await sampleProof(built, o.silent)), signedAt: SIGNED_AT, contentsBytes: 4_096 };
}

async function textFor(...args: Parameters<typeof inputFor>): Promise<string> {
  const { bytes } = await renderCertificate(await inputFor(...args), nodeFonts());
  return pageTexts(bytes).join('\n');
}

const codeOf = (made: Promise<unknown>): Promise<unknown> =>
  made.then(
    () => undefined,
    ({ code }: { code?: string }) => code,
  );

describe('certs/render', function () {
  this.timeout(120_000);

  describe('draws the same bytes', () => {
    it('for this input, until LAYOUT_VERSION is raised', async () => {
      const input = await inputFor([
        sampleFile('房屋租赁合同（扫描件）.pdf', 2_345_678),
        sampleFile('张喆 朱镕 𠮷.docx', 845),
      ]);
      const rendered = await renderCertificate({ ...input, contentsBytes: 8_192 }, nodeFonts());
      // Changed? Raise LAYOUT_VERSION in renderer-id.ts: certificates drawn before must not be redrawn with this code.
      expect(digestOf(rendered)).to.equal('8ee8ca5915f2c8177caea35f95a607c76286b39a655a16af52b3d651d7ea7b80');
    });

    it('whatever was drawn before in the same process', async () => {
      // U+2460 and U+2780, U+2013 and U+2012, U+0627 and U+FE8D share a glyph: what one document teaches the fonts must not reach the next.
      const one = await inputFor([sampleFile('\u2460\u2013 \u0627.pdf')]);
      const other = await inputFor([sampleFile('\u2780\u2012 \ufe8d.pdf')]);
      const fresh = loadFonts(readFontFile, nativeSha256);
      const first = digestOf(await renderCertificate(one, fresh));
      await renderCertificate(other, fresh);
      expect(digestOf(await renderCertificate(one, fresh))).to.equal(first);
      const afterOther = loadFonts(readFontFile, nativeSha256);
      await renderCertificate(other, afterOther);
      expect(digestOf(await renderCertificate(one, afterOther))).to.equal(first);
    });

    it('when several are drawn at once', async () => {
      const inputs = await Promise.all(['a', 'b'].map((name) => inputFor([sampleFile(name)])));
      const alone = [];
      for (const input of inputs) alone.push(digestOf(await renderCertificate(input, nodeFonts())));
      const together = await Promise.all(inputs.map((input) => renderCertificate(input, nodeFonts())));
      expect(together.map(digestOf)).to.deep.equal(alone);
    });

    it('in another process, time zone and language', async () => {
      const input = await inputFor([sampleFile('a.pdf')]);
      const script = `
        import { renderCertificate } from './certs/render/render.ts';
        import { nodeFonts } from './certs/render/fonts-node.ts';
        import { createHash } from 'node:crypto';
        const [record, proof] = process.argv.slice(1).map((text) => new Uint8Array(Buffer.from(text, 'base64')));
        const { bytes } = await renderCertificate({ record, proof, signedAt: '${SIGNED_AT}', contentsBytes: 4096 }, nodeFonts());
        process.stdout.write(createHash('sha256').update(bytes).digest('hex'));`;
      const args = [input.record, input.proof].map((bytes) => Buffer.from(bytes).toString('base64'));
      const env = { ...process.env, TZ: 'Pacific/Apia', LANG: 'ar_EG.UTF-8', LC_ALL: 'ar_EG.UTF-8' };
      const there = execFileSync(process.execPath, ['--import=tsx', '--input-type=module', '-e', script, ...args], {
        env,
      });
      expect(there.toString()).to.equal(digestOf(await renderCertificate(input, nodeFonts())));
    });
  });

  describe('leaves room for the signature', () => {
    it('of the asked size, filled with zeros, with a /ByteRange around it', async () => {
      const input = await inputFor([sampleFile('a.pdf')]);
      const { bytes, contentsStart, contentsEnd } = await renderCertificate(input, nodeFonts());
      const text = Buffer.from(bytes).toString('latin1');
      expect(text.slice(contentsStart, contentsEnd)).to.equal(`<${'00'.repeat(4_096)}>`);
      expect(text.slice(contentsStart - 10, contentsStart)).to.equal('/Contents ');
      const range = /\/ByteRange \[0 (\d+) (\d+) (\d+)\]/.exec(text)?.slice(1).map(Number);
      expect(range).to.deep.equal([contentsStart, contentsEnd, bytes.length - contentsEnd]);
      expect(text.endsWith('%%EOF\n')).to.equal(true);
    });

    it('also when the record tries to look like a placeholder', async () => {
      const trap =
        '/ByteRange [0 /********** /********** /**********] /Contents <00> /ByteRange [0 0000000000 0000000000 0000000000]';
      const input = await inputFor([sampleFile(trap)], { declared: { ...sampleFacts().declared, source: trap } });
      const { bytes, contentsStart, contentsEnd } = await renderCertificate(input, nodeFonts());
      expect(contentsEnd - contentsStart).to.equal(2 * 4_096 + 2);
      const object = Buffer.from(bytes).toString('latin1').lastIndexOf(' 0 obj', contentsStart);
      const dictionary = Buffer.from(bytes.subarray(object, contentsStart)).toString('latin1');
      expect(dictionary)
        .to.match(/\/Type \/Sig\n/)
        .and.include(`/ByteRange [0 ${contentsStart} ${contentsEnd} `);
    });
  });

  describe('prints', () => {
    it('number, files, digests, every time with its source, keys, place in the ledger', async () => {
      const file = sampleFile('合同.pdf', 2_345_678);
      const input = await inputFor([file], {}, { silent: ['court-4'] });
      const { bytes } = await renderCertificate(input, nodeFonts());
      const text = flat(pageTexts(bytes).join('\n'));
      for (const expected of [
        '电子数据存证证书',
        'Certificate of Deposit',
        '019aa9d2-3c51-7b4e-8f02-6d1e5a7c9b30',
        '2,345,678 字节 bytes（2.24 MiB）',
        file.sha256,
        file.sm3 ?? '',
        '北京时间 2026-11-22 15:52:32.123（UTC 2026-11-22 07:52:32.123）',
        '北京时间 2026-11-22 15:52:41（UTC 2026-11-22 07:52:41）',
        'UTC 2026-11-22 07:52:37',
        '第 1 号条目（从 0 起计）',
        '本证书中无其签名',
        '示例国际仲裁院',
        '由存证平台的时钟记录',
        '提交人手机（型号示例 X1）相册导出',
        '未提供 Not provided',
        '平台由示例科技有限公司运营',
        'probata-verify',
      ]) {
        expect(text).to.include(flat(expected));
      }
      expect(text.match(/(Ed25519|ML-DSA-44)[0-9a-f]{8}/g)).to.have.length(2 * 5 + 1);
      expect(text).to.include('下列3家法院、2家仲裁机构');
    });

    it('as having cosigned whoever has signed with both keys, and which signature another lacks', async () => {
      const built = sampleRecord([sampleFile('a.pdf')]);
      const whole = await sampleProof(built, ['court-4']);
      // Lines of one key name: Ed25519, then ML-DSA-44.
      const without = (keyName: string, line: number): ((text: string) => string) => {
        let seen = -1;
        return (text) =>
          text
            .split('\n')
            .filter((each) => !each.includes(` ${keyName} `) || ++seen !== line)
            .join('\n');
      };
      const half = without('arbitration-1.probata.example', 0)(without('court-2.probata.example', 1)(whole.checkpoint));
      const proof = proofBytes({ ...whole, checkpoint: half });
      const input = { record: built.bytes, proof, signedAt: SIGNED_AT, contentsBytes: 4_096 };
      const text = pageTexts((await renderCertificate(input, nodeFonts())).bytes).join('\n');
      expect(flat(text)).to.include('下列2家法院、1家仲裁机构').and.include('2courtsand1arbitrationbodycosigned');
      expect(text).to.match(
        /Example Internet Court\n.*\n.*\n.*\nEd25519 [0-9a-f]{8}\n签名不全，缺 ML-DSA-44\nIncomplete: no ML-DSA-44\n/,
      );
      expect(text).to.match(/\nML-DSA-44 [0-9a-f]{8}\n签名不全，缺 Ed25519\nIncomplete: no Ed25519\n/);
      expect(text.match(/签名不全/g)).to.have.length(2);
    });

    it('100 files, and of the 101st that it is in the record', async () => {
      const files = Array.from({ length: 101 }, (_, i) => sampleFile(`证据 ${i + 1}.jpg`, i));
      expect(await textFor(files.slice(0, 100)))
        .to.include('证据 100.jpg')
        .and.not.include('其余');
      const more = await textFor(files);
      expect(more).to.include('证据 100.jpg').and.include('其余 1 个文件').and.not.include('证据 101.jpg');
    });

    it('that files are withheld, and how many', async () => {
      const files = ['a.pdf', 'b.pdf', 'c.pdf'].map((name) => sampleFile(name));
      const text = await textFor(files, {}, { show: [2] });
      expect(text).to.include('部分出示：本证书仅出示 3 个文件中的 1 个').and.include('b.pdf').and.not.include('a.pdf');
      expect(await textFor(files)).not.to.include('部分出示');
    });

    it('of digests alone that the platform never held the files', async () => {
      const text = await textFor([sampleFile('a')], { capture: { how: 'digest', transport: '', build: '' } });
      expect(text).to.include('文件未经平台').and.not.include('提交人上传文件');
    });

    it('every character of every text, with no glyph for missing ones', async () => {
      const names = [
        // Pairs that share a glyph: copied, they are still what they were.
        '①➀ –‒.txt',
        '张喆与朱镕𠮷.docx',
        '👨‍👩‍👧‍👦 👍🏽 🇨🇳.jpg',
        'Ärger ÿ 日本語 Ελλας Кириллица Việt.txt',
        'é'.repeat(127),
        'a'.repeat(255),
      ];
      const declared = { ...sampleFacts().declared, source: 'R&D <b>"quoted"</b> \\(x\\) ]]> {a: 1}\nsecond line' };
      const { bytes } = await renderCertificate(
        await inputFor(
          names.map((name) => sampleFile(name)),
          { declared },
        ),
        nodeFonts(),
      );
      const text = flat(pageTexts(bytes).join('\n'));
      for (const name of names) expect(text).to.include(flat(name));
      expect(text).to.include(flat(declared.source));
      expect(text).not.to.include('\ufffd').and.not.include('\u0000');
      expect(usedGlyphCodes(bytes).has('0000')).to.equal(false);
    });

    it('what hides, turns or has no glyph in visible notation', async () => {
      const text = await textFor([sampleFile('invoice\u202efdp.exe'), sampleFile('a\u0000b \u0e01\ue000 .txt ')]);
      expect(flat(text)).to.include('invoice‹U+202E›fdp.exe').and.include('a‹U+0000›b‹U+0E01›‹U+E000›.txt‹U+0020›');
    });

    it('Arabic and Hebrew from right to left', async () => {
      const text = await textFor([sampleFile('חוזה (2026).pdf')], {
        declared: { ...sampleFacts().declared, storage: 'عقد إيجار' },
      });
      // In the order drawn, left to right.
      expect(text).to.include('(2026) הזוח.pdf').and.include('راجيإ دقع');
    });

    it('signs without a mirrored form, letters and marks without an anchor', async () => {
      const text = await textFor(['חוזה 3∕4.pdf', 'ڥ.txt', 'a\u0615.txt'].map((name) => sampleFile(name)));
      expect(text).to.include('4∕3 הזוח.pdf').and.include('ڥ').and.include('a\u0615.txt');
    });

    it('over and beside all that the submitter declares whose words they are, and that nobody checked them', async () => {
      const word = '第七项核验结论';
      const long = `${word}经法院核验，文件真实。\n`.repeat(90);
      const declared = { ...sampleFacts().declared, generation: long, storage: '', corroboration: long };
      const { bytes } = await renderCertificate(await inputFor([sampleFile('a')], { declared }), nodeFonts());
      const operators = pageOperators(bytes);
      const pages = pageTexts(bytes).map((text, i) => ({
        lines: text.split(word).length - 1,
        text,
        // Points of the lines beside the submitter's words.
        beside: [...String(operators[i]).matchAll(/^0\.72 0\.55 0\.25 rg 180 \S+ 1\.5 (\S+) re f/gm)].map(
          ([, height]) => Number(height),
        ),
      }));
      expect(pages.filter(({ lines }) => lines > 0)).to.have.length.greaterThan(4);
      for (const { lines, text, beside } of pages.filter(({ lines }) => lines > 0)) {
        expect(text).to.include('第十八条 上链前').and.include('以下六项为提交人申报，平台照录，未经核实');
        expect(Math.max(...beside)).to.be.at.most(720);
        expect(beside.reduce((sum, height) => sum + height, 0)).to.be.at.least(lines * 14);
      }
      const all = pages.map(({ text }) => text).join('\n');
      expect(all.match(/生成机制（续）\nHow generated \(continued\)\n/g)).to.have.length(2);
      expect(all.match(/关联印证数据（续）\nCorroborating data \(continued\)\n/g)).to.have.length(2);
      // Two facts on three pages each, and the source on one: that the others are not provided is the platform's word.
      expect(pages.flatMap(({ beside }) => beside)).to.have.length(1 + 3 + 3);
    });

    it('of a fact without visible text that it is not provided', async () => {
      const blank = {
        source: ' ',
        generation: '\u3164',
        storage: '\u200b',
        notarisation: '\n\u3000',
        witness: '\u2060',
        corroboration: '',
      };
      const input = await inputFor([sampleFile('a')], { declared: blank });
      const { bytes } = await renderCertificate(input, nodeFonts());
      expect(
        pageTexts(bytes)
          .join('\n')
          .match(/未提供 Not provided/g),
      ).to.have.length(6);
      expect(pageOperators(bytes).join('\n')).not.to.include('0.72 0.55 0.25 rg');
    });

    it('no page more for line feeds', async () => {
      const pagesOf = async (text: string): Promise<number> => {
        const declared = Object.fromEntries(Object.keys(sampleFacts().declared).map((fact) => [fact, text]));
        const change = { declared: { ...sampleFacts().declared, ...declared } };
        return pageTexts((await renderCertificate(await inputFor([sampleFile('a')], change), nodeFonts())).bytes)
          .length;
      };
      expect(await pagesOf(`a${'\n'.repeat(1_990)}b`)).to.equal(await pagesOf('a\n\nb'));
      expect(await pagesOf('a\n'.repeat(1_000))).to.be.below(36);
    });

    it('texts as long as they may be, over several pages', async () => {
      const long = {
        source: '很长的说明，'.repeat(333),
        generation: `x${'\u0000'.repeat(1_999)}`,
        storage: 'x'.repeat(2_000),
      };
      const input = await inputFor([sampleFile('\u202e'.repeat(255))], {
        declared: { ...sampleFacts().declared, ...long },
      });
      const pages = pageTexts((await renderCertificate(input, nodeFonts())).bytes);
      expect(pages.join('').match(/‹U\+0000›/g)).to.have.length(1_999);
      expect(pages.join('').match(/‹U\+202E›/g)).to.have.length(255);
      expect(pages.join('').match(/很/g)).to.have.length(333);
      for (const [i, page] of pages.entries()) expect(page).to.include(`第 ${i + 1} 页，共 ${pages.length} 页`);
      for (const page of pages.slice(1)) expect(page).to.include('019aa9d2-3c51-7b4e-8f02-6d1e5a7c9b30');
    });
  });

  describe('refuses', () => {
    it('to draw again what another renderer drew', async () => {
      const input = await inputFor([sampleFile('a')]);
      const by = (renderer: string) => codeOf(renderCertificate({ ...input, renderer }, nodeFonts()));
      expect(await by('0'.repeat(64))).to.equal('renderer-unknown');
      expect(await by(rendererId())).to.equal(undefined);
    });

    it('fonts that are not the ones it draws with', async () => {
      const other = loadFonts(() => new Uint8Array(1_000));
      expect(await codeOf(renderCertificate(await inputFor([sampleFile('a')]), other))).to.equal('renderer-unknown');
    });

    it('a broken record or proof, and parts of two records', async () => {
      const input = await inputFor([sampleFile('a'), sampleFile('b')]);
      const bad = new Uint8Array([0x7b]);
      expect(await codeOf(renderCertificate({ ...input, record: bad }, nodeFonts()))).to.equal('record-malformed');
      expect(await codeOf(renderCertificate({ ...input, proof: bad }, nodeFonts()))).to.equal('tlog-proof-malformed');
      const shown = showFiles(sampleRecord([sampleFile('a'), sampleFile('b')]).record, [1]);
      Object.assign(header(shown), { received: '2026-11-22T07:52:32.124Z' });
      const record = formatRecord(shown);
      expect(await codeOf(renderCertificate({ ...input, record }, nodeFonts()))).to.equal('commitment-mismatch');
    });
  });
});
