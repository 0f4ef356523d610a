// The request bodies of tlog-witness: what is written is read back, and nothing else is read.

import { expect } from 'chai';
import fc from 'fast-check';
import { base64Encode, concat, utf8Encode } from '../core/bytes.ts';
import { LedgerError } from '../core/errors.ts';
import { NOTE_BYTES_MAX } from '../core/limits.ts';
import {
  formatAddCheckpoint,
  formatSignSubtree,
  originHash,
  parseAddCheckpoint,
  parseSignSubtree,
  REQUEST_BYTES_MAX,
} from './request.ts';

const NOTE = 'log.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u2014 log.example AAAAAAA=\n';
const HASH = base64Encode(new Uint8Array(32));

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const size = fc.maxSafeNat();

const refusesAdd = (text: string) => refuses(() => parseAddCheckpoint(utf8Encode(text)));
const refusesSubtree = (text: string) => refuses(() => parseSignSubtree(utf8Encode(text)));

function refuses(parse: () => unknown): void {
  expect(parse).to.throw(LedgerError).with.property('code', 'request-malformed');
}

describe('witness request bodies', () => {
  it('reads back every add-checkpoint it writes', () => {
    fc.assert(
      fc.property(size, fc.array(hash, { maxLength: 63 }), (oldSize, proof) => {
        const request = { oldSize, proof, note: NOTE };
        expect(parseAddCheckpoint(formatAddCheckpoint(request))).to.deep.equal(request);
      }),
    );
  });

  it('reads back every sign-subtree it writes', () => {
    fc.assert(
      fc.property(size, size, hash, fc.array(hash, { maxLength: 63 }), (lo, hi, root, proof) => {
        const request = { subtree: { lo, hi }, root, proof, note: NOTE };
        expect(parseSignSubtree(formatSignSubtree(request))).to.deep.equal(request);
      }),
    );
  });

  it('writes the bytes of the text', () => {
    const body = formatAddCheckpoint({ oldSize: 20852014, proof: [new Uint8Array(32)], note: NOTE });
    expect(body).to.deep.equal(utf8Encode(`old 20852014\n${HASH}\n\n${NOTE}`));
    const subtree = formatSignSubtree({ subtree: { lo: 8, hi: 13 }, root: new Uint8Array(32), proof: [], note: NOTE });
    expect(subtree).to.deep.equal(utf8Encode(`subtree 8 13\n${HASH}\n\n${NOTE}`));
  });

  it('names a log by the SHA-256 of its origin in lower-case hex', () => {
    expect(originHash('abc')).to.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  const mutants: Record<string, string> = {
    'leading zero': `old 01\n\n${NOTE}`,
    'plus sign': `old +1\n\n${NOTE}`,
    'no size': `old \n\n${NOTE}`,
    'two spaces': `old  1\n\n${NOTE}`,
    'trailing space': `old 1 \n\n${NOTE}`,
    'upper case': `OLD 1\n\n${NOTE}`,
    'carriage return': `old 1\r\n\r\n${NOTE}`,
    'a size above 2^53 - 1': `old 9007199254740992\n\n${NOTE}`,
    'no old size line': `\n${NOTE}`,
    'an empty first line': `\n\n${NOTE}`,
    'no empty line': `old 1\n${HASH}`,
    'a hash of 31 bytes': `old 1\n${base64Encode(new Uint8Array(31))}\n\n${NOTE}`,
    'a hash with loose bits': `old 1\n${HASH.slice(0, -2)}B=\n\n${NOTE}`,
    'a hash without padding': `old 1\n${HASH.slice(0, -1)}\n\n${NOTE}`,
    'a hash in base64url': `old 1\n${HASH.replace('A', '-')}\n\n${NOTE}`,
    '64 proof lines': `old 1\n${`${HASH}\n`.repeat(64)}\n${NOTE}`,
    'an endless heading': `old 1\n${`${HASH}\n`.repeat(1000)}\n${NOTE}`,
    'an empty body': '',
  };
  for (const [name, text] of Object.entries(mutants)) {
    it(`refuses add-checkpoint: ${name}`, () => refusesAdd(text));
  }

  it('accepts 63 proof lines', () => {
    expect(parseAddCheckpoint(utf8Encode(`old 1\n${`${HASH}\n`.repeat(63)}\n${NOTE}`)).proof).to.have.length(63);
  });

  it('refuses bytes that are not UTF-8, and bodies above the limit', () => {
    refuses(() => parseAddCheckpoint(concat(utf8Encode('old 1\n\n'), Uint8Array.of(0xff))));
    expect(REQUEST_BYTES_MAX).to.be.greaterThan(NOTE_BYTES_MAX + 65 * 45);
    refuses(() => parseAddCheckpoint(utf8Encode(`old 1\n\n${'x'.repeat(REQUEST_BYTES_MAX)}`)));
  });

  const subtreeMutants: Record<string, string> = {
    'leading zero in start': `subtree 08 13\n${HASH}\n\n${NOTE}`,
    'leading zero in end': `subtree 8 013\n${HASH}\n\n${NOTE}`,
    'one number': `subtree 8\n${HASH}\n\n${NOTE}`,
    'three numbers': `subtree 8 13 14\n${HASH}\n\n${NOTE}`,
    'no hash line': `subtree 8 13\n\n${NOTE}`,
    'a short hash': `subtree 8 13\nAAAA\n\n${NOTE}`,
    'an old size line': `old 8\n${HASH}\n\n${NOTE}`,
    '64 proof lines': `subtree 8 13\n${`${HASH}\n`.repeat(65)}\n${NOTE}`,
  };
  for (const [name, text] of Object.entries(subtreeMutants)) {
    it(`refuses sign-subtree: ${name}`, () => refusesSubtree(text));
  }

  it('reads any bytes or refuses, and what it reads it would have written', () => {
    const piece = fc.constantFrom('old 1', 'subtree 0 1', '\n', '\n\n', HASH, NOTE, ' ', '0', 'x');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const body = utf8Encode(pieces.join(''));
        try {
          expect(formatAddCheckpoint(parseAddCheckpoint(body))).to.deep.equal(body);
        } catch (error) {
          expect(error).to.be.instanceOf(LedgerError);
        }
      }),
    );
  });
});
