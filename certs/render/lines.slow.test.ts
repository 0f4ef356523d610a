// Every character that a submitter may write must be drawn: one that is not leaves an acknowledged deposit without its certificate.

import { expect } from 'chai';
import { randomFrom } from '../../fixtures/random.ts';
import { rounds, stride } from '../../fixtures/slow.ts';
import { nodeFonts } from './fonts-node.ts';
import { NAME } from './styles.ts';
import { everyCodePoint, everyMark, unshaped } from './testing.ts';

const text = (...codePoints: number[]): string => String.fromCodePoint(...codePoints);

describe('certs/render/lines of every character', () => {
  const all = everyCodePoint(nodeFonts());
  const marks = everyMark();

  it('draws each, alone and between Arabic letters', () => {
    const samples = all.flatMap((codePoint) => [text(codePoint), `ش${text(codePoint)}ش`]);
    expect(unshaped(samples, NAME)).to.deep.equal([]);
  });

  it('draws every pair of marks', () => {
    for (const base of ['ش', 'a']) {
      const pairs = marks.flatMap((first) => marks.map((second) => `${base}${text(first, second)}`));
      const some = pairs.filter((_, i) => i % stride() === 0);
      expect(unshaped(some, NAME)).to.deep.equal([]);
    }
  });

  it('draws any mixture', () => {
    const random = randomFrom(1);
    const letters = Array.from({ length: 0x300 }, (_, i) => 0x600 + i);
    const anyOf = (pool: readonly number[]): number => pool[random(pool.length)] as number;
    const samples = Array.from({ length: rounds(100_000) }, () =>
      text(...Array.from({ length: 1 + random(10) }, () => anyOf([all, marks, letters][random(3)] as number[]))),
    );
    expect(unshaped(samples, NAME)).to.deep.equal([]);
  });
});
