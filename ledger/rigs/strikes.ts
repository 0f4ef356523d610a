// Which system calls there are to strike in the life of a shape, and what comes of striking them.

import { join } from 'node:path';
import type { Tally } from '../../fixtures/rig.ts';
import { hangAsHarm, runLife } from './child.ts';
import type { Member } from './members.ts';
import { type Ground, type Shape, twoAtATime } from './shapes.ts';
import { harmDone } from './sound.ts';
import { countCalls, type Point, pointsOf, striking, wasStruck, watching } from './strace.ts';

/** One system call of one member's store, in the life of a shape. */
export interface Strike {
  readonly shape: Shape;
  readonly member: Member;
  readonly point: Point;
}

/** Every point of the shape's life. */
export async function strikesOn(ground: Ground, shape: Shape): Promise<Strike[]> {
  const strikes: Strike[] = [];
  for (const member of shape.members) {
    await ground.on(shape, async (dir) => {
      const output = join(dir, 'trace');
      const { code, stderr } = await runLife({ dir, ...shape.orders }, watching(join(dir, member), output));
      if (code !== 0) throw new Error(`the life without a fault ended with ${code}: ${stderr}`);
      const points = pointsOf(countCalls(output));
      // Nearly all writes of a life that fills its store are filler: one in eight of them.
      const chosen = points.filter(({ call, when }) => !(shape.orders.fillBytes && call === 'write' && when % 8 > 0));
      strikes.push(...chosen.map((point) => ({ shape, member, point })));
    });
  }
  return strikes;
}

/** Strikes each point in a life of its own; a point that the life did not reach counts as none. */
export async function strikeAll(ground: Ground, strikes: readonly Strike[]): Promise<Tally> {
  let n = 0;
  const failures: string[] = [];
  await twoAtATime(strikes, ({ shape, member, point }) =>
    ground.on(shape, async (dir, before) => {
      const output = join(dir, 'trace');
      const once = async (): Promise<string | undefined> => {
        const life = await runLife({ dir, ...shape.orders }, striking(join(dir, member), output, point));
        return wasStruck(output, life.signal) ? harmDone(dir, [before, life], shape.orders.without) : 'not struck';
      };
      const harm = await once().catch(hangAsHarm);
      if (harm === 'not struck') return;
      n += 1;
      const { call, when, fault } = point;
      if (harm !== undefined) failures.push(`${shape.name}, ${member}: ${call} ${when} ${fault}: ${harm}`);
    }),
  );
  return { n, failures };
}
