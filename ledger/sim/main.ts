// `npm run sim`: runs seeds and says what came of them. One seed prints its whole trace; `--planted NAME` plants the bug of that
// invariant; `--json` prints one line for a rig that shares its seeds between processes. Exits with 1 when an invariant was broken.

import { parseArgs } from 'node:util';
import { PLANTED } from './planted.ts';
import { type Outcome, simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    planted: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const first = Number(values.seed);
const count = Number(values.seeds);
const bug = PLANTED.find(({ finds }) => finds === values.planted);
if (!Number.isSafeInteger(first) || !(Number.isSafeInteger(count) && count > 0)) {
  throw new Error('usage: npm run sim -- [--seed N] [--seeds COUNT] [--planted INVARIANT]');
}
if (values.planted !== undefined && bug === undefined) {
  throw new Error(`no such invariant; there are: ${PLANTED.map(({ finds }) => finds).join(', ')}`);
}

const totals = { seeds: 0, steps: 0, entries: 0, kills: 0, failures: [] as string[], traceHashes: [] as string[] };
for (let seed = first; seed < first + count; seed++) {
  const outcome = await simulate(seed, { lines: count === 1, ...(bug && { variant: bug.variant }) });
  process.stdout.write(outcome.lines.join(''));
  if (outcome.violation !== undefined) totals.failures.push(describe(outcome));
  totals.seeds += 1;
  totals.steps += outcome.steps;
  totals.entries += outcome.entries;
  totals.kills += outcome.kills;
  totals.traceHashes.push(outcome.traceHash);
  if (count === 1) console.log(`trace ${outcome.traceHash}`);
}
if (values.json) console.log(JSON.stringify(totals));
else {
  const { failures, traceHashes: _, ...figures } = totals;
  console.log([...failures, JSON.stringify({ ...figures, failures: failures.length })].join('\n'));
}
process.exitCode = totals.failures.length > 0 ? 1 : 0;

function describe({ seed, violation }: Outcome): string {
  if (violation === undefined) return `seed ${seed}: clean`;
  const { invariant, step, detail } = violation;
  return `seed ${seed}, step ${step}: ${invariant}: ${detail}`;
}
