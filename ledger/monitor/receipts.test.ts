// Receipts: what is on the ledger is found, what is not is shown to be absent at every place, and nobody honest can be accused.

import { expect } from 'chai';
import { utf8Decode, utf8Encode } from '../core/bytes.ts';
import { cosign } from '../core/cosignature.ts';
import { type DepositEntry, formatEntry } from '../core/entry.ts';
import { LedgerError } from '../core/errors.ts';
import { leafHash } from '../core/hash.ts';
import { CLOCK_TOLERANCE_MS } from '../core/limits.ts';
import { formatNote, parseNote } from '../core/note.ts';
import {
  checkOmissionReport,
  formatOmissionReport,
  type Omission,
  parseOmissionReport,
} from '../core/omission-report.ts';
import { type FetchTile, TileReader } from '../core/tile-reader.ts';
import { ORIGIN, TestLog, testSigner } from '../witness/testing.ts';
import { ReceiptMonitor, type ReceiptState } from './receipts.ts';
import {
  cosignedNote,
  depositEntry,
  endlessLog,
  RECEIPT_COURTS,
  RECEIPT_TRUST,
  receiptOf,
  tilesOfLog,
} from './testing.ts';

const START = Date.UTC(2026, 0, 1);
const DEADLINE = START + 86_400_000;
/** The first second that is after the deadline by whatever honest clock. */
const LATE_SECONDS = BigInt((DEADLINE + CLOCK_TOLERANCE_MS) / 1000) + 1n;

const entry = (number: number, ms: number): DepositEntry => depositEntry(number, START + ms);

/** A ledger of these entries; other bytes stand for entries of kinds that are not known. */
function ledger(entries: readonly (DepositEntry | string)[]): TestLog {
  const log = new TestLog();
  for (const each of entries) log.append(typeof each === 'string' ? utf8Encode(each) : formatEntry(each));
  return log;
}

async function monitorOf(
  log: TestLog,
  timeSeconds = LATE_SECONDS,
  signers = RECEIPT_COURTS,
  leavesMax?: number,
): Promise<ReceiptMonitor> {
  const note = utf8Decode(await cosignedNote(log, log.entries.length, signers, timeSeconds)) ?? '';
  return new ReceiptMonitor(note, RECEIPT_TRUST, tilesOfLog(log), leavesMax);
}

async function look(log: TestLog, of: DepositEntry, timeSeconds?: bigint, nowMs = DEADLINE + 1): Promise<ReceiptState> {
  return (await monitorOf(log, timeSeconds)).look(await receiptOf(of, DEADLINE), nowMs);
}

/** The report of a broken promise, checked as a stranger does. */
function broken(state: ReceiptState): { what: string; report: string } {
  if (state.state !== 'broken') throw new Error(`the receipt is ${state.state}`);
  expect(checkOmissionReport(state.report, RECEIPT_TRUST).what).to.equal(state.what);
  return state;
}

function refusal(report: string): string {
  try {
    checkOmissionReport(report, RECEIPT_TRUST);
    return 'proven';
  } catch (error) {
    if (error instanceof LedgerError) return error.code;
    throw error;
  }
}

/** Times with ties at both ends and inside. */
const TIMES = [0, 0, 1, 2, 2, 2, 5, 7, 7];
const ALL = TIMES.map((ms, i) => entry(i, ms));

describe('receipts on an honest ledger', () => {
  it('are found at every place, also among entries of one millisecond', async () => {
    const log = ledger(ALL);
    for (const [index, each] of ALL.entries()) {
      expect(await look(log, each)).to.deep.equal({ state: 'honoured', index });
    }
  });

  it('are found among 600 entries of one millisecond and beside entries of other kinds', async () => {
    const many = Array.from({ length: 600 }, (_, i) => entry(i, 4));
    const log = ledger(['newer', entry(1000, 3), ...many, 'newer', 'newer', entry(1001, 5), 'newer']);
    const monitor = await monitorOf(log);
    for (const [index, of] of [
      [2, 0],
      [257, 255],
      [601, 599],
    ] as const) {
      const state = await monitor.look(await receiptOf(entry(of, 4), DEADLINE), 0);
      expect(state).to.deep.equal({ state: 'honoured', index });
    }
    expect(await look(log, entry(1000, 3))).to.deep.equal({ state: 'honoured', index: 1 });
    expect(await look(log, entry(1001, 5))).to.deep.equal({ state: 'honoured', index: 604 });
  });

  it('that are not there yet are not due before the deadline, and undecided after it until a checkpoint is cosigned later than clocks differ', async () => {
    const log = ledger(ALL);
    const missing = entry(99, 9);
    const early = LATE_SECONDS - 1n;
    expect(await look(log, missing, early, DEADLINE)).to.deep.equal({ state: 'not-due' });
    expect(await look(log, missing, early)).to.deep.equal({ state: 'undecided' });
    const oneLate = utf8Decode(await cosignedNote(log, 9, RECEIPT_COURTS.slice(0, 1), LATE_SECONDS)) ?? '';
    const monitor = new ReceiptMonitor(oneLate, RECEIPT_TRUST, tilesOfLog(log));
    expect(await monitor.look(await receiptOf(missing, DEADLINE), DEADLINE + 1)).to.deep.equal({ state: 'undecided' });
  });

  it('are refused when the receipt key did not sign them, or a key for another log’s receipts did', async () => {
    const monitor = await monitorOf(ledger(ALL));
    const text = await receiptOf(ALL[0] as DepositEntry, DEADLINE);
    for (const bad of [
      await receiptOf(ALL[0] as DepositEntry, DEADLINE, testSigner('other.example/receipt', 0x01)),
      text.replace('deadline 2026-01-02', 'deadline 2026-01-01'),
      text.replace('receipt v1', 'receipt v2'),
      text.slice(0, 100),
      '',
    ]) {
      const error = await monitor.look(bad, 0).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(LedgerError);
    }
  });

  it('are read from tiles that are checked: a source that lies decides nothing', async () => {
    const note = utf8Decode(await cosignedNote(ledger(ALL), 9, RECEIPT_COURTS, LATE_SECONDS)) ?? '';
    const lying = ledger(ALL.map((each) => ({ ...each, commitment: '0'.repeat(64) })));
    const monitor = new ReceiptMonitor(note, RECEIPT_TRUST, tilesOfLog(lying));
    const error = await monitor.look(await receiptOf(ALL[3] as DepositEntry, DEADLINE), 0).catch((thrown) => thrown);
    expect(error).to.be.instanceOf(LedgerError).property('code', 'root-mismatch');
  });
});

describe('receipts whose entry was dropped', () => {
  it('are proven broken wherever the entry had stood, from its neighbours alone', async () => {
    for (const [i, dropped] of ALL.entries()) {
      const log = ledger(ALL.filter((each) => each !== dropped));
      const { what, report } = broken(await look(log, dropped));
      expect(what, `entry ${i}`).to.equal('omission');
      expect(parseOmissionReport(report).leaves.length).to.be.at.most(5);
    }
  });

  it('are proven broken on an empty ledger, before its first entry and after its last', async () => {
    expect(broken(await look(ledger([]), entry(0, 0))).what).to.equal('omission');
    expect(broken(await look(ledger([entry(1, 5)]), entry(0, 0))).what).to.equal('omission');
    expect(broken(await look(ledger([entry(1, 5)]), entry(0, 9))).what).to.equal('omission');
  });

  it('are proven broken beside entries of kinds that are not known, which are no bounds', async () => {
    const log = ledger(['newer', entry(1, 1), 'newer', entry(2, 2), 'newer', 'newer', entry(3, 4), 'newer']);
    const { report } = broken(await look(log, entry(9, 3)));
    const { first, leaves, entries } = parseOmissionReport(report);
    expect([first, leaves.length]).to.deep.equal([3, 4]);
    expect(entries.map(({ index }) => index)).to.deep.equal([3, 6]);
    expect(broken(await look(log, entry(9, 0))).what).to.equal('omission');
    expect(broken(await look(log, entry(9, 5))).what).to.equal('omission');
    expect(broken(await look(ledger(['newer', 'newer']), entry(9, 5))).what).to.equal('omission');
  });

  it('are proven broken among 600 neighbours of one millisecond', async () => {
    const many = Array.from({ length: 600 }, (_, i) => entry(i, 4));
    const { report } = broken(await look(ledger([entry(1000, 3), ...many, entry(1001, 5)]), entry(2000, 4)));
    expect(parseOmissionReport(report).leaves).to.have.lengthOf(602);
  });

  /** Entries of an unknown kind around the place of one received at 5 ms. */
  function padded(count: number, bytes: number): TestLog {
    const log = new TestLog();
    log.append(formatEntry(entry(1, 0)));
    for (let i = 0; i < count; i++) {
      log.append(Uint8Array.from({ length: bytes }, (_, at) => (at < 2 ? (i >> (8 * at)) & 255 : 0)));
    }
    log.append(formatEntry(entry(2, 10)));
    return log;
  }

  it('are proven broken among long padding, which does not reach the report', async () => {
    const { report } = broken(await look(padded(400, 65_000), entry(3, 5)));
    expect(parseOmissionReport(report).entries).to.have.lengthOf(2);
    expect(report.length).to.be.below(400 * 43 + 10_000);
  });

  it('are buried by more padding than a report can hold, wherever the search meets it', async () => {
    const receipt = await receiptOf(entry(3, 5), DEADLINE);
    for (const [count, state] of [
      [298, 'broken'],
      [299, 'buried'],
      [700, 'buried'],
    ] as const) {
      const monitor = await monitorOf(padded(count, 2), LATE_SECONDS, RECEIPT_COURTS, 300);
      expect((await monitor.look(receipt, DEADLINE + 1)).state, `${count} entries`).to.equal(state);
    }
  });

  it('are found and proven broken beside padding that lies elsewhere, whatever part of the search meets it', async () => {
    for (const behind of [60, 95, 110, 140, 199]) {
      const times = Array.from({ length: 200 }, (_, ms) => entry(ms, ms)).filter((_, ms) => ms !== 50 && ms !== 130);
      const padding = Array.from({ length: 700 }, (_, i) => `padding ${i}`);
      const monitor = await monitorOf(
        ledger([...times.slice(0, behind), ...padding, ...times.slice(behind)]),
        LATE_SECONDS,
        RECEIPT_COURTS,
        100,
      );
      for (const [ms, state] of [
        [20, 'honoured'],
        [50, 'broken'],
        [129, 'honoured'],
        [130, 'broken'],
        [180, 'honoured'],
      ] as const) {
        const found = await monitor.look(await receiptOf(entry(ms, ms), DEADLINE), DEADLINE + 1);
        expect(found.state, `${ms} beside ${behind}`).to.equal(state);
      }
    }
  });

  it('are given up in a ledger of padding without end', async () => {
    const { head, tiles } = await endlessLog(40);
    const { text, signatures } = parseNote(head.note);
    const late = await Promise.all(RECEIPT_COURTS.map((court) => cosign(head.checkpoint, LATE_SECONDS, court)));
    const cosigned = formatNote({ text, signatures: [...signatures, ...late] });
    let read = 0;
    const fetch: FetchTile = async (tile) => {
      if (tile.level === 'entries' && ++read > 1000) throw new Error('reads without end');
      return tiles(tile);
    };
    const monitor = new ReceiptMonitor(cosigned, RECEIPT_TRUST, fetch, 10);
    expect(await monitor.look(await receiptOf(entry(3, 5), DEADLINE), DEADLINE + 1)).to.deep.equal({ state: 'buried' });
  });

  it('are not called buried by entries of a newer format, on either side: what those say is for a later program', async () => {
    const newer = (i: number): string => `{"i":${i},"kind":"deposit","v":2}`;
    const receipt = await receiptOf(entry(3, 5), DEADLINE);
    for (const [ms, of] of [
      [10, newer],
      [5, newer],
      [10, (i: number): string => (i === 200 ? newer(i) : `padding ${i}`)],
    ] as const) {
      const log = ledger([
        entry(1, 0),
        ...(ms === 5 ? [entry(2, ms)] : []),
        ...Array.from({ length: 700 }, (_, i) => of(i)),
        entry(4, 10),
      ]);
      const monitor = await monitorOf(log, LATE_SECONDS, RECEIPT_COURTS, 600);
      expect(await monitor.look(receipt, DEADLINE + 1)).to.deep.equal({ state: 'newer-format' });
    }
    const few = ledger([entry(1, 0), newer(1), entry(4, 10)]);
    expect(broken(await look(few, entry(3, 5))).what, 'what can be shown is shown').to.equal('omission');
  });

  it('are proven broken where the entry was put in the wrong place', async () => {
    const misplaced = ALL[3] as DepositEntry;
    const log = ledger([...ALL.filter((each) => each !== misplaced), misplaced]);
    expect(broken(await look(log, misplaced)).what).to.equal('omission');
  });

  it('show a ledger that is out of order around their place as such', async () => {
    const log = ledger([entry(0, 0), entry(1, 4), 'newer', entry(2, 4), entry(3, 3), entry(4, 8)]);
    expect(broken(await look(log, entry(9, 4))).what).to.equal('order');
  });
});

describe('omission reports', () => {
  const dropped = ALL[4] as DepositEntry;
  const log = ledger(ALL.filter((each) => each !== dropped));
  let real: Omission;
  let text: string;
  before(async () => {
    text = broken(await look(log, dropped)).report;
    real = parseOmissionReport(text);
  });

  async function changed(changes: Partial<Omission>): Promise<string> {
    return refusal(formatOmissionReport({ ...real, ...changes }));
  }

  async function checkpoint(timeSeconds: bigint, signers = RECEIPT_COURTS): Promise<string> {
    return utf8Decode(await cosignedNote(log, log.entries.length, signers, timeSeconds)) ?? '';
  }

  it('accuse nobody whose entry is on the ledger, whatever the run', async () => {
    for (const honoured of [0, 3, 8]) {
      const receipt = await receiptOf(ALL[honoured] as DepositEntry, DEADLINE);
      expect(await changed({ receipt })).to.equal('report-unproven');
      for (let first = 0; first <= log.entries.length; first++) {
        for (let last = first; last <= log.entries.length; last++) {
          expect(refusal(formatOmissionReport({ ...(await omission(first, last)), receipt }))).to.equal(
            'report-unproven',
          );
        }
      }
    }
  });

  /** The run [first, last) with all its entries whole, proven as the ledger has it. */
  async function omission(first: number, last: number): Promise<Omission> {
    const { checkpoint: head } = await log.head(log.entries.length);
    const reader = new TileReader(head, tilesOfLog(log));
    const leaves = log.entries.slice(first, last).map(leafHash);
    const entries = log.entries.slice(first, last).map((each, i) => ({ index: first + i, entry: each }));
    const { hashes: left } = await reader.range(first);
    return { ...real, first, left, leaves, proof: await reader.consistencyProof(last), entries };
  }

  it('are refused with a missing bound, a gap, another index, or a leaf or an entry that is not there', async () => {
    const { first, leaves, entries } = real;
    const last = first + leaves.length;
    const unproven = async (from: number, to: number): Promise<string> =>
      refusal(formatOmissionReport(await omission(from, to)));
    expect(await unproven(first, last)).to.equal('proven');
    expect(await unproven(first + 1, last)).to.equal('report-unproven');
    expect(await unproven(first, last - 1)).to.equal('report-unproven');
    expect(await unproven(first, first)).to.equal('report-unproven');
    expect(await unproven(log.entries.length, log.entries.length)).to.equal('report-unproven');
    expect(await changed({ entries: entries.slice(1) })).to.equal('report-unproven');
    expect(await changed({ entries: entries.slice(0, 1) })).to.equal('report-unproven');
    expect(await changed({ entries: [] })).to.equal('report-unproven');
    expect(await changed({ leaves: leaves.toSpliced(1, 1) })).to.match(/^proof-/);
    expect(await changed({ leaves: leaves.toSpliced(1, 1, leafHash(formatEntry(entry(50, 0)))) })).to.equal(
      'proof-bad',
    );
    expect(await changed({ first: first + 1 })).to.match(/^(proof|report)-/);
    expect(await changed({ left: [...real.left, ...leaves.slice(0, 1)] })).to.equal('report-malformed');
    expect(await changed({ left: real.left.map(() => leafHash(formatEntry(dropped))) })).to.equal('proof-bad');
    expect(await changed({ first: log.entries.length, left: leaves.slice(0, 1) })).to.equal('report-malformed');
    const [head = { index: 0, entry: new Uint8Array() }, ...rest] = entries;
    expect(await changed({ entries: [{ ...head, entry: formatEntry(entry(50, 0)) }, ...rest] })).to.equal('proof-bad');
    expect(await changed({ entries: [{ ...head, index: head.index + 1 }, ...rest] })).to.equal('proof-bad');
    expect(await changed({ entries: [...rest, head] })).to.equal('report-malformed');
  });

  it('are refused without cosignatures after the deadline that alone satisfy the policy', async () => {
    expect(await changed({ checkpoint: await checkpoint(LATE_SECONDS - 1n) })).to.equal('report-unproven');
    expect(await changed({ checkpoint: await checkpoint(LATE_SECONDS, RECEIPT_COURTS.slice(1)) })).to.equal('proven');
    expect(await changed({ checkpoint: await checkpoint(LATE_SECONDS, RECEIPT_COURTS.slice(2)) })).to.equal(
      'report-unproven',
    );
    expect(await changed({ checkpoint: await checkpoint(LATE_SECONDS, []) })).to.equal('report-unproven');
  });

  it('are refused for another key’s receipt or checkpoint, and for text that is not one', async () => {
    const stranger = testSigner('stranger.example', 0x01);
    expect(await changed({ receipt: await receiptOf(dropped, DEADLINE, stranger) })).to.equal('note-not-signed');
    expect(await changed({ checkpoint: real.checkpoint.replace(ORIGIN, 'other.example') })).to.equal('origin-unknown');
    expect(await changed({ checkpoint: real.checkpoint.replace('\n8\n', '\n9\n') })).to.equal('signature-bad');
    for (const bad of ['', '[]', '{}', ` ${text}`, text.slice(0, -1), text.replace('"first":', '"first":-')]) {
      expect(refusal(bad), bad.slice(0, 20)).to.equal('report-malformed');
    }
  });
});
