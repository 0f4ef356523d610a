/** The DER reader against every rule of X.690 section 10 and 11, and against the writer. */
import { expect } from 'chai';
import fc from 'fast-check';
import { hexDecode, hexEncode } from '../../ledger/core/bytes.ts';
import { codeOf } from '../issue/testing.ts';
import {
  DER_BYTES_MAX,
  DER_DEPTH_MAX,
  derLength,
  Fields,
  implicit,
  parseDer,
  readBits,
  readBoolean,
  readCount,
  readInteger,
  readNamedBits,
  readOid,
  readTime,
  TAG,
} from './der.ts';
import {
  encode,
  encodeGeneralizedTime,
  encodeInteger,
  encodeOctets,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUtf8,
} from './der-write.ts';

const bytes = (hex: string): Uint8Array => hexDecode(hex.replaceAll(' ', '')) as Uint8Array;
const parse = (hex: string): string | undefined => codeOf(() => parseDer(bytes(hex)));

describe('DER', () => {
  describe('refuses every other form of an element', () => {
    const refused: [rule: string, hex: string][] = [
      ['nothing', ''],
      ['an identifier alone', '30'],
      ['content cut off', '0402 00'],
      ['a byte behind the element', '0500 00'],
      ['the indefinite length', '3080 0000'],
      ['a long length below 128', '0481 01 00'],
      ['a long length with a leading zero', `048200 80${'00'.repeat(128)}`],
      ['a length of four bytes', '0484 00000001 00'],
      ['a tag number above 30', '1f1f 00'],
      ['a context tag number above 30', '9f0100'],
      ['an application tag', '6000'],
      ['a private tag', 'c000'],
      ['end-of-contents', '0000'],
      ['a constructed OCTET STRING', '2403 040100'],
      ['a constructed UTF8String', '2c03 0c0141'],
      ['a primitive SEQUENCE', '1000'],
      ['a REAL', '090100'],
      ['a child longer than its parent', '3003 0402 00'],
      ['BOOLEAN 01', '0101 01'],
      ['BOOLEAN of two bytes', '0102 ffff'],
      ['an INTEGER without content', '0200'],
      ['an INTEGER with a leading zero', '0202 007f'],
      ['an INTEGER with a leading ff', '0202 ff80'],
      ['an ENUMERATED with a leading zero', '0a02 0001'],
      ['a NULL with content', '0501 00'],
      ['a BIT STRING without content', '0300'],
      ['a BIT STRING with 8 unused bits', '0302 0800'],
      ['a BIT STRING with unused bits set', '0302 0101'],
      ['an empty BIT STRING with unused bits', '0301 01'],
      ['an OID without content', '0600'],
      ['an OID that is cut off', '0602 2a86'],
      ['an OID with a padded arc', '0603 2a8001'],
      ['an OID with an arc of 20 bytes', `0615 2a${'ff'.repeat(19)}7f`],
      ['UTF-8 that is none', '0c02 c328'],
      ['a PrintableString with a byte above 7f', '1301 e9'],
      ['a SET in the wrong order', '3106 020102 020101'],
      ['a SET with an element twice', '3106 020101 020101'],
      ['a UTCTime without seconds', `170b ${hexEncode(encodeUtf8('2601010000Z')).slice(4)}`],
      ['a UTCTime with an offset', `1711 ${hexEncode(encodeUtf8('260101000000+0800')).slice(4)}`],
      ['a GeneralizedTime with a zero fraction', `1812 ${hexEncode(encodeUtf8('20260101000000.10Z')).slice(4)}`],
      ['a GeneralizedTime in local time', `180e ${hexEncode(encodeUtf8('20260101000000')).slice(4)}`],
    ];
    for (const [rule, hex] of refused) it(rule, () => expect(parse(hex)).to.equal('der-malformed'));

    it('nesting deeper than the limit, and no shallower', () => {
      const nested = (depth: number): Uint8Array => {
        let element = encodeSequence();
        for (let i = 0; i < depth; i += 1) element = encodeSequence(element);
        return element;
      };
      expect(codeOf(() => parseDer(nested(DER_DEPTH_MAX)))).to.equal(undefined);
      expect(codeOf(() => parseDer(nested(DER_DEPTH_MAX + 1)))).to.equal('der-malformed');
    });

    it('input longer than the limit', () => {
      expect(codeOf(() => parseDer(encodeOctets(new Uint8Array(DER_BYTES_MAX))))).to.equal('der-malformed');
    });
  });

  it('reads what it writes, and only that: every accepted input re-encodes to itself', () => {
    const rebuild = (der: ReturnType<typeof parseDer>): Uint8Array =>
      der.children.length > 0 ? encode(der.tag, ...der.children.map(rebuild)) : encode(der.tag, der.content);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (input) => {
        if (codeOf(() => parseDer(input)) === undefined) expect(rebuild(parseDer(input))).to.deep.equal(input);
      }),
      { numRuns: 5_000 },
    );
  });

  it('round-trips integers of every size and sign', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }), (n) => {
        expect(readInteger(parseDer(encodeInteger(n)))).to.equal(n);
      }),
    );
    for (const [n, hex] of [
      [0n, '020100'],
      [127n, '02017f'],
      [128n, '02020080'],
      [-128n, '020180'],
      [-129n, '0202ff7f'],
    ] as const) {
      expect(hexEncode(encodeInteger(n))).to.equal(hex);
    }
  });

  it('round-trips object identifiers, a 128-bit UUID arc among them', () => {
    for (const oid of ['0.4.0.2023.1.1', '1.2.840.113549.1.7.2', '2.5.29.15', '2.999.3', `2.25.${2n ** 128n - 1n}`]) {
      expect(readOid(parseDer(encodeOid(oid)))).to.equal(oid);
    }
  });

  it('round-trips times with and without milliseconds, and cuts finer fractions off', () => {
    for (const text of [
      '1999-12-31T23:59:59.000Z',
      '2026-11-22T03:04:05.678Z',
      '2026-11-22T03:04:05.600Z',
      '2026-02-28T00:00:00.007Z',
    ]) {
      expect(readTime(parseDer(encodeGeneralizedTime(Date.parse(text))))).to.equal(Date.parse(text));
    }
    const fine = encode(TAG.generalizedTime, encodeUtf8('20261122030405.1239Z').subarray(2));
    expect(readTime(parseDer(fine))).to.equal(Date.parse('2026-11-22T03:04:05.123Z'));
    const utc = (text: string): number => readTime(parseDer(encode(TAG.utcTime, encodeUtf8(text).subarray(2))));
    expect(utc('500101000000Z')).to.equal(Date.UTC(1950, 0, 1));
    expect(utc('491231235959Z')).to.equal(Date.UTC(2049, 11, 31, 23, 59, 59));
    for (const text of ['260230000000Z', '261301000000Z', '260101240000Z', '260101000060Z']) {
      expect(
        codeOf(() => utc(text)),
        text,
      ).to.equal('der-malformed');
    }
  });

  it('sorts a SET OF and reads it back', () => {
    const set = encodeSetOf([encodeInteger(300), encodeInteger(2), encodeInteger(1)]);
    expect(hexEncode(set)).to.equal('310a0201010201020202012c');
    expect(parseDer(set).children.map(readInteger)).to.deep.equal([1n, 2n, 300n]);
  });

  it('reads booleans, counts and bit strings, and refuses what is none', () => {
    expect(readBoolean(parseDer(bytes('0101ff')))).to.equal(true);
    expect(readCount(parseDer(bytes('020105')))).to.equal(5);
    expect(codeOf(() => readCount(parseDer(bytes('0201ff'))))).to.equal('der-malformed');
    expect(codeOf(() => readCount(parseDer(encodeInteger(2 ** 31))))).to.equal('der-malformed');
    expect(readNamedBits(parseDer(bytes('030206c0')))).to.deep.equal([0, 1]);
    expect(codeOf(() => readNamedBits(parseDer(bytes('030205c0'))))).to.equal('der-malformed');
    expect(codeOf(() => readBits(parseDer(bytes('030206c0'))))).to.equal('der-malformed');
    expect(codeOf(() => readInteger(parseDer(bytes('0400'))))).to.equal('der-malformed');
  });

  it('takes fields in order, notices missing and left-over ones, and re-checks implicit types', () => {
    const sequence = parseDer(bytes('3006 020101 800102'));
    const fields = new Fields(sequence, 'test');
    expect(readInteger(fields.take())).to.equal(1n);
    expect(fields.takeIf(TAG.integer)).to.equal(undefined);
    expect(codeOf(() => fields.end())).to.equal('der-malformed');
    expect(readInteger(implicit(fields.take(), TAG.integer))).to.equal(2n);
    fields.end();
    expect(codeOf(() => fields.take())).to.equal('der-malformed');
    expect(codeOf(() => new Fields(sequence, 'test', TAG.set))).to.equal('der-malformed');
    expect(codeOf(() => new Fields(sequence, 'test').take(TAG.oid))).to.equal('der-malformed');
    expect(codeOf(() => implicit(parseDer(bytes('80020001')), TAG.integer))).to.equal('der-malformed');
  });

  it('tells the length of an element that is padded behind', () => {
    expect(derLength(bytes('0401aa 0000'))).to.equal(3);
  });
});
