/**
 * A platform whose every sync takes 300 ms, or 2 s, and more deposits at once than it may have outstanding. No receipt leaves before the
 * sync of its deposit has come back, by the order of the system calls; what is above the limit waits for room, and what has waited too long,
 * as on the slower of the two, is refused and told when to come again. The store by itself: ledger/rigs/slow-disk.slow.test.ts. Needs strace.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { delayingSyncsOf, requireStrace } from '../../ledger/rigs/strace.ts';
import { walkSyncs } from '../../ledger/rigs/sync-trace.ts';
import { TestConsortium } from '../roles/testing.ts';
import { fsckFindings, PlatformProcess } from './platform-process.ts';

/** Deposits that may be taken in and not on the ledger. */
const LIMIT = 8;
/** Deposits that come at once: eight at a time, with at least three syncs each, they take longer than the slower disk has time for. */
const BURST = 96;
/** Pause between two looks at what is outstanding, ms. */
const LOOK_MS = 100;

interface Plan {
  readonly delayMs: number;
  readonly bursts: number;
}

/** @param outstandingMax the limit under which the platform runs */
async function burstSlowly(plans: readonly Plan[], outstandingMax: number, read = asItIs): Promise<Tally> {
  requireStrace();
  const failures: string[] = [];
  const receipts: string[] = [];
  let refused = 0;
  const consortium = await TestConsortium.start();
  const dir = consortium.dir('platform');
  try {
    await consortium.stop('platform');
    const platform = await PlatformProcess.start({ dir, token: consortium.token, limits: { outstandingMax } });
    for (const [i, { delayMs, bursts }] of plans.entries()) {
      const output = join(consortium.data, `trace-${i}`);
      const strace = await attach(delayingSyncsOf(platform.pid, output, delayMs));
      const before = receipts.length;
      for (let burst = 0; burst < bursts; burst++) {
        const { ids, pushedBack, peak, wrong } = await burstAt(platform);
        receipts.push(...ids);
        refused += pushedBack;
        failures.push(...wrong);
        if (peak > LIMIT) failures.push(`${delayMs} ms: of ${BURST} deposits ${peak} were outstanding at once`);
      }
      await detach(strace);
      for (const id of await platform.missing(receipts)) failures.push(`${id} has a receipt and is not on the ledger`);
      const { sent, early } = receiptsIn(read(readFileSync(output, 'utf8')));
      const given = receipts.length - before;
      if (sent !== given) throw new Error(`the trace shows ${sent} receipts of ${given}`);
      failures.push(...early.map((id) => `${delayMs} ms: the receipt of ${id} left before its deposit was durable`));
    }
    if (refused === 0) failures.push('no deposit was refused, however long it waited');
    const code = await platform.stop();
    if (code !== 0) failures.push(`ended with ${code}`);
    failures.push(...(await fsckFindings(dir)));
  } finally {
    await consortium.end();
  }
  const bursts = plans.reduce((sum, plan) => sum + plan.bursts, 0);
  return { n: bursts * (1 + BURST), failures, notes: `${receipts.length} receipts, ${refused} answers 503` };
}

const asItIs = (trace: string): string => trace;

/** The trace of a platform that does not sync. */
const withoutSyncs = (trace: string): string => trace.replace(/^\d+ +f(data)?sync\(.*\n/gm, '');

interface Burst {
  readonly ids: readonly string[];
  readonly pushedBack: number;
  /** Deposits outstanding at most, as the platform itself counts them. */
  readonly peak: number;
  readonly wrong: readonly string[];
}

/** As soon as there is room, all at once. Each is answered: with a receipt, or with when to come again. */
async function burstAt(platform: PlatformProcess): Promise<Burst> {
  const ids: string[] = [];
  const wrong: string[] = [];
  let pushedBack = 0;
  let answered = 0;
  let peak = 0;
  const one = async (): Promise<void> => {
    const { id, status, code, retryAfter } = (await platform.deposit()) ?? {};
    answered++;
    if (id !== undefined) ids.push(id);
    else if (status === 503 && code === 'pushback' && retryAfter) pushedBack++;
    else wrong.push(`a deposit was answered ${status} (${code}), Retry-After ${retryAfter}`);
  };
  const watch = async (): Promise<void> => {
    for (; answered < BURST; await pause(LOOK_MS)) peak = Math.max(peak, await platform.outstanding());
  };
  while ((await platform.outstanding()) >= LIMIT) await pause(LOOK_MS);
  await Promise.all([...Array.from({ length: BURST }, one), watch()]);
  return { ids, pushedBack, peak, wrong };
}

/** How many receipts were sent, and of which deposits no write had been synced by then. */
function receiptsIn(trace: string): { sent: number; early: string[] } {
  const early: string[] = [];
  let sent = 0;
  walkSyncs(trace, (write, { synced }) => {
    const id = /HTTP\/1\.1 202 .*?\\"id\\":\\"([0-9a-f-]{36})/.exec(write)?.[1];
    if (id === undefined) return;
    sent++;
    if (!synced.some((text) => text.includes(id))) early.push(id);
  });
  return { sent, early };
}

async function attach([command = '', ...args]: readonly string[]): Promise<ChildProcess> {
  const strace = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: strace.stderr })) {
    if (line.includes('attached')) {
      strace.stderr.resume();
      return strace;
    }
  }
  throw new Error('strace could not attach to the platform');
}

async function detach(strace: ChildProcess): Promise<void> {
  const gone = once(strace, 'exit');
  strace.kill();
  await gone;
}

defineRig({
  id: 'T15',
  name: 'platform: every sync takes 300 ms, or 2 s',
  run: () =>
    burstSlowly(
      [
        { delayMs: 300, bursts: rounds(10) },
        { delayMs: 2000, bursts: rounds(5) },
      ],
      LIMIT,
    ),
  without: 'the limit of what is outstanding, and syncs (left out of the trace)',
  control: () => burstSlowly([{ delayMs: 2000, bursts: 1 }], BURST + 1, withoutSyncs),
});
