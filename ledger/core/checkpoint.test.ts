/** Checkpoints: the example of tlog-checkpoint, every MUST, and who may sign which origin. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { type Checkpoint, formatCheckpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { EMPTY_ROOT } from './hash.ts';
import { INDEX_MAX } from './limits.ts';
import { isNoteText, type Note } from './note.ts';
import { signNote } from './signature.ts';
import { flipped, testSigner, verdict } from './testing.ts';

const TEXT = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
const ROOT = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';

const log = testSigner('ledger.example', 0x01, 1);
const checkpoint: Checkpoint = { origin: 'ledger.example', size: 7, root: EMPTY_ROOT, extensions: [] };

describe('checkpoint', () => {
  it('reads and writes the example of tlog-checkpoint', () => {
    const parsed = parseCheckpoint(TEXT);
    expect([parsed.origin, parsed.size, parsed.extensions]).to.deep.equal([
      'example.com/behind-the-sofa',
      20_852_163,
      [],
    ]);
    expect(formatCheckpoint(parsed)).to.equal(TEXT);
  });

  it('gives back every checkpoint it writes', () => {
    const line = fc
      .string({ minLength: 1, unit: 'binary' })
      .filter((text) => isNoteText(`${text}\n`) && !text.includes('\n'));
    const root = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const any = fc.record({ origin: line, size: fc.maxSafeNat(), root, extensions: fc.array(line, { maxLength: 3 }) });
    fc.assert(fc.property(any, (each) => void expect(parseCheckpoint(formatCheckpoint(each))).to.deep.equal(each)));
  });

  it('accepts a text only as it writes it', () => {
    fc.assert(
      fc.property(fc.nat(TEXT.length), fc.constantFrom('', ...'0=\n a+\t'), fc.nat(2), (at, inserted, dropped) => {
        const changed = TEXT.slice(0, at) + inserted + TEXT.slice(at + dropped);
        if (verdict(() => parseCheckpoint(changed)) !== 'accepted') return;
        expect(formatCheckpoint(parseCheckpoint(changed))).to.equal(changed);
      }),
      { numRuns: 1000 },
    );
  });

  const malformed: [why: string, text: string][] = [
    ['nothing', ''],
    ['two lines', `a\n7\n`],
    ['no newline at the end', `a\n7\n${ROOT}`],
    ['an empty origin', `\n7\n${ROOT}\n`],
    ['a leading zero', `a\n07\n${ROOT}\n`],
    ['an empty size', `a\n\n${ROOT}\n`],
    ['a size with a sign', `a\n+7\n${ROOT}\n`],
    ['a size in hex', `a\n0x7\n${ROOT}\n`],
    ['a size with a space', `a\n7 \n${ROOT}\n`],
    ['a size above 2^53 - 1', `a\n9007199254740992\n${ROOT}\n`],
    ['a root of 31 bytes', `a\n7\n${'A'.repeat(40)}AA==\n`],
    ['a root of 33 bytes', `a\n7\n${'A'.repeat(44)}\n`],
    ['a root that is not base64', `a\n7\n${ROOT.replace('C', '!')}\n`],
    ['a root in base64url', `a\n7\n${ROOT.replace('/', '_')}\n`],
    ['a root with a second spelling', `a\n7\n${ROOT.replace('2I=', '2J=')}\n`],
    ['an empty extension line', `a\n7\n${ROOT}\n\n`],
    ['an empty line between extensions', `a\n7\n${ROOT}\nx\n\ny\n`],
    ['carriage returns', `a\r\n7\r\n${ROOT}\r\n`],
    ['a tab in the origin', `a\tb\n7\n${ROOT}\n`],
  ];
  for (const [why, text] of malformed) {
    it(`refuses ${why}`, () => expect(verdict(() => parseCheckpoint(text))).to.equal('checkpoint-malformed'));
  }

  it('takes size 0 and the largest size', () => {
    for (const size of [0, INDEX_MAX]) {
      expect(parseCheckpoint(`a\n${size}\n${ROOT}\n`).size).to.equal(size);
    }
  });

  describe('opening', () => {
    const noteOf = async (each: Checkpoint, ...signers: (typeof log)[]): Promise<Note> => {
      const text = formatCheckpoint(each);
      return { text, signatures: await Promise.all(signers.map((signer) => signNote(text, signer))) };
    };

    it('gives the checkpoint that the named log signed', async () => {
      expect(openCheckpoint(await noteOf(checkpoint, log), [log.key])).to.deep.equal(checkpoint);
    });

    it('verifies extension lines as part of the text', async () => {
      const extended = { ...checkpoint, extensions: ['x'] };
      const note = await noteOf(extended, log);
      expect(openCheckpoint(note, [log.key])).to.deep.equal(extended);
      const stripped = { ...note, text: formatCheckpoint(checkpoint) };
      expect(verdict(() => openCheckpoint(stripped, [log.key]))).to.equal('signature-bad');
    });

    it('refuses an origin without a key, even when a known log signed it', async () => {
      const other = testSigner('other.example', 0x01, 2);
      const note = await noteOf({ ...checkpoint, origin: 'third.example' }, log, other);
      expect(verdict(() => openCheckpoint(note, [log.key, other.key]))).to.equal('origin-unknown');
    });

    it('does not let one log sign for another', async () => {
      const other = testSigner('other.example', 0x01, 2);
      const note = await noteOf(checkpoint, other);
      expect(verdict(() => openCheckpoint(note, [log.key, other.key]))).to.equal('note-not-signed');
    });

    it('refuses a bad signature and a text that is no checkpoint', async () => {
      const note = await noteOf(checkpoint, log);
      const signatures = note.signatures.map((line) => ({ ...line, signature: flipped(line.signature, 40) }));
      expect(verdict(() => openCheckpoint({ ...note, signatures }, [log.key]))).to.equal('signature-bad');
      expect(verdict(() => openCheckpoint({ ...note, text: 'a\n' }, [log.key]))).to.equal('checkpoint-malformed');
    });
  });
});
