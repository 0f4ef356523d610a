/** Entries that are seen once stay seen: what a padded ledger costs whoever looks receipts up in it. */

import { expect } from 'chai';
import { utf8Decode, utf8Encode } from '../core/bytes.ts';
import { type DepositEntry, formatEntry } from '../core/entry.ts';
import { leafHash } from '../core/hash.ts';
import { TILE_WIDTH } from '../core/limits.ts';
import { TileReader } from '../core/tile-reader.ts';
import { TestLog } from '../witness/testing.ts';
import { ReceiptMonitor } from './receipts.ts';
import { SeenEntries } from './seen.ts';
import { cosignedNote, depositEntry, RECEIPT_TRUST, receiptOf, tilesOfLog } from './testing.ts';

const START = Date.UTC(2026, 0, 1);

/** A log, and how many of its bundles have been fetched. */
class WatchedLog extends TestLog {
  fetched = 0;

  add(...entries: readonly (DepositEntry | string)[]): void {
    for (const each of entries) this.append(typeof each === 'string' ? utf8Encode(each) : formatEntry(each));
  }

  readonly fetch: ReturnType<typeof tilesOfLog> = (tile) => {
    if (tile.level === 'entries') this.fetched += 1;
    return tilesOfLog(this)(tile);
  };

  async seen(keptMax: number): Promise<SeenEntries> {
    const size = this.entries.length;
    return new SeenEntries(new TileReader((await this.head(size)).checkpoint, this.fetch), size, keptMax);
  }

  /** How many bundles it takes. */
  async fetches(work: () => Promise<unknown>): Promise<number> {
    const before = this.fetched;
    await work();
    return this.fetched - before;
  }
}

describe('ledger/monitor entries seen', () => {
  it('are those of the ledger, with their times', async () => {
    const log = new WatchedLog();
    log.add(depositEntry(1, START), 'padding', depositEntry(2, START + 5), 'padding');
    const seen = await log.seen(1);
    const times = [START, undefined, START + 5, undefined];
    for (const [index, receivedMs] of times.entries()) {
      const leaf = leafHash(log.entries[index] ?? expect.fail('no entry'));
      expect(await seen.at(index)).to.deep.equal({ leaf, receivedMs });
    }
    expect(await seen.lastTimed(0, 4)).to.deep.equal({ index: 2, receivedMs: START + 5 });
    expect(await seen.lastTimed(0, 2)).to.deep.equal({ index: 0, receivedMs: START });
    expect(await seen.lastTimed(1, 2)).to.equal(undefined);
    expect(await seen.lastTimed(1, 1)).to.equal(undefined);
  });

  it('without a time are read once, however many bundles of them there are and however few are kept', async () => {
    const log = new WatchedLog();
    log.add(depositEntry(1, START), ...Array.from({ length: 10 * TILE_WIDTH }, String), depositEntry(2, START + 5));
    const seen = await log.seen(2);
    const walk = () => seen.lastTimed(0, log.entries.length - 1);
    expect(await log.fetches(walk)).to.equal(11);
    expect(await log.fetches(walk), 'the one at the upper end, which has a time').to.equal(1);
    expect(await walk()).to.deep.equal({ index: 0, receivedMs: START });
    const inside = async () => expect(await seen.lastTimed(TILE_WIDTH + 7, 8 * TILE_WIDTH)).to.equal(undefined);
    expect(await log.fetches(inside)).to.equal(0);
  });

  it('are not those of padding far behind the place of a receipt, however the platform chose the size', async () => {
    const log = new WatchedLog();
    const times = Array.from({ length: TILE_WIDTH }, (_, ms) => depositEntry(ms, START + ms));
    log.add(...times, ...Array.from({ length: 20 * TILE_WIDTH }, String));
    const note = utf8Decode(await cosignedNote(log, log.entries.length, [])) ?? '';
    const monitor = new ReceiptMonitor(note, RECEIPT_TRUST, log.fetch);
    const look = async (): Promise<void> => {
      const receipt = await receiptOf(depositEntry(70, START + 70), START + 1000);
      expect(await monitor.look(receipt, 0)).to.deep.equal({ state: 'honoured', index: 70 });
    };
    expect(await log.fetches(look)).to.equal(1);
  });

  it('are kept for the next receipt over a whole run of the greatest length', async () => {
    const log = new WatchedLog();
    // More bundles than the halving alone needs.
    const count = 70 * TILE_WIDTH;
    log.add(depositEntry(0, START), ...Array.from({ length: count }, (_, i) => depositEntry(i, START + 1)));
    const note = utf8Decode(await cosignedNote(log, count + 1, [])) ?? '';
    const monitor = new ReceiptMonitor(note, RECEIPT_TRUST, log.fetch, count + 2);
    const look = (number: number) => async (): Promise<void> => {
      const receipt = await receiptOf(depositEntry(number, START + 1), START + 1000);
      expect(await monitor.look(receipt, 0)).to.deep.equal({ state: 'honoured', index: number + 1 });
    };
    expect(await log.fetches(look(count - 1))).to.equal(71);
    expect(await log.fetches(look(5))).to.equal(0);
  });
});
