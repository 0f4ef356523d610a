// The program that the process rigs harm: one life of a platform's ledger with a court and a mirror, every member on its own folder.
// Says one line for each thing that others may rely on from then on, after it is so; the reader of these lines is child.ts.
//
//   begin                       the folders are about to be opened
//   ready <size>                recovered, and the head of this size is published
//   ack <index> <entry, hex>    the entry is on the ledger
//   published <size>            the court and the mirror have cosigned this size
//   failed                      something failed, and the same process goes on: only a control does

import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { hexEncode } from '../core/bytes.ts';
import type { Session } from '../log/testing.ts';
import { startOwned } from '../store/testing.ts';
import { Consortium } from './members.ts';
import { openStore, type Without } from './unsafe-store.ts';

/** Exit code of a life that stopped itself after a failure. */
export const FAIL_STOP = 70;

export interface Orders {
  /** The parent of the members' folders. */
  readonly dir: string;
  /** Entries of each batch; the life ends after the last. Batches of ever changing size until the end of time, when not given. */
  readonly batches?: readonly number[];
  /** Bytes written beside the ledger before the last batch, so that LevelDB rolls its files. */
  readonly fillBytes?: number;
  /** A control: the protection that the stores do without. */
  readonly without?: Without;
}

const STARTS_MAX = 3;
/** The pause before it goes on, ms. */
const FAILED_MS = 500;
const ENTRIES_MAX = 30;
const FILLER_BYTES = 1 << 20;

/** Lives as ordered. Ends the process after a failure, unless the orders are to go on. */
export async function live(orders: Orders): Promise<void> {
  const { dir, without } = orders;
  const stop = (): never => process.exit(FAIL_STOP);
  // With a handler, a file at its size limit is a write that fails; without, the end of the process.
  process.on('SIGXFSZ', () => undefined);
  say('begin');
  const world = await Consortium.open(dir, stop, without);
  const store = await openStore(join(dir, 'ledger'), stop, without);
  const batches = batchesOf(orders);
  // More than one only in the control: whatever failed, the same process starts over on the same open database.
  for (let starts = without === 'goes-on' ? STARTS_MAX : 1; starts > 0; starts--) {
    world.clock.ms = Date.now();
    const session = await startOwned(world, store);
    const done = await Promise.race([work(session).then(() => true), session.fatal.then(() => false)]);
    await session.log.close();
    if (done) break;
    if (starts === 1) stop();
    say('failed');
    await sleep(FAILED_MS);
  }
  await store.close();
  await world.close();

  async function work(session: Session): Promise<void> {
    const { log } = session;
    await untilPublished(session, 0);
    const { size } = log.head().checkpoint;
    await untilPublished(session, size);
    say(`ready ${size}`);
    // Entries that were never acknowledged may be on the ledger too: numbers go on behind everything that may be there.
    world.continueAt(size);
    for (let batch = batches.next(); batch.done !== true; batch = batches.next()) {
      const { entries, fillBytes } = batch.value;
      for (let at = 0; at < fillBytes; at += FILLER_BYTES) {
        await store.index('filler').write([[String(at), new Uint8Array(FILLER_BYTES).fill(at >> 20)]]);
      }
      world.clock.ms = Date.now();
      const indexes = await Promise.all(
        Array.from({ length: entries }, async () => {
          const entry = world.entry();
          const index = await log.append(entry);
          say(`ack ${index} ${hexEncode(entry)}`);
          return index;
        }),
      );
      await untilPublished(session, (indexes.at(-1) ?? -1) + 1);
    }
  }
}

interface Batch {
  readonly entries: number;
  readonly fillBytes: number;
}

function* batchesOf({ batches, fillBytes = 0 }: Orders): Generator<Batch, void> {
  if (batches === undefined) for (let round = 1; ; round++) yield { entries: (7 * round) % ENTRIES_MAX, fillBytes: 0 };
  for (const [i, entries] of batches.entries()) {
    yield { entries, fillBytes: i === batches.length - 1 ? fillBytes : 0 };
  }
}

/** Waits until this size is published, and says so. */
async function untilPublished({ log, fatal }: Session, size: number): Promise<void> {
  let published = -1;
  let over = false;
  void fatal.then(() => {
    over = true;
  });
  while (published < size && !over) {
    await turn();
    published = log.published()?.checkpoint.size ?? -1;
  }
  if (published >= size) say(`published ${published}`);
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
