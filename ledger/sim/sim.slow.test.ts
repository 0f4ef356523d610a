// T16: ten thousand seeds, a million virtual operations and more, no invariant broken; and the eight planted bugs are found.

import { defineRig } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { runSeeds } from './many.ts';
import { PLANTED } from './planted.ts';

const SEED = 1;
const SEEDS = rounds(10_000);
/** A run with fewer operations a seed than this has not simulated much. */
const STEPS_MIN = 100;
/** Within so many seeds every planted bug must be found. */
const PLANTED_SEEDS = 24;

defineRig({
  id: 'T16',
  name: 'deterministic simulation: eight invariants after every step',
  seed: SEED,
  async run() {
    const { seeds, steps, entries, kills, failures } = await runSeeds(SEED, SEEDS);
    console.log(JSON.stringify({ name: 'sim', seeds, steps, entries, kills, failures: failures.length }));
    if (steps < STEPS_MIN * seeds) throw new Error(`only ${steps} operations in ${seeds} seeds`);
    return { n: seeds, failures: failures.map((line) => `${line} (npm run sim -- --seed ${/\d+/.exec(line)})`) };
  },
  without: 'one thing that each invariant rests on (eight planted bugs)',
  async control() {
    const found: string[] = [];
    for (const { finds, what } of PLANTED) {
      const { failures } = await runSeeds(SEED, PLANTED_SEEDS, finds);
      const named = failures.find((line) => line.includes(`: ${finds}: `));
      if (named === undefined) throw new Error(`not found: ${what}`);
      found.push(named);
    }
    return { n: PLANTED.length, failures: found };
  },
});
