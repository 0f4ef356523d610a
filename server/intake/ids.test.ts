/** Ids and received times: order, uniqueness, and what happens when the clock goes back. */
import { expect } from 'chai';
import { version } from 'uuid';
import { Refusal } from '../refusal.ts';
import { IdSequence, type LedgerTime, receivedMs } from './ids.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 3, 4, 5, 678);

/** The ledger's time on this clock. */
function ledgerTime(clock: () => number): LedgerTime {
  return (usedMs) => (clock() < usedMs ? undefined : clock());
}

describe('server/intake/ids', () => {
  it('gives UUIDv7 whose time is the received time', () => {
    const { id, received } = new IdSequence(() => NOW_MS, undefined).next();
    expect(version(id)).to.equal(7);
    expect(received).to.equal('2026-11-22T03:04:05.678Z');
    expect(receivedMs(id)).to.equal(NOW_MS);
  });

  it('orders ids strictly, within a millisecond and over a clock that only grows', () => {
    let nowMs = NOW_MS;
    const ids = new IdSequence(
      ledgerTime(() => nowMs),
      undefined,
    );
    const given: string[] = [];
    for (let i = 0; i < 5000; i += 1) {
      if (i % 100 === 0) nowMs += i % 300;
      given.push(ids.next().id);
    }
    expect([...given].sort()).to.deep.equal(given);
    expect(new Set(given).size).to.equal(given.length);
  });

  it('refuses while the clock is behind the last id, and goes on when it has caught up', () => {
    let nowMs = NOW_MS;
    const ids = new IdSequence(
      ledgerTime(() => nowMs),
      undefined,
    );
    const first = ids.next().id;
    nowMs -= 1;
    expect(() => ids.next())
      .to.throw(Refusal)
      .with.property('code', 'clock-behind');
    nowMs += 1;
    expect(ids.next().id > first).to.equal(true);
  });

  it('starts after the newest id of the process before, and not within its millisecond', () => {
    const latest = new IdSequence(() => NOW_MS, undefined).next().id;
    let nowMs = NOW_MS;
    const ids = new IdSequence(
      ledgerTime(() => nowMs),
      latest,
    );
    expect(() => ids.next())
      .to.throw(Refusal)
      .with.property('code', 'clock-behind');
    nowMs += 1;
    expect(ids.next().id > latest).to.equal(true);
  });
});
