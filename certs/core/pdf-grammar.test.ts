/** Every shape of the grammar takes what it says and refuses every other kind of value, with a code and never a crash. */
import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { codeOf } from '../issue/testing.ts';
import type { PdfObject } from './pdf-file.ts';
import {
  dict,
  dictOf,
  either,
  hex,
  list,
  name,
  nothing,
  number,
  object,
  oneOf,
  pairs,
  Reader,
  type Role,
  ref,
  type Shape,
  stream,
  text,
  Walk,
  yes,
} from './pdf-grammar.ts';
import { PdfScanner, type PdfValue } from './pdf-objects.ts';

const value = (source: string): PdfValue => new PdfScanner(utf8Encode(source)).value();
const leaf = object('leaf', number());
const other = object('other leaf', number());

/** One value of each kind. */
const KINDS = ['null', 'true', '7 ', '/Name', '(text)', '<00>', '[]', '<<>>', '1 0 R'];

/** Walks a trailer `{ X: … }` over these objects. */
function walk(
  shape: Shape,
  source: string,
  objects: readonly (string | PdfObject)[] = ['7 '],
): (role: Role) => number[] {
  const entries = new Map([['X', value(source)]]);
  const made = objects.map((each) => (typeof each === 'string' ? { value: value(each) } : each));
  return new Walk({ objects: [undefined, ...made], trailer: entries }).run(dict({ X: shape }));
}
const code = (shape: Shape, source: string, objects?: readonly (string | PdfObject)[]): string | undefined =>
  codeOf(() => walk(shape, source, objects ?? (source.includes(' 0 R') ? ['7 '] : [])));

describe('PDF grammar', () => {
  const shapes: [what: string, shape: Shape, takes: string[], refuses: string[]][] = [
    [
      'dict',
      dict({ A: number(), 'B?': text }),
      ['<</A 1>>', '<</A 1/B (b)>>'],
      [
        '<<>>',
        '<</B (b)>>',
        '<</A 1/C 1>>',
        '<</A (a)>>',
        '<</A 1/B 1>>',
        '<</A 1/B? (b)>>',
        '<</A 1/constructor 1>>',
        ...KINDS,
      ],
    ],
    [
      'dictOf',
      dictOf(/^F\d+$/, number()),
      ['<<>>', '<</F1 1/F22 2>>'],
      ['<</F 1>>', '<</F1 1/G1 1>>', '<</F1 (x)>>', ...KINDS.filter((k) => k !== '<<>>')],
    ],
    ['list', list(number(), 1, 2), ['[1]', '[1 2]'], ['[]', '[1 2 3]', '[(x)]', '[1 (x)]', ...KINDS]],
    [
      'pairs',
      pairs(number(), text, 1, 2),
      ['[1 (a)]', '[1 (a) 2 (b)]'],
      ['[]', '[1]', '[1 (a) 2]', '[(a) 1]', '[1 (a) 2 (b) 3 (c)]', ...KINDS],
    ],
    ['ref', ref(() => leaf), ['1 0 R'], ['2 0 R', ...KINDS.filter((k) => k !== '1 0 R')]],
    [
      'either',
      either({ number: number(7), string: text }),
      ['7 ', '(x)'],
      ['8 ', ...KINDS.filter((k) => k !== '7 ' && k !== '(text)')],
    ],
    ['oneOf', oneOf('Name', 'Other'), ['/Name', '/Other'], ['/name', '/Names', ...KINDS.filter((k) => k !== '/Name')]],
    ['name', name(/^[A-Z][a-z]+$/), ['/Name', '/Other'], ['/name', ...KINDS.filter((k) => k !== '/Name')]],
    ['number', number(), ['7 ', '-1.5 '], KINDS.filter((k) => k !== '7 ')],
    ['number exactly', number(7), ['7 '], ['8 ', '7.5 ', ...KINDS.filter((k) => k !== '7 ')]],
    ['text', text, ['(text)', '()'], KINDS.filter((k) => k !== '(text)')],
    ['hex', hex(), ['<00>', '<>'], KINDS.filter((k) => k !== '<00>')],
    ['hex of a length', hex(2), ['<0000>'], ['<00>', '<000000>', ...KINDS]],
    ['yes', yes, ['true'], ['false', ...KINDS.filter((k) => k !== 'true')]],
    ['nothing', nothing, ['null'], KINDS.filter((k) => k !== 'null')],
  ];
  for (const [what, shape, takes, refuses] of shapes) {
    it(what, () => {
      for (const source of takes) expect(code(shape, source), `${what} ${source}`).to.equal(undefined);
      for (const source of refuses) expect(code(shape, source), `${what} ${source}`).to.equal('pdf-not-ours');
    });
  }

  it('gives an object one role only', () => {
    const both = list(either({ ref: ref(() => leaf) }), 2, 2);
    expect(walk(both, '[1 0 R 2 0 R]', ['1 ', '2 '])(leaf)).to.deep.equal([1, 2]);
    expect(walk(both, '[1 0 R 1 0 R]', ['1 '])(leaf)).to.deep.equal([1]);
    let turn = 0;
    const mixed = list(
      ref(() => (turn++ === 0 ? leaf : other)),
      2,
      2,
    );
    expect(code(mixed, '[1 0 R 1 0 R]', ['1 '])).to.equal('pdf-not-ours');
  });

  it('wants a stream where a stream belongs, and none elsewhere; Flate or nothing', () => {
    const bytes = Uint8Array.of(1);
    const plain = stream('plain', false);
    const packed = stream('packed', true);
    const at = (role: Role, dictionary: string, withStream: boolean): string | undefined =>
      code(
        ref(() => role),
        '1 0 R',
        [{ value: value(dictionary), ...(withStream && { stream: bytes }) }],
      );
    expect(at(plain, '<</Length 1>>', true)).to.equal(undefined);
    expect(at(plain, '<</Length 1>>', false)).to.equal('pdf-not-ours');
    expect(at(plain, '<</Length 1/Filter /FlateDecode>>', true)).to.equal('pdf-not-ours');
    expect(at(packed, '<</Length 1/Filter /FlateDecode>>', true)).to.equal(undefined);
    expect(at(packed, '<</Length 1>>', true)).to.equal('pdf-not-ours');
    expect(at(packed, '<</Length 1/Filter /LZWDecode>>', true)).to.equal('pdf-not-ours');
    expect(at(object('dictionary', dict({ Length: number() })), '<</Length 1>>', true)).to.equal('pdf-not-ours');
  });

  it('leaves one empty dictionary over, and nothing else', () => {
    const one = ref(() => leaf);
    expect(code(one, '1 0 R', ['7 ', '<<>>'])).to.equal(undefined);
    expect(code(one, '1 0 R', ['7 ', '<<>>', '<<>>'])).to.equal('pdf-not-ours');
    expect(code(one, '1 0 R', ['7 ', '<</A 1>>'])).to.equal('pdf-not-ours');
    expect(code(one, '1 0 R', ['7 ', '[]'])).to.equal('pdf-not-ours');
    expect(code(one, '1 0 R', ['7 ', { value: value('<<>>'), stream: new Uint8Array() }])).to.equal('pdf-not-ours');
  });

  it('reads only what the walk has checked: anything else is our own mistake', () => {
    const reader = new Reader({ objects: [undefined, { value: value('<</A 1>>') }], trailer: new Map() });
    expect(reader.entries(1).get('A')).to.deep.equal({ type: 'number', value: 1 });
    expect(reader.number(value('5 0 R'))).to.equal(5);
    for (const wrong of [
      () => reader.object(2),
      () => reader.entries(value('1 ')),
      () => reader.items(value('1 ')),
      () => reader.bytes(value('1 ')),
      () => reader.number(value('()')),
    ]) {
      expect(wrong).to.throw('invariant');
    }
  });
});
