/** Every format of the ledger is recognised for what it is, and nothing else is. */
import { expect } from 'chai';
import { formatBundle } from '../core/bundle.ts';
import { utf8Encode } from '../core/bytes.ts';
import { formatCheckpoint } from '../core/checkpoint.ts';
import { cosign } from '../core/cosignature.ts';
import { formatEntry } from '../core/entry.ts';
import { leafHash } from '../core/hash.ts';
import { formatNote, formatSignatureLine, formatVkey } from '../core/note.ts';
import { signNote } from '../core/signature.ts';
import { formatTlogProof } from '../core/tlog-proof.ts';
import { testSigner } from '../witness/testing.ts';
import { inspectLedger } from './inspect.ts';

const ORIGIN = 'ledger.test.example';
const log = testSigner(ORIGIN, 0x01);
const [ed25519, mlDsa44] = [testSigner('court-1.test.example', 0x04), testSigner('court-1.test.example', 0x06)];
const id = '01890a5d-ac96-774b-bcce-b302099a8057';
const entry = formatEntry({
  kind: 'deposit',
  v: 1,
  id,
  received: '2026-01-02T03:04:05.678Z',
  commitment: 'ab'.repeat(32),
});
const checkpoint = { origin: ORIGIN, size: 1, root: leafHash(entry), extensions: [] };

async function note(): Promise<string> {
  const signatures = [
    await signNote(formatCheckpoint(checkpoint), log),
    await cosign(checkpoint, 1_767_323_045n, ed25519),
    await cosign(checkpoint, 1_767_323_046n, mlDsa44),
  ];
  return formatNote({ text: formatCheckpoint(checkpoint), signatures });
}

const lines = (bytes: Uint8Array | string): string[] | undefined =>
  inspectLedger(typeof bytes === 'string' ? utf8Encode(bytes) : bytes);

describe('ledger/tools/inspect', () => {
  it('shows a checkpoint with who signed it and when', async () => {
    const shown = lines(await note());
    expect(shown?.[0]).match(/^checkpoint/);
    expect(shown).include(`  origin ${ORIGIN}`).and.include('  tree size 1');
    const all = shown?.join('\n');
    expect(all).match(/signature ledger\.test\.example key [0-9a-f]{8} Ed25519\n/);
    expect(all).match(/court-1\.test\.example key [0-9a-f]{8} Ed25519 cosignature at 2026-01-02T03:04:05\.000Z/);
    expect(all).match(/ML-DSA-44 cosignature at 2026-01-02T03:04:06\.000Z/);
  });

  it('shows a proof with its index, hashes and checkpoint', async () => {
    const proof = formatTlogProof({ index: 0, proof: [leafHash(entry)], checkpoint: await note() });
    const shown = lines(proof);
    expect(shown?.[0]).match(/^tlog-proof/);
    expect(shown).include('  index 0').and.include('  tree size 1');
    expect(shown?.filter((line) => line.startsWith('  hash'))).lengthOf(1);
  });

  it('shows other notes, signature lines, policies, keys, entries, bundles and tiles', async () => {
    const signature = await signNote('hello\n', log);
    expect(lines(formatNote({ text: 'hello\n', signatures: [signature] }))?.slice(0, 2)).deep.equal([
      'signed note (signatures not verified)',
      '  hello',
    ]);
    expect(lines(formatSignatureLine(signature))?.[0]).equal('signature lines');
    const policy = `log ${formatVkey(log.key)}\nwitness a ${formatVkey(ed25519.key)} http://a/witness\ngroup g any a\nquorum g\n`;
    expect(lines(policy)).include('  group g: 1 of a').and.include('  quorum g');
    expect(lines(`${formatVkey(mlDsa44.key)}\n`)?.[1]).match(/court-1\.test\.example key [0-9a-f]{8} ML-DSA-44/);
    expect(lines(entry)?.[0]).equal('entry: deposit');
    const bundle = lines(formatBundle([entry, entry]));
    expect(bundle?.[0]).equal('entry bundle of 2');
    expect(bundle?.[2]).contain(id);
    expect(lines(leafHash(entry))?.[0]).match(/^perhaps a hash tile of width 1/);
  });

  it('says nothing of what it does not know', () => {
    for (const bytes of ['', 'hello', '{}', formatBundle([utf8Encode('not an entry')]), new Uint8Array(33)]) {
      expect(lines(bytes)).equal(undefined);
    }
  });
});
