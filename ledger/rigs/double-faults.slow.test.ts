// Two faults in a row: one in a batch, the second inside the recovery after it; then a clean start must find everything.
// Two transient failures, the second one ignored, are what cost a real log its tiles. Needs strace.

import { join } from 'node:path';
import { randomFrom } from '../../fixtures/random.ts';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { hangAsHarm, runLife } from './child.ts';
import type { Orders } from './life.ts';
import { MEMBERS } from './members.ts';
import { Ground, NOTHING, SHAPES, type Shape, twoAtATime } from './shapes.ts';
import { harmDone } from './sound.ts';
import { type Point, requireStrace, striking, wasStruck } from './strace.ts';
import { type Strike, strikesOn } from './strikes.ts';

const SEED = 300;

/** A first life, struck; a second one on what it left, struck while it recovers. */
interface Pair {
  readonly first: Strike;
  readonly second: Strike;
}

/**
 * Draws pairs and runs them until so many were struck twice, the second time before the life was ready. It would go on to take entries in.
 * A control has few writes in its recovery: its second strike may come later.
 */
async function strikeTwice(
  ground: Ground,
  pairs: number,
  draw: (die: (below: number) => number) => Pair,
  then: Omit<Orders, 'dir'>,
): Promise<Tally> {
  const die = randomFrom(SEED);
  const failures: string[] = [];
  let n = 0;
  // What the first fault leaves may need less of a recovery than the second is meant for, so that not every pair drawn is one.
  for (let drawn = 0; n < pairs; drawn += 2) {
    if (drawn > 20 * pairs) throw new Error(`of ${drawn} pairs drawn only ${n} were struck twice`);
    await twoAtATime([draw(die), draw(die)], ({ first, second }) =>
      ground.on(first.shape, async (dir, before) => {
        const output = join(dir, 'trace');
        const strike = ({ member, point }: Strike, orders: Omit<Orders, 'dir'>, onLine?: (line: string) => void) =>
          runLife({ dir, ...orders }, striking(join(dir, member), output, point), onLine);
        const twice = async (): Promise<string | undefined> => {
          const one = await strike(first, first.shape.orders);
          if (!wasStruck(output, one.signal)) return 'not struck';
          let inRecovery: boolean | undefined;
          const two = await strike(second, then, (line) => {
            if (line.startsWith('ready')) inRecovery ??= wasStruck(output, null);
          });
          const inTime = then.without === undefined ? inRecovery : undefined;
          if (!(inTime ?? wasStruck(output, two.signal))) return 'not struck';
          return harmDone(dir, [before, one, two], then.without);
        };
        const harm = await twice().catch(hangAsHarm);
        if (harm === 'not struck') return;
        n += 1;
        if (harm !== undefined) failures.push(`${describe(first)}, then ${describe(second)}: ${harm}`);
      }),
    );
  }
  return { n, failures };
}

function describe({ shape, member, point: { call, when, fault } }: Strike): string {
  return `${shape.name}, ${member}: ${call} ${when} ${fault}`;
}

function oneOf<T>(items: readonly T[], die: (below: number) => number): T {
  return items[die(items.length)] as T;
}

/** What a start does before it takes an entry in. */
const RECOVERY: Shape = { ...(SHAPES.at(-1) as Shape), name: 'recovery', orders: { batches: [] }, members: MEMBERS };

defineRig({
  id: 'T3',
  name: 'a fault in a batch, then one in the recovery',
  seed: SEED,
  run: () =>
    Ground.use(async (ground) => {
      requireStrace();
      const firsts: Strike[] = [];
      for (const shape of SHAPES) firsts.push(...(await strikesOn(ground, shape)));
      const seconds = await strikesOn(ground, RECOVERY);
      const draw = (die: (below: number) => number) => ({ first: oneOf(firsts, die), second: oneOf(seconds, die) });
      return strikeTwice(ground, rounds(300), draw, { batches: [2] });
    }),
  without: 'giving up: recovery takes a failed step for done',
  control: () =>
    Ground.use(async (ground) => {
      requireStrace();
      const batches: Shape = {
        name: 'forgives',
        orders: { batches: [2, 5, 3], without: 'forgives' },
        members: ['ledger'],
        prepare: async () => NOTHING,
      };
      const strikes = await strikesOn(ground, batches);
      const isWrite = ({ call }: Point) => call === 'write';
      const kills = strikes.filter(({ point }) => isWrite(point) && point.fault === 'KILL');
      const errors = strikes.filter(({ point }) => isWrite(point) && point.fault === 'EIO');
      const draw = (die: (below: number) => number) => ({ first: oneOf(kills, die), second: oneOf(errors, die) });
      return strikeTwice(ground, rounds(100), draw, { batches: [1, 60, 60, 60], without: 'forgives' });
    }),
});
