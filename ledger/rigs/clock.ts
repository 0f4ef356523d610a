// Test support: the whole intake, ledger and court as one process under a clock that lies, driven line by line.
//
//   deposit <name>   ->  `taken <received>` or `refused <code>`
//   end              ->  one JSON line, what is on the ledger then
//
// Alarms of the ledger come as lines of their own: `event <kind>`.

import { createInterface } from 'node:readline';
import type { Deposit } from '../../server/intake/deposit-store.ts';
import { digests, expectKept, live, until } from '../../server/testing.ts';
import { hexEncode } from '../core/bytes.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { parseEntry } from '../core/entry.ts';
import { parseNote } from '../core/note.ts';
import { ClockGuard } from '../log/clock-guard.ts';
import { FailStop } from '../log/fail-stop.ts';
import { parseHeadRecord } from '../log/head-record.ts';
import { Pool } from '../log/pool.ts';
import type { HeadStore } from '../log/ports.ts';
import { recover } from '../log/recovery.ts';
import { Sequencer } from '../log/sequencer.ts';
import { PREFIX, start, World } from '../log/testing.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { MemoryDisk, memoryStores } from '../store/memory.ts';
import { ORIGIN } from '../witness/testing.ts';

/** What a life left, each list in the order of the ledger. Milliseconds since the epoch. */
export interface Left {
  readonly received: number[];
  readonly sealed: number[];
  readonly cosigned: number[];
}

/** The program: the real clock of the process, whatever stands behind it. */
export async function underThisClock(): Promise<never> {
  const world = new World();
  Object.assign(world, { clock: Object.assign(() => Date.now(), { ms: 0 }) });
  const disk = new MemoryDisk();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const { notary } = await live(world, disk, {
    onLedgerEvent: ({ kind, severity }) => {
      if (severity === 'alarm' || kind === 'clock-caught-up') say(`event ${kind}`);
    },
  });
  const taken: Deposit[] = [];
  const cosigned: number[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, name = ''] = line.split(' ');
    if (command === 'end') break;
    try {
      const { deposit } = await notary.submit(digests(name));
      taken.push(deposit);
      // Certified before the clock is moved: back in between, sealing would wait for it, and so would this program. Walks do that.
      await until(() => notary.certifier.owed === 0);
      cosigned.push(...cosignatureTimes(world, notary.ledger.published()?.note ?? ''));
      say(`taken ${deposit.received}`);
    } catch (error) {
      say(`refused ${(error as { code?: string }).code}`);
    }
  }
  await until(() => notary.certifier.owed === 0);
  await expectKept(disk, notary, taken);
  await notary.close();
  const stores = memoryStores(disk);
  const received = taken.map((deposit) => Date.parse(deposit.received));
  say(JSON.stringify({ received, sealed: await sealedTimes(stores.heads('log')), cosigned } satisfies Left));
  process.exit(0);
}

/** When the courts say that they have cosigned, in milliseconds. */
export function cosignatureTimes(world: World, note: string): number[] {
  const keys = world.courts.flatMap(({ signers }) => signers.map(({ key }) => key));
  return openCosignatures(parseNote(note), keys).map(({ timeSeconds }) => Number(timeSeconds) * 1000);
}

/** When each head says that it was sealed. */
export async function sealedTimes(heads: HeadStore): Promise<number[]> {
  const sealed: number[] = [];
  for (let number = 0; ; number++) {
    const bytes = await heads.get(number);
    if (bytes === undefined) return sealed;
    sealed.push(parseHeadRecord(bytes).sealedMs);
  }
}

/** A log as the clock rigs drive it. */
export interface DrivenLog {
  append(entry: Uint8Array): Promise<number | undefined>;
  readonly alarms: () => number;
  close(): Promise<void>;
}

/** The product. */
export async function guarded(world: World, stores: KeyedStores): Promise<DrivenLog> {
  const { log, events } = await start(world, stores);
  const alarms = () => events.filter(({ kind }) => kind === 'clock-back').length;
  return { append: (entry) => log.append(entry), alarms, close: () => log.close() };
}

/** The same parts with a clock that is believed, whatever it says. */
export async function unguarded(world: World, stores: KeyedStores): Promise<DrivenLog> {
  const believing = Object.assign(Object.create(ClockGuard.prototype), {
    now: () => world.clock(),
    advance: () => undefined,
    close: () => undefined,
  }) as ClockGuard;
  const tiles = stores.tiles(PREFIX);
  const heads = stores.heads(PREFIX);
  const onSequenced = async (first: number, entries: readonly Uint8Array[]): Promise<void> => {
    for (const [i, entry] of entries.entries()) world.sequenced.set(first + i, hexEncode(entry));
  };
  const { tip } = await recover({ origin: ORIGIN, logKey: world.signer.key, tiles, heads, onSequenced });
  const failStop = new FailStop((error) => {
    throw error;
  });
  const pool = new Pool(believing, 0);
  const ports = { origin: ORIGIN, signer: world.signer, tiles, heads, onSequenced, pool, clock: believing, failStop };
  const sequencer = new Sequencer({ ...ports, onHead: () => undefined, onEvent: () => undefined }, tip);
  const running = sequencer.run();
  const close = async (): Promise<void> => {
    sequencer.close();
    pool.close();
    await running;
  };
  return { append: (entry) => pool.add(entry), alarms: () => 0, close };
}

/** Received times of the entries on the ledger, as its owner was told them. */
export function receivedTimes(world: World): number[] {
  const entries = [...world.sequenced].sort(([a], [b]) => a - b);
  return entries.map(([, entry]) => Date.parse(parseEntry(Buffer.from(entry, 'hex')).received));
}
