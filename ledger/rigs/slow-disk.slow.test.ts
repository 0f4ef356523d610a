// A disk whose syncs take 300 ms, or 2 s. Nothing may be acknowledged before the sync that makes it durable has come back: not by the
// clock, but by the order of the system calls. Needs strace.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { parseDepositEntry } from '../core/entry.ts';
import { runLife } from './child.ts';
import { Ground, NOTHING, SHAPES, type Shape } from './shapes.ts';
import { harmDone } from './sound.ts';
import { delayingSyncs, requireStrace } from './strace.ts';
import { walkSyncs } from './sync-trace.ts';
import type { Without } from './unsafe-store.ts';

const BATCH = 5;
const RECOVERED = SHAPES.find(({ name }) => name === 'tile completed') as Shape;

/** Lives of so many batches, each under its own delay; counts acknowledgements. */
async function liveSlowly(plans: readonly { delayMs: number; batches: number }[], without?: Without): Promise<Tally> {
  requireStrace();
  const failures: string[] = [];
  let n = 0;
  for (const { delayMs, batches } of plans) {
    const orders = { batches: Array(batches).fill(BATCH), ...(without === undefined ? {} : { without }) };
    const shape = without === undefined ? RECOVERED : { ...RECOVERED, prepare: async () => NOTHING };
    await Ground.use((ground) =>
      ground.on(shape, async (dir, before) => {
        const output = join(dir, 'trace');
        const life = await runLife({ dir, ...orders }, delayingSyncs(output, delayMs));
        if (life.code !== 0) throw new Error(`a life on a slow disk ended with ${life.code}: ${life.stderr}`);
        n += life.acknowledged.length;
        for (const early of acknowledgedEarly(readFileSync(output, 'utf8'))) failures.push(`${delayMs} ms: ${early}`);
        const harm = await harmDone(dir, [before, life], without);
        if (harm !== undefined) failures.push(`${delayMs} ms: ${harm}`);
      }),
    );
  }
  return { n, failures };
}

/**
 * Entries that were acknowledged while the newest write that holds them had not been followed by a whole sync of the same file.
 * A life writes its acknowledgements in one write each.
 */
function acknowledgedEarly(trace: string): string[] {
  const early: string[] = [];
  walkSyncs(trace, (write, { unsynced }) => {
    const acknowledged = /^1<[^>]*>, "ack \d+ ([0-9a-f]+)\\n"/.exec(write)?.[1];
    if (acknowledged === undefined) return;
    const { id } = parseDepositEntry(Buffer.from(acknowledged, 'hex'));
    if ([...unsynced].some(([log, writes]) => log.includes('/ledger/') && writes.some((text) => text.includes(id))))
      early.push(`${id} was acknowledged before it was durable`);
  });
  return early;
}

defineRig({
  id: 'T15',
  name: 'every sync takes 300 ms, or 2 s',
  run: () =>
    liveSlowly([
      { delayMs: 300, batches: rounds(20) },
      { delayMs: 2000, batches: rounds(5) },
    ]),
  without: 'syncs: a write is acknowledged without one',
  control: () => liveSlowly([{ delayMs: 300, batches: rounds(20) }], 'unsynced'),
});
