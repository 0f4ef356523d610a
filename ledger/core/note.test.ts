/** Signed notes and vkeys: the examples of signed-note, every MUST, and that format and parse are each other's inverse. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { base64Encode, concat, utf8Encode } from './bytes.ts';
import { NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX } from './limits.ts';
import {
  formatNote,
  formatSignatureLine,
  formatVkey,
  isKeyName,
  type Note,
  openNote,
  parseNote,
  parseSignatureLines,
  parseVkey,
  vkeyOf,
} from './note.ts';
import { signNote } from './signature.ts';
import { flipped, testSigner, verdict } from './testing.ts';

const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const NOTE =
  'This is an example message.\n\n' +
  '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';

const key = parseVkey(VKEY);
const log = testSigner('ledger.example', 0x01, 1);
const other = testSigner('other.example', 0x01, 2);
const text = 'one\n\ntwo\n';

/** The name space that tests draw from: letters, and everything that is special somewhere. */
const special = fc.constantFrom(...'aé \n\t+—=/\u0000\u0085\u00a0\u2003\u3000\ufeff');

describe('vkey', () => {
  it('reads and writes the example of signed-note', () => {
    expect([key.name, key.id, key.type, key.publicKey.length]).to.deep.equal(['example.com/foo', 0x530d903a, 0x01, 32]);
    expect(formatVkey(key)).to.equal(VKEY);
  });

  it('gives back keys of the three types, each with an ID of its own', () => {
    const keys = ([0x01, 0x04, 0x06] as const).map((type) => testSigner('court-1.example', type, 9).key);
    for (const each of keys) expect(parseVkey(formatVkey(each))).to.deep.equal(each);
    expect(new Set(keys.map((each) => each.id)).size).to.equal(3);
  });

  const malformed: [why: string, text: string][] = [
    ['nothing', ''],
    ['no plus signs', 'example.com/foo'],
    ['no name', VKEY.slice('example.com/foo'.length)],
    ['a space in the name', VKEY.replace('.com', ' com')],
    ['a no-break space in the name', VKEY.replace('.com', '\u00a0com')],
    ['another key ID', VKEY.replace('530d903a', '530d903b')],
    ['another name, so another ID', VKEY.replace('foo', 'bar')],
    ['an upper-case key ID', VKEY.replace('530d903a', '530D903A')],
    ['a short key ID', VKEY.replace('530d903a', '530d903')],
    ['no base64', VKEY.slice(0, -44)],
    ['base64 without a needed digit', VKEY.slice(0, -1)],
    ['base64url', VKEY.replace('Rrm5', 'Rr-5')],
    ['a newline at the end', `${VKEY}\n`],
    ['a space at the end', `${VKEY} `],
    ['a key of 31 bytes', `a+00000000+${base64Encode(concat(Uint8Array.of(1), new Uint8Array(31)))}`],
    ['an Ed25519 key of type 0x06', `a+00000000+${base64Encode(concat(Uint8Array.of(6), new Uint8Array(32)))}`],
    ['type 0x02, ECDSA', `a+00000000+${base64Encode(concat(Uint8Array.of(2), new Uint8Array(32)))}`],
    ['no type', 'a+00000000+'],
  ];
  for (const [why, changed] of malformed) {
    it(`refuses ${why}`, () => expect(verdict(() => parseVkey(changed))).to.equal('vkey-malformed'));
  }

  it('refuses types it does not know even with the right key ID', () => {
    for (const type of [0x00, 0x02, 0x05, 0xff]) {
      const unknown = formatVkey(vkeyOf('a.example', type as 0x01, key.publicKey));
      expect(
        verdict(() => parseVkey(unknown)),
        String(type),
      ).to.equal('vkey-malformed');
    }
  });

  it('accepts a text only as formatVkey writes it', () => {
    fc.assert(
      fc.property(fc.nat(VKEY.length - 1), fc.constantFrom(...'aA0+/= \n'), (at, character) => {
        const changed = VKEY.slice(0, at) + character + VKEY.slice(at + 1);
        expect(verdict(() => parseVkey(changed))).to.equal(changed === VKEY ? 'accepted' : 'vkey-malformed');
      }),
    );
  });

  it('makes no key of an impossible name or length', () => {
    const publicKey = key.publicKey;
    for (const name of ['', 'a b', 'a+b', 'a\nb', '\ud800', 'a\u2028b', 'a\u0001']) {
      expect(
        verdict(() => vkeyOf(name, 0x01, publicKey)),
        JSON.stringify(name),
      ).to.equal('vkey-malformed');
    }
    expect(verdict(() => vkeyOf('a', 0x06, publicKey))).to.equal('vkey-malformed');
    expect(verdict(() => vkeyOf('a', 0x04, publicKey.slice(1)))).to.equal('vkey-malformed');
    const long = 'é'.repeat(128); // 256 bytes
    expect(verdict(() => vkeyOf(long, 0x06, new Uint8Array(1312)))).to.equal('vkey-malformed');
    expect(verdict(() => vkeyOf(long.slice(1), 0x06, new Uint8Array(1312)))).to.equal('accepted');
    expect(verdict(() => vkeyOf(long, 0x01, publicKey))).to.equal('accepted');
  });
});

describe('note', () => {
  it('opens the example of signed-note', () => {
    const note = parseNote(NOTE);
    expect(note.text).to.equal('This is an example message.\n');
    expect(openNote(note, [key]).map((line) => [line.name, line.keyId])).to.deep.equal([
      ['example.com/foo', 0x530d903a],
    ]);
    expect(formatNote(note)).to.equal(NOTE);
    expect(parseNote(utf8Encode(NOTE))).to.deep.equal(note);
  });

  it('splits at the last empty line', async () => {
    for (const each of ['\n', '\n\n', 'a\n', 'a\n\n', '\na\n', text]) {
      const note: Note = { text: each, signatures: [await signNote(each, log)] };
      expect(parseNote(formatNote(note))).to.deep.equal(note);
      expect(openNote(parseNote(formatNote(note)), [log.key])).to.have.length(1);
    }
  });

  it('gives back every note it writes', () => {
    const line = fc.record({
      name: fc.string({ minLength: 1, unit: special }).filter(isKeyName),
      keyId: fc.nat(0xffffffff),
      signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
    });
    const noteText = fc
      .string({ unit: special })
      .map((each) => `${each.replaceAll('\t', '').replaceAll('\u0000', '')}\n`);
    fc.assert(
      fc.property(noteText, fc.array(line, { minLength: 1, maxLength: 4 }), (each, signatures) => {
        expect(parseNote(formatNote({ text: each, signatures }))).to.deep.equal({ text: each, signatures });
      }),
    );
  });

  it('accepts a text only as it writes it', () => {
    fc.assert(
      fc.property(
        fc.nat(NOTE.length),
        fc.string({ unit: special, maxLength: 2 }),
        fc.nat(2),
        (at, inserted, dropped) => {
          const changed = NOTE.slice(0, at) + inserted + NOTE.slice(at + dropped);
          if (verdict(() => parseNote(changed)) === 'accepted')
            expect(formatNote(parseNote(changed))).to.equal(changed);
        },
      ),
      { numRuns: 1000 },
    );
  });

  const signature = 'Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=';
  const malformed: [why: string, note: string | Uint8Array][] = [
    ['nothing', ''],
    ['only a newline', '\n'],
    ['no text', `\n— example.com/foo ${signature}\n`],
    ['no empty line', `text\n— example.com/foo ${signature}\n`],
    ['no signature', 'text\n\n'],
    ['no newline at the end', NOTE.slice(0, -1)],
    ['text after the signatures', `${NOTE}more\n`],
    ['an empty line after the signatures', `${NOTE}\n`],
    ['a carriage return', NOTE.replaceAll('\n', '\r\n')],
    ['a tab in the text', NOTE.replace('an example', 'an\texample')],
    ['a NUL in the text', NOTE.replace('an example', 'an\u0000example')],
    ['a hyphen for the dash', NOTE.replace('—', '-')],
    ['an en dash', NOTE.replace('—', '–')],
    ['no space after the dash', NOTE.replace('— ', '—')],
    ['a no-break space after the dash', NOTE.replace('— ', '—\u00a0')],
    ['two spaces', NOTE.replace('foo ', 'foo  ')],
    ['a space at the end of a line', NOTE.replace('=\n', '= \n')],
    ['a plus sign in a name', NOTE.replace('/foo', '+foo')],
    ['a space in a name', NOTE.replace('/foo', ' foo')],
    ['an ideographic space in a name', NOTE.replace('/foo', '\u3000foo')],
    ['a name missing', NOTE.replace('example.com/foo ', '')],
    ['base64 without padding', NOTE.replace('=\n', '\n')],
    ['base64 with bits that no byte takes', NOTE.replace('aQM=', 'aQN=')],
    ['a signature of four bytes', 'text\n\n— a AAAAAA==\n'],
    ['no UTF-8', concat(utf8Encode('a'), Uint8Array.of(0xff), utf8Encode(NOTE))],
    ['a lone surrogate', `\ud800${NOTE}`],
    ['too many signature lines', `text\n\n${`— a ${signature}\n`.repeat(NOTE_SIGNATURES_MAX + 1)}`],
    ['too many bytes', 'é'.repeat(NOTE_BYTES_MAX / 2) + NOTE],
    ['too many characters', 'a'.repeat(NOTE_BYTES_MAX) + NOTE],
  ];
  for (const [why, each] of malformed) {
    it(`refuses ${why}`, () => expect(verdict(() => parseNote(each))).to.equal('note-malformed'));
  }

  it('accepts as many signature lines as the limit, and the 16 that signed-note asks for at least', () => {
    for (const count of [16, NOTE_SIGNATURES_MAX]) {
      expect(parseNote(`text\n\n${`— a ${signature}\n`.repeat(count)}`).signatures).to.have.length(count);
    }
  });

  it('breaks rather than write a text that no note has', () => {
    for (const each of ['', 'a', 'a\tb\n', '\ud800\n']) {
      expect(() => formatNote({ text: each, signatures: [] })).to.throw('invariant');
    }
  });

  it('reads signature lines on their own, as a witness answers them', async () => {
    const line = await signNote(text, log);
    expect(parseSignatureLines(formatSignatureLine(line).repeat(2))).to.deep.equal([line, line]);
    for (const each of ['', '\n', formatSignatureLine(line).slice(0, -1), `${formatSignatureLine(line)}\n`]) {
      expect(verdict(() => parseSignatureLines(each))).to.equal('note-malformed');
    }
  });
});

describe('opening a note', () => {
  it('verifies known keys, ignores unknown ones, and counts a key once', async () => {
    const [a, b] = [await signNote(text, log), await signNote(text, other)];
    const note: Note = { text, signatures: [a, b, a] };
    expect(openNote(note, [log.key])).to.deep.equal([a]);
    expect(openNote(note, [other.key, log.key])).to.deep.equal([a, b]);
  });

  it('ignores a line that shares only the name, or only the ID, with a known key', async () => {
    const line = await signNote(text, log);
    const stranger = { ...line, signature: flipped(line.signature, 0) };
    const sharing = [
      { ...stranger, name: 'stranger.example' },
      { ...stranger, keyId: (line.keyId ^ 1) >>> 0 },
    ];
    expect(openNote({ text, signatures: [...sharing, line] }, [log.key])).to.deep.equal([line]);
    expect(verdict(() => openNote({ text, signatures: sharing }, [log.key]))).to.equal('note-not-signed');
  });

  it('refuses the note for one bad signature of a known key, even beside good ones', async () => {
    const [a, b] = [await signNote(text, log), await signNote(text, other)];
    for (let at = 0; at < 64; at++) {
      const bad = { ...a, signature: flipped(a.signature, at, at % 8) };
      expect(verdict(() => openNote({ text, signatures: [b, a, bad] }, [log.key, other.key]))).to.equal(
        'signature-bad',
      );
    }
    for (const signature of [a.signature.slice(1), concat(a.signature, Uint8Array.of(0))]) {
      const note = { text, signatures: [{ ...a, signature }] };
      expect(verdict(() => openNote(note, [log.key]))).to.equal('signature-bad');
    }
  });

  it('refuses another text, no known key, and no key at all', async () => {
    const signatures = [await signNote(text, log)];
    expect(verdict(() => openNote({ text: `${text}\n`, signatures }, [log.key]))).to.equal('signature-bad');
    expect(verdict(() => openNote({ text, signatures }, [other.key]))).to.equal('note-not-signed');
    expect(verdict(() => openNote({ text, signatures }, []))).to.equal('note-not-signed');
  });

  it('does not take a cosignature key for a note key', async () => {
    const cosigner = testSigner('ledger.example', 0x04, 1).key;
    const line = { ...(await signNote(text, log)), keyId: cosigner.id };
    expect(verdict(() => openNote({ text, signatures: [line] }, [cosigner]))).to.equal('note-not-signed');
  });
});
