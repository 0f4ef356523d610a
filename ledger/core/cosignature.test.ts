/** Cosignatures of both types: the messages exactly as tlog-cosignature prints them, times, and every refusal. */
import { expect } from 'chai';
import { concat, equal, hexEncode, uint64, utf8Encode } from './bytes.ts';
import { type Checkpoint, formatCheckpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { checkSubtreeCosignature, cosign, cosignSubtree, openCosignatures } from './cosignature.ts';
import { EMPTY_ROOT } from './hash.ts';
import { COSIGNATURE_TIME_MAX, INDEX_MAX } from './limits.ts';
import { formatNote, type Note, type NoteSignature, parseNote, vkeyOf } from './note.ts';
import { type Signer, signNote, verifySignature } from './signature.ts';
import { flipped, TestTree, testSigner, verdict, verdictOf } from './testing.ts';

const TEXT = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
const checkpoint = parseCheckpoint(TEXT);
const TIME = 1_679_315_147n;

const ed25519 = testSigner('court-1.example', 0x04, 1);
const mlDsa = testSigner('court-1.example', 0x06, 1);
const keys = [ed25519.key, mlDsa.key];

/** The same signer, which also notes what it was asked to sign. */
function recording(signer: Signer): { signer: Signer; messages: Uint8Array[] } {
  const messages: Uint8Array[] = [];
  const sign = (message: Uint8Array) => {
    messages.push(message);
    return signer.sign(message);
  };
  return { signer: { key: signer.key, sign }, messages };
}

const noteWith = (...signatures: NoteSignature[]): Note => ({ text: TEXT, signatures });

describe('cosignature', () => {
  it('signs with Ed25519 the message that tlog-cosignature prints', async () => {
    const { signer, messages } = recording(ed25519);
    const line = await cosign(checkpoint, TIME, signer);
    expect(messages).to.deep.equal([utf8Encode(`cosignature/v1\ntime 1679315147\n${TEXT}`)]);
    expect(line.signature).to.have.length(8 + 64);
    expect(line.signature.slice(0, 8)).to.deep.equal(uint64(TIME));
  });

  it('signs with ML-DSA-44 the structure that tlog-cosignature defines', async () => {
    const { signer, messages } = recording(mlDsa);
    const line = await cosign(checkpoint, TIME, signer);
    const expected = [
      `${hexEncode(utf8Encode('subtree/v1\n'))}00`, // label[12]
      `0f${hexEncode(utf8Encode('court-1.example'))}`, // cosigner_name
      '00000000641850cb', // timestamp, as in the document's example line
      `1b${hexEncode(utf8Encode('example.com/behind-the-sofa'))}`, // log_origin
      '0000000000000000', // start
      '00000000013e2dc3', // end
      hexEncode(checkpoint.root),
    ];
    expect(messages.map(hexEncode)).to.deep.equal([expected.join('')]);
    expect(line.signature).to.have.length(8 + 2420);
  });

  it('covers extension lines with Ed25519, and not with ML-DSA-44', async () => {
    const extended: Checkpoint = { ...checkpoint, extensions: ['more'] };
    const text = formatCheckpoint(extended);
    const lines = [await cosign(checkpoint, TIME, ed25519), await cosign(checkpoint, TIME, mlDsa)] as const;
    expect(verdict(() => openCosignatures({ text, signatures: [lines[0]] }, keys))).to.equal('signature-bad');
    expect(openCosignatures({ text, signatures: [lines[1]] }, keys)).to.have.length(1);
  });

  it('opens both types of one cosigner, through the text of the note', async () => {
    const lines = [await cosign(checkpoint, TIME, ed25519), await cosign(checkpoint, TIME + 1n, mlDsa)];
    const opened = openCosignatures(parseNote(formatNote(noteWith(...lines))), keys);
    expect(opened).to.deep.equal([
      { key: ed25519.key, timeSeconds: TIME, line: lines[0] },
      { key: mlDsa.key, timeSeconds: TIME + 1n, line: lines[1] },
    ]);
  });

  it('opens beside the log’s own signature', async () => {
    const log = testSigner('example.com/behind-the-sofa', 0x01, 7);
    const note = noteWith(await signNote(TEXT, log), await cosign(checkpoint, TIME, ed25519));
    expect(openCheckpoint(note, [log.key])).to.deep.equal(checkpoint);
    expect(openCosignatures(note, [...keys, log.key]).map(({ key }) => key)).to.deep.equal([ed25519.key]);
  });

  it('counts a key once, and ignores unknown keys even when they share a name or an ID', async () => {
    const line = await cosign(checkpoint, TIME, ed25519);
    const later = await cosign(checkpoint, TIME + 9n, ed25519);
    const strangers = [
      { ...line, name: 'court-2.example', signature: flipped(line.signature, 20) },
      { ...line, keyId: (line.keyId ^ 1) >>> 0, signature: Uint8Array.of(1) },
    ];
    const opened = openCosignatures(noteWith(...strangers, line, later), keys);
    expect(opened.map(({ timeSeconds }) => timeSeconds)).to.deep.equal([TIME]);
    expect(openCosignatures(noteWith(...strangers), keys)).to.deep.equal([]);
    expect(openCosignatures(noteWith(line), [])).to.deep.equal([]);
  });

  for (const signer of [ed25519, mlDsa]) {
    const type = signer.key.type;

    it(`refuses a changed time, root, size or origin, type ${type}`, async () => {
      const line = await cosign(checkpoint, TIME, signer);
      expect(
        verdict(() => openCosignatures(noteWith({ ...line, signature: flipped(line.signature, 7) }), keys)),
      ).to.equal('signature-bad');
      const others: Partial<Checkpoint>[] = [
        { root: EMPTY_ROOT },
        { size: 20_852_164 },
        { origin: 'example.com/other' },
      ];
      for (const other of others) {
        const text = formatCheckpoint({ ...checkpoint, ...other });
        expect(verdict(() => openCosignatures({ text, signatures: [line] }, keys))).to.equal('signature-bad');
      }
    });

    it(`refuses one bad line of a known key even beside a good one, type ${type}`, async () => {
      const line = await cosign(checkpoint, TIME, signer);
      const bad = { ...line, signature: flipped(line.signature, 40, 3) };
      for (const lines of [[bad], [line, bad], [bad, line]]) {
        expect(verdict(() => openCosignatures(noteWith(...lines), keys))).to.equal('signature-bad');
      }
    });

    it(`refuses a wrong length, no time, and a time beyond 2^63 - 1, type ${type}`, async () => {
      const line = await cosign(checkpoint, TIME, signer);
      const raw = line.signature.slice(8);
      const longer = concat(line.signature, Uint8Array.of(0));
      for (const signature of [
        line.signature.slice(1),
        longer,
        raw,
        concat(uint64(0), raw),
        concat(uint64(2n ** 63n), raw),
      ]) {
        const found = verdict(() => openCosignatures(noteWith({ ...line, signature }), keys));
        expect(found).to.equal('cosignature-malformed');
      }
    });

    it(`does not cosign without a time or beyond 2^63 - 1, type ${type}`, async () => {
      for (const time of [0n, -1n, COSIGNATURE_TIME_MAX + 1n]) {
        const failed = await cosign(checkpoint, time, signer).then(String, (error: Error) => error.message);
        expect(failed).to.include('invariant');
      }
      const last = await cosign(checkpoint, COSIGNATURE_TIME_MAX, signer);
      expect(openCosignatures(noteWith(last), keys)[0]?.timeSeconds).to.equal(COSIGNATURE_TIME_MAX);
    });
  }

  it('binds the cosigner’s name with ML-DSA-44', async () => {
    const line = await cosign(checkpoint, TIME, mlDsa);
    const renamed = vkeyOf('court-2.example', 0x06, mlDsa.key.publicKey);
    const moved = { ...line, name: renamed.name, keyId: renamed.id };
    expect(verdict(() => openCosignatures(noteWith(moved), [renamed]))).to.equal('signature-bad');
  });

  it('cosigns the largest size there is', async () => {
    const largest = { ...checkpoint, size: INDEX_MAX };
    const signatures = [await cosign(largest, TIME, mlDsa), await cosign(largest, TIME, ed25519)];
    expect(openCosignatures({ text: formatCheckpoint(largest), signatures }, keys)).to.have.length(2);
  });

  it('refuses names that ML-DSA-44 cannot sign, and texts that are no checkpoint', async () => {
    const long = { ...checkpoint, origin: 'a'.repeat(256) };
    const line = await cosign(checkpoint, TIME, mlDsa);
    const note: Note = { text: formatCheckpoint(long), signatures: [line] };
    expect(verdict(() => openCosignatures(note, keys))).to.equal('cosignature-malformed');
    expect(verdict(() => openCosignatures({ text: 'a\n', signatures: [line] }, keys))).to.equal('checkpoint-malformed');
    for (const origin of ['', 'a'.repeat(256)]) {
      expect(await verdictOf(() => cosign({ ...checkpoint, origin }, TIME, mlDsa))).to.equal('cosignature-malformed');
    }
  });
});

describe('subtree cosignature', () => {
  const tree = new TestTree(14);
  const subtree = { lo: 8, hi: 13, root: tree.root(8, 13) };

  it('signs without a time and verifies under its key only', async () => {
    const { signer, messages } = recording(mlDsa);
    const line = await cosignSubtree('ledger.example', subtree, signer);
    const [message] = messages as [Uint8Array];
    expect(hexEncode(message)).to.include(`${'0'.repeat(16)}0e${hexEncode(utf8Encode('ledger.example'))}`);
    expect(equal(message.slice(-48), concat(uint64(8), uint64(13), subtree.root))).to.equal(true);
    expect(line.signature.slice(0, 8)).to.deep.equal(new Uint8Array(8));
    expect(verifySignature(mlDsa.key, message, line.signature.slice(8))).to.equal(true);
    checkSubtreeCosignature('ledger.example', subtree, line, mlDsa.key);
  });

  it('refuses another origin, range, root, key or type', async () => {
    const line = await cosignSubtree('ledger.example', subtree, mlDsa);
    const other = testSigner('court-2.example', 0x06, 2).key;
    const check = (origin: string, changed: typeof subtree, key = mlDsa.key, changedLine = line) =>
      verdict(() => checkSubtreeCosignature(origin, changed, changedLine, key));
    expect(check('ledger.example', subtree)).to.equal('accepted');
    expect(check('other.example', subtree)).to.equal('signature-bad');
    expect(check('ledger.example', { ...subtree, hi: 12 })).to.equal('signature-bad');
    expect(check('ledger.example', { ...subtree, lo: 0 })).to.equal('signature-bad');
    expect(check('ledger.example', { ...subtree, root: EMPTY_ROOT })).to.equal('signature-bad');
    expect(check('ledger.example', subtree, other)).to.equal('signature-bad');
    expect(check('ledger.example', subtree, ed25519.key)).to.equal('cosignature-malformed');
    const timed = { ...line, signature: concat(uint64(TIME), line.signature.slice(8)) };
    expect(check('ledger.example', subtree, mlDsa.key, timed)).to.equal('cosignature-malformed');
  });

  it('is never taken for a cosignature on the checkpoint of the same tree', async () => {
    const head = { origin: 'ledger.example', size: 14, root: tree.root(0, 14), extensions: [] };
    const line = await cosignSubtree(head.origin, { lo: 0, hi: 14, root: head.root }, mlDsa);
    const note: Note = { text: formatCheckpoint(head), signatures: [line] };
    expect(verdict(() => openCosignatures(note, keys))).to.equal('cosignature-malformed');
  });

  it('breaks on Ed25519 keys and on ranges that are no subtree', async () => {
    const failures = await Promise.all([
      cosignSubtree('a', subtree, ed25519).then(String, String),
      cosignSubtree('a', { ...subtree, lo: 7 }, mlDsa).then(String, String),
      cosign(checkpoint, TIME, testSigner('a', 0x01, 1)).then(String, String),
    ]);
    for (const failure of failures) expect(failure).to.include('invariant');
  });
});
