// T22: a platform that gives receipts and drops some of the deposits. A real log with real courts; the receipts are held against it after
// their deadline, and every accusation must convince a stranger. The control asks the platform, which of course has an answer.

import { randomInt } from 'node:crypto';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { type DepositEntry, parseDepositEntry } from '../core/entry.ts';
import { checkOmissionReport, type OmissionTrust } from '../core/omission-report.ts';
import { type Session, start, untilPublished, World } from '../log/testing.ts';
import { ReceiptMonitor } from '../monitor/receipts.ts';
import { receiptOf, receiptTrust } from '../monitor/testing.ts';
import { memoryStores } from '../store/memory.ts';

const RECEIPTS = 10_000;
const DROPPED_SHARE = 100;
const DEADLINE_MS = 86_400_000;
/** Entries handed to the log at once: below what it pushes back. */
const BATCH = 1000;

interface Given {
  readonly entry: DepositEntry;
  readonly receipt: string;
  readonly dropped: boolean;
}

interface Platform {
  readonly session: Session;
  readonly given: readonly Given[];
  readonly trust: OmissionTrust;
  /** After every deadline. */
  readonly nowMs: number;
  /** What the platform's own index says. */
  lookup(id: string): number | undefined;
}

/** A platform after a day of work: a hundredth of what it gave receipts for was thrown away, in places that nobody can guess. */
async function platform(): Promise<Platform> {
  const world = new World({ courts: 4, needed: 3 });
  const session = await start(world, memoryStores());
  const count = rounds(RECEIPTS);
  const dropped = new Set<number>();
  while (dropped.size < Math.max(1, count / DROPPED_SHARE)) dropped.add(randomInt(count));
  const given: Given[] = [];
  const index = new Map<string, number>();
  let appended: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    // Several deposits in most milliseconds.
    world.clock.ms += randomInt(2);
    const bytes = world.entry();
    const entry = parseDepositEntry(bytes);
    const receipt = await receiptOf(entry, world.clock.ms + DEADLINE_MS);
    given.push({ entry, receipt, dropped: dropped.has(i) });
    index.set(entry.id, i);
    if (!dropped.has(i)) appended.push(session.append(bytes));
    if (appended.length === BATCH) appended = [await Promise.all(appended)].map(() => Promise.resolve());
  }
  await Promise.all(appended);
  world.clock.ms += 2 * DEADLINE_MS;
  await session.append();
  await untilPublished(session, count - dropped.size + 1);
  const trust = receiptTrust(world.policy);
  return { session, given, trust, nowMs: world.clock.ms, lookup: (id) => index.get(id) };
}

/** The reports that a monitor makes of the receipts, by id. */
type Watch = (platform: Platform) => Promise<ReadonlyMap<string, string>>;

/** Dropped deposits without a report that a stranger accepts, and honest ones with any. */
async function tell(watch: Watch): Promise<Tally> {
  const made = await platform();
  const reports = await watch(made);
  const failures: string[] = [];
  for (const { entry, dropped } of made.given) {
    const report = reports.get(entry.id);
    if (dropped && report === undefined) failures.push(`${entry.id} was dropped and not found`);
    if (!dropped && report !== undefined) failures.push(`${entry.id} is on the ledger and was reported`);
    if (report === undefined) continue;
    const { what, receipt } = checkOmissionReport(report, made.trust);
    if (what !== 'omission' || receipt.entry.id !== entry.id) failures.push(`${entry.id}: the report says ${what}`);
  }
  await made.session.log.close();
  return { n: made.given.length, failures };
}

/** Reads nothing but the cosigned checkpoint and its tiles. */
const honest: Watch = async ({ session, given, trust, nowMs }) => {
  const { log } = session;
  const monitor = new ReceiptMonitor(log.published()?.note ?? '', trust, async (tile) => {
    const bytes = await log.readTile(tile);
    if (bytes === undefined) throw new Error('no such tile');
    return bytes;
  });
  const reports = new Map<string, string>();
  for (const { entry, receipt } of given) {
    const state = await monitor.look(receipt, nowMs);
    if (state.state === 'broken') reports.set(entry.id, state.report);
  }
  return reports;
};

/** Asks the platform where the entry is, and believes it. */
const trusting: Watch = async ({ given, lookup }) => {
  const missing = given.filter(({ entry }) => lookup(entry.id) === undefined);
  return new Map(missing.map(({ entry }) => [entry.id, '']));
};

defineRig({
  id: 'T22',
  name: `${Math.max(1, rounds(RECEIPTS) / DROPPED_SHARE)} of ${rounds(RECEIPTS)} deposits dropped after their receipt: each found and proven, nobody else accused`,
  run: () => tell(honest),
  without: 'looking at the ledger itself',
  control: () => tell(trusting),
});
