// The simulation itself: it is the same run for the same seed, whichever Ed25519 verifies; it is clean; and it finds what is planted.
// Ten thousand seeds: sim.slow.test.ts.

import { ed25519 } from '@noble/curves/ed25519.js';
import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { LOG_SIGNER } from './keys.ts';
import { runSeeds, type Totals } from './many.ts';
import type { Invariant } from './oracle.ts';
import { PLANTED } from './planted.ts';
import { ed25519 as quick } from './quick-ed25519.ts';
import { type Outcome, simulate } from './simulation.ts';

/** Seeds that once found a defect in the product. */
const REGRESSIONS: readonly (readonly [seed: number, defect: string])[] = [
  [12, 'a start that was cut short left a staging bundle for ever'],
  [258, 'a damaged note of how far a mirror was kept it from following'],
];

/** How many seeds more are tried then. */
const SEEDS_MORE = 24;

/** For each planted bug a seed that finds it, as the product is now; a change of its effects shifts what each seed does. */
const FOUND_AT: Readonly<Record<Invariant, number>> = {
  'append-only': 4,
  'one root per size': 3,
  'acknowledged in tree': 1,
  'cosigned <= stored': 3,
  'no decreasing time': 1,
  'receipts honoured': 1,
  'mirror root = log root': 2,
  'restart idempotent': 21,
};

describe('simulation', () => {
  it('is clean for the first seeds, each a run of hundreds of operations', async () => {
    const { seeds, steps, entries, kills, failures } = await runSeeds(1, 10);
    expect(failures).to.deep.equal([]);
    expect(seeds).to.equal(10);
    expect(steps).to.be.above(100 * seeds);
    expect(entries).to.be.above(seeds);
    expect(kills).to.be.above(seeds);
  });

  it('makes the same run of the same seed, with noble’s Ed25519 and with the quick one, and another of another', async () => {
    const one = await simulate(1);
    const again = await simulate(1, { lines: true });
    const other = await simulate(2);
    expect(again.traceHash).to.equal(one.traceHash);
    expect(again.lines.length).to.be.above(100);
    expect(other.traceHash).to.not.equal(one.traceHash);
    const bundled: Totals = await runSeeds(1, 2);
    expect(bundled.traceHashes).to.deep.equal([one.traceHash, other.traceHash]);
  });

  it('gives the timers back', async () => {
    const before = setTimeout;
    await simulate(3);
    expect(setTimeout).to.equal(before);
  });

  for (const [seed, defect] of REGRESSIONS) {
    it(`is clean for seed ${seed}: ${defect}`, async () => {
      const { violation }: Outcome = await simulate(seed);
      expect(violation).to.equal(undefined);
    });
  }

  for (const { finds, what, variant } of PLANTED) {
    it(`finds "${finds}" broken by ${what} (control)`, async () => {
      const first = FOUND_AT[finds];
      let found: string | undefined;
      for (let seed = first; found === undefined && seed <= first + SEEDS_MORE; seed++) {
        found = (await simulate(seed, { variant })).violation?.invariant;
      }
      expect(found).to.equal(finds);
    });
  }

  it('verifies as noble does what honest keys sign, and what is not theirs', async () => {
    const { key, sign } = LOG_SIGNER;
    const message = utf8Encode('a checkpoint');
    const signature = await sign(message);
    const cases: [Uint8Array, Uint8Array][] = [[signature, message]];
    for (const at of [0, 31, 32, 63]) cases.push([signature.map((byte, i) => (i === at ? byte ^ 1 : byte)), message]);
    cases.push([signature, utf8Encode('another')]);
    const answers = cases.map(([bytes, text]) => quick.verify(bytes, text, key.publicKey));
    expect(answers).to.deep.equal([true, false, false, false, false, false]);
    expect(answers).to.deep.equal(
      cases.map(([bytes, text]) => ed25519.verify(bytes, text, key.publicKey, { zip215: false })),
    );
  });
});
