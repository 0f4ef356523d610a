/** The layout of a file: one revision, objects without gaps, a table that tells the truth. Families of attacks: hostile.test.ts. */
import { expect } from 'chai';
import { bytesOf } from '../../fixtures/hostile/surgery.ts';
import { codeOf } from '../issue/testing.ts';
import { PDF_OBJECTS_MAX, parsePdfFile } from './pdf-file.ts';

const HEAD = '%PDF-1.7\n%\xff\xff\xff\xff\n';

/** A file of these objects, given as `N 0 obj\n…endobj\n`. */
function file(objects: readonly string[], o: { size?: number; trailer?: string } = {}): Uint8Array {
  let body = HEAD;
  const offsets = new Map<number, number>();
  for (const object of objects) {
    offsets.set(Number(/^\d+/.exec(object)?.[0]), body.length);
    body += object;
  }
  const size = o.size ?? Math.max(0, ...offsets.keys()) + 1;
  const entries = Array.from(
    { length: size - 1 },
    (_, i) => `${String(offsets.get(i + 1) ?? 0).padStart(10, '0')} 00000 n \n`,
  );
  const trailer = o.trailer ?? `<<\n/Size ${size}\n>>`;
  const table = `xref\n0 ${size}\n0000000000 65535 f \n${entries.join('')}trailer\n${trailer}`;
  return bytesOf(`${body}${table}\nstartxref\n${body.length}\n%%EOF\n`);
}
const code = (bytes: Uint8Array): string | undefined => codeOf(() => parsePdfFile(bytes));
const small = (number: number): string => `${number} 0 obj\n${number} 0 R\nendobj\n`;
const stream = (dictionary: string, content: string): string =>
  `1 0 obj\n<<${dictionary}>>\nstream\n${content}\nendstream\nendobj\n`;

describe('PDF file', () => {
  it('reads objects in any order, streams by their length, whatever is in them', () => {
    expect(parsePdfFile(file([small(2), small(1)])).objects).to.have.length(3);
    const tricky = 'endstream\nendobj\nxref\n';
    const { objects } = parsePdfFile(file([stream(`/Length ${tricky.length}`, tricky)]));
    expect(objects[1]?.stream).to.deep.equal(bytesOf(tricky));
    expect(parsePdfFile(file([stream('/Length 0', '')])).objects[1]?.stream).to.deep.equal(new Uint8Array());
    expect(code(file([small(1)]))).to.equal(undefined);
  });

  const refused: [what: string, bytes: () => Uint8Array][] = [
    ['no object at all', () => file([])],
    ['an object twice', () => file([small(1), small(1)])],
    ['object number zero', () => file([small(1), '0 0 obj\nnull\nendobj\n'])],
    ['an object number beyond the limit', () => file([small(PDF_OBJECTS_MAX + 1)])],
    ['a missing object', () => file([small(1), small(3)])],
    ['a table that is too short', () => file([small(1), small(2)], { size: 2 })],
    ['a table that is too long', () => file([small(1)], { size: 3 })],
    ['another Size', () => file([small(1)], { trailer: '<<\n/Size 3\n>>' })],
    ['no Size', () => file([small(1)], { trailer: '<<>>' })],
    ['a Size that is no number', () => file([small(1)], { trailer: '<<\n/Size /Two\n>>' })],
    ['a trailer that is no dictionary', () => file([small(1)], { trailer: '[]' })],
    ['a stream without length', () => file([stream('', 'x')])],
    ['a stream with a length that is no number', () => file([stream('/Length (1)', 'x')])],
    ['a stream with a negative length', () => file([stream('/Length -1', 'x')])],
    ['a stream with a fraction of a length', () => file([stream('/Length 1.5', 'x')])],
    ['a stream with a length beyond the file', () => file([stream('/Length 99999', 'x')])],
    ['a stream with a length beyond any file', () => file([stream('/Length 99999999999999999999', 'x')])],
    ['a stream that is longer than it says', () => file([stream('/Length 1', 'xy')])],
    ['a stream on what is no dictionary', () => file(['1 0 obj\n[1]\nstream\nx\nendstream\nendobj\n'])],
    ['two values in one object', () => file(['1 0 obj\n1 2\nendobj\n'])],
    ['no value in an object', () => file(['1 0 obj\n\nendobj\n'])],
    ['an object that does not end', () => file(['1 0 obj\nnull\n'])],
    ['nothing but a header', () => bytesOf(HEAD)],
  ];
  for (const [what, bytes] of refused) it(`refuses ${what}`, () => expect(code(bytes())).to.equal('pdf-not-ours'));
});
