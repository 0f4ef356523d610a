/** The PDF scanner: every value our renderer writes, and every other spelling of it refused. */
import { expect } from 'chai';
import { concat, utf8Encode } from '../../ledger/core/bytes.ts';
import { codeOf } from '../issue/testing.ts';
import {
  PDF_DEPTH_MAX,
  PDF_NAME_BYTES_MAX,
  PDF_STRING_BYTES_MAX,
  PDF_VALUES_MAX,
  PdfScanner,
  type PdfValue,
} from './pdf-objects.ts';

const scan = (text: string): PdfValue => new PdfScanner(utf8Encode(text)).value();
const code = (text: string): string | undefined => codeOf(() => scan(text));

describe('PDF objects', () => {
  const read: [text: string, value: PdfValue][] = [
    ['null', { type: 'null' }],
    ['true', { type: 'boolean', value: true }],
    ['false', { type: 'boolean', value: false }],
    ['0 ', { type: 'number', value: 0 }],
    ['-12.5]', { type: 'number', value: -12.5 }],
    ['0.000001', { type: 'number', value: 0.000001 }],
    ['12 0 R', { type: 'ref', number: 12 }],
    ['/Name', { type: 'name', value: 'Name' }],
    ['/a#2Fb', { type: 'name', value: 'a/b' }],
    ['/A+b-c.d_e', { type: 'name', value: 'A+b-c.d_e' }],
    ['(a\\(b\\)\\\\\\n\\r\\t\\b\\f)', { type: 'string', bytes: utf8Encode('a(b)\\\n\r\t\b\f') }],
    ['()', { type: 'string', bytes: new Uint8Array() }],
    ['<00ff>', { type: 'hex', bytes: Uint8Array.of(0, 255), start: 0, end: 6 }],
    ['<>', { type: 'hex', bytes: new Uint8Array(), start: 0, end: 2 }],
    [
      '[1 [] /a]',
      {
        type: 'array',
        items: [
          { type: 'number', value: 1 },
          { type: 'array', items: [] },
          { type: 'name', value: 'a' },
        ],
      },
    ],
    [
      '<<\n/A 1\n/B <<\n>>\n>>',
      {
        type: 'dict',
        entries: new Map<string, PdfValue>([
          ['A', { type: 'number', value: 1 }],
          ['B', { type: 'dict', entries: new Map() }],
        ]),
      },
    ],
  ];
  for (const [text, value] of read) it(`reads ${JSON.stringify(text)}`, () => expect(scan(text)).to.deep.equal(value));

  const refused = [
    '',
    ' 1',
    '+1',
    '01',
    '1.',
    '.5',
    '--1',
    '1-2',
    '-',
    '[1e5]',
    'nul',
    'True',
    '/',
    '/#41',
    '/#2f#',
    '/#zz',
    '/#00',
    '/a#',
    '(',
    '(a(b)c)',
    '(\\101)',
    '(\\',
    '(\\x)',
    '(a\nb)',
    '(a\rb)',
    '<0>',
    '<0',
    '<0A>',
    '<0 0>',
    '<zz>',
    '[',
    '[1',
    '[1 % comment\n]',
    '[1\t2]',
    '<<',
    '<</A>>',
    '<<1 2>>',
    '<</A 1 /A 2>>',
    '<</A 1/B>>',
    '0 0 R',
    '01 0 R',
    '-1 0 R',
    '1.5 0 R',
    '12345678901 0 R',
    '>>',
    ']',
    '%',
    '{}',
    'stream',
    `/${'a'.repeat(PDF_NAME_BYTES_MAX + 1)}`,
    `(${'a'.repeat(PDF_STRING_BYTES_MAX + 1)})`,
    `<${'00'.repeat(PDF_STRING_BYTES_MAX + 1)}>`,
    '1'.repeat(30),
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text.length > 40 ? `${text.slice(0, 20)}…` : text)}`, () =>
      expect(code(text)).to.equal('pdf-not-ours'));
  }

  it('takes names, strings and nesting up to the limit', () => {
    expect(code(`/${'a'.repeat(PDF_NAME_BYTES_MAX)} `)).to.equal(undefined);
    expect(code(`(${'a'.repeat(PDF_STRING_BYTES_MAX)})`)).to.equal(undefined);
    expect(code(`<${'00'.repeat(PDF_STRING_BYTES_MAX)}>`)).to.equal(undefined);
    expect(code('['.repeat(PDF_DEPTH_MAX + 1) + ']'.repeat(PDF_DEPTH_MAX + 1))).to.equal(undefined);
    expect(code('['.repeat(PDF_DEPTH_MAX + 2) + ']'.repeat(PDF_DEPTH_MAX + 2))).to.equal('pdf-not-ours');
  });

  it('reads bytes as they are: UTF-16 text and high bytes', () => {
    const bytes = concat(utf8Encode('('), Uint8Array.of(0xfe, 0xff, 0x4e, 0x00, 0x80), utf8Encode(')'));
    expect(new PdfScanner(bytes).value()).to.deep.equal({
      type: 'string',
      bytes: Uint8Array.of(0xfe, 0xff, 0x4e, 0x00, 0x80),
    });
  });

  it('counts values and stops', () => {
    expect(code(`[${'1 '.repeat(PDF_VALUES_MAX)}]`)).to.equal('pdf-not-ours');
  });

  it('steps over exactly what it is told', () => {
    const scanner = new PdfScanner(utf8Encode('abc 7'));
    expect(scanner.sees('abd')).to.equal(false);
    scanner.skip('abc ');
    expect(scanner.integer()).to.equal(7);
    expect(codeOf(() => scanner.skip('x'))).to.equal('pdf-not-ours');
    expect(codeOf(() => scanner.skipBytes(1))).to.equal('pdf-not-ours');
    expect(codeOf(() => scanner.integer())).to.equal('pdf-not-ours');
  });
});
