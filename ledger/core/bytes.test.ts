/** The strict decoders: one spelling a value, every other refused; what the platform's own accept is named where it matters. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  base64Decode,
  base64Encode,
  concat,
  decimal,
  equal,
  hasControl,
  hexDecode,
  hexEncode,
  isWellFormed,
  lines,
  readUint16,
  readUint32,
  readUint64,
  uint16,
  uint32,
  uint64,
  utf8Decode,
  utf8Encode,
} from './bytes.ts';
import { INDEX_MAX } from './limits.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

describe('bytes', () => {
  describe('UTF-8', () => {
    it('gives back every well-formed text', () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (text) => {
          if (isWellFormed(text)) expect(utf8Decode(utf8Encode(text))).to.equal(text);
        }),
      );
    });

    it('keeps a byte order mark, which a TextDecoder would swallow', () => {
      expect(utf8Decode(bytesOf('efbbbf61'))).to.equal('\ufeffa');
    });

    const invalid = ['80', 'c080', 'e28294ff', 'eda080', 'f4908080', 'c3', 'f0908d'];
    for (const hex of invalid) {
      it(`refuses ${hex}`, () => expect(utf8Decode(bytesOf(hex))).to.equal(undefined));
    }

    it('never replaces a lone surrogate', () => {
      for (const text of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
        expect(isWellFormed(text)).to.equal(false);
        expect(() => utf8Encode(text)).to.throw('invariant');
      }
      expect(isWellFormed('\ud83d\ude00')).to.equal(true);
    });
  });

  describe('hex', () => {
    it('gives back all bytes', () => {
      fc.assert(fc.property(fc.uint8Array(), (bytes) => void expect(hexDecode(hexEncode(bytes))).to.deep.equal(bytes)));
    });

    for (const text of ['0', 'AB', '0x', ' 00', '0g', 'g0', '\u0660\u0660']) {
      it(`refuses ${JSON.stringify(text)}`, () => expect(hexDecode(text)).to.equal(undefined));
    }

    it('refuses another length than asked for', () => {
      expect(hexDecode('abcd', 2)).to.deep.equal(Uint8Array.of(0xab, 0xcd));
      for (const length of [0, 1, 3]) expect(hexDecode('abcd', length)).to.equal(undefined);
    });
  });

  describe('base64', () => {
    it('agrees with the platform on all bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array(), (bytes) => {
          expect(base64Encode(bytes)).to.equal(Buffer.from(bytes).toString('base64'));
          expect(base64Decode(base64Encode(bytes))).to.deep.equal(bytes);
        }),
      );
    });

    it('accepts a text only as base64Encode writes it', () => {
      const nearly = fc.string({ unit: fc.constantFrom(...'AQgwZz09+/-_= \n'), maxLength: 12 });
      fc.assert(
        fc.property(nearly, (text) => {
          const bytes = base64Decode(text);
          if (bytes !== undefined) expect(base64Encode(bytes)).to.equal(text);
        }),
        { numRuns: 2000 },
      );
    });

    // The first four decode with Buffer.from or atob, two texts for one value.
    for (const text of [
      'AB==',
      ' Y W J j\n',
      '-_8=',
      '@@@not base64@@',
      'A',
      'AA',
      'AAA',
      'AA=A',
      '====',
      'AA==AA==',
      'é=',
    ]) {
      it(`refuses ${JSON.stringify(text)}`, () => expect(base64Decode(text)).to.equal(undefined));
    }
  });

  describe('decimal', () => {
    it('reads its own writing up to INDEX_MAX', () => {
      fc.assert(fc.property(fc.maxSafeNat(), (value) => void expect(decimal(String(value))).to.equal(value)));
      expect(decimal(String(INDEX_MAX))).to.equal(INDEX_MAX);
    });

    const others = ['', '00', '007', '+1', '-1', '-0', ' 12', '12 ', '1.0', '1e3', '0x10', '1_000', '١', '12\n'];
    for (const text of [
      ...others,
      '9007199254740992',
      '9007199254740993',
      '9999999999999999',
      '18446744073709551616',
    ]) {
      it(`refuses ${JSON.stringify(text)}`, () => expect(decimal(text)).to.equal(undefined));
    }
  });

  it('splits lines and drops none of them', () => {
    expect(lines('a\n\nb\n')).to.deep.equal(['a', '', 'b']);
    expect(lines('\n')).to.deep.equal(['']);
    expect(lines('a\nb')).to.equal(undefined);
    expect(lines('')).to.equal(undefined);
  });

  it('sees each control character below U+0020', () => {
    for (let code = 0; code < 0x80; code++) {
      const text = `a${String.fromCharCode(code)}`;
      expect(hasControl(text), String(code)).to.equal(code < 0x20);
      expect(hasControl(text, '\t\n'), String(code)).to.equal(code < 0x20 && code !== 9 && code !== 10);
    }
  });

  it('joins and compares', () => {
    expect(concat(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3))).to.deep.equal(Uint8Array.of(1, 2, 3));
    expect(equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).to.equal(true);
    for (const other of [[1], [1, 3], [1, 2, 0], []]) {
      expect(equal(Uint8Array.of(1, 2), Uint8Array.from(other))).to.equal(false);
    }
  });

  it('writes and reads big-endian integers, also inside a larger buffer', () => {
    expect(uint16(0x0102)).to.deep.equal(Uint8Array.of(1, 2));
    expect(uint32(0x01020304)).to.deep.equal(Uint8Array.of(1, 2, 3, 4));
    expect(uint64(INDEX_MAX)).to.deep.equal(bytesOf('001fffffffffffff'));
    const inside = concat(Uint8Array.of(9, 9, 9), uint64(0x0102030405060708n)).subarray(3);
    expect(readUint16(inside, 1)).to.equal(0x0203);
    expect(readUint32(inside, 4)).to.equal(0x05060708);
    expect(readUint64(inside, 0)).to.equal(0x0102030405060708n);
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (n) => void expect(readUint64(uint64(n), 0)).to.equal(n),
      ),
    );
  });

  it('breaks on integers that do not fit and on reading past the end', () => {
    for (const write of [() => uint16(65_536), () => uint32(-1), () => uint64(2n ** 64n)]) {
      expect(write).to.throw('invariant');
    }
    for (const read of [readUint16, readUint32, readUint64])
      expect(() => read(Uint8Array.of(1), 0)).to.throw(RangeError);
  });
});
