// kill -9 of a platform's ledger, a court and a mirror in one process: under load, and while they recover from the kill before.
// A kill loses nothing that the kernel has: the control acknowledges what is still in the process's own memory.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFrom } from '../../fixtures/random.ts';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { runLife, type Said } from './child.ts';
import { harmDone } from './sound.ts';
import type { Without } from './unsafe-store.ts';

const SEED = 1_000;
/** Kills of one folder: it grows meanwhile, and each check reads all of it. */
const KILLS_A_FOLDER = 20;
/** A kill comes after so many acknowledgements at most, or none, and then up to so many ms later. */
const ACKNOWLEDGED_MAX = 40;
const LATER_MS = 150;

async function kill(kills: number, without?: Without): Promise<Tally> {
  const die = randomFrom(SEED);
  const failures: string[] = [];
  const reopenMs: number[] = [];
  let acknowledged = 0;
  for (let n = 0; n < kills; ) {
    const dir = await mkdtemp(join(tmpdir(), 'probata-kills-'));
    const lives: Said[] = [];
    for (let i = 0; i < KILLS_A_FOLDER && n < kills; i++) {
      // Under load, then before anybody else has recovered the folder, while it recovers.
      const inRecovery = i % 2 === 1;
      const life = await liveUntilKilled(dir, inRecovery ? 0 : 1 + die(ACKNOWLEDGED_MAX), die(LATER_MS));
      n += 1;
      lives.push(life);
      acknowledged += life.acknowledged.length;
      if (life.reopenMs !== undefined) reopenMs.push(life.reopenMs);
      const harm = inRecovery || n === kills ? await harmDone(dir, lives, without) : undefined;
      if (harm !== undefined) {
        failures.push(`kill ${n}: ${harm}`);
        break;
      }
    }
    await rm(dir, { recursive: true, force: true });
  }
  return { n: kills, failures, notes: `${acknowledged} acknowledged; ${describeTimes(reopenMs)}` };

  /** A life that is killed so many ms after it began, or after it acknowledged so many entries. */
  async function liveUntilKilled(folder: string, acknowledgements: number, ms: number) {
    let begun = 0;
    let said = 0;
    let opened: number | undefined;
    const life = await runLife({ dir: folder, ...(without === undefined ? {} : { without }) }, [], (line, child) => {
      const event = line.split(' ')[0];
      if (event === 'begin') begun = performance.now();
      if (event === 'ready') opened = performance.now() - begun;
      if (event === 'ack') said += 1;
      if (event === (acknowledgements === 0 ? 'begin' : 'ack') && said === acknowledgements) {
        setTimeout(() => child.kill('SIGKILL'), ms);
      }
    });
    if (life.signal !== 'SIGKILL') throw new Error(`the life ended by itself with ${life.code}: ${life.stderr}`);
    return { ...life, reopenMs: opened };
  }
}

function describeTimes(ms: readonly number[]): string {
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
  return `opened and published again in ${at(0.5)} ms (p50), ${at(0.99)} ms (p99)`;
}

defineRig({
  id: 'T1',
  name: 'kill -9 under load and in recovery',
  seed: SEED,
  run: () => kill(rounds(1000)),
  without: 'durable writes: acknowledged from memory',
  control: () => kill(rounds(100), 'write-behind'),
});
