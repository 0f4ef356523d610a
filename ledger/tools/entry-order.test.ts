// What entries say: of a known form, and in the order of receipt. One that is wrong does not make those behind it wrong.

import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { formatEntry } from '../core/entry.ts';
import { entryOrder } from './entry-order.ts';

function entry(n: number, receivedMs: number): Uint8Array {
  return formatEntry({
    kind: 'deposit',
    v: 1,
    id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    received: new Date(receivedMs).toISOString(),
    commitment: '0'.repeat(64),
  });
}

describe('entry order', () => {
  const flawsOf = (entries: Uint8Array[]): string[] => entryOrder()(7, entries).map(({ path }) => path);

  it('is content with times that stand still or grow', () => {
    expect(flawsOf([1, 1, 2, 9].map((ms, n) => entry(n, ms)))).to.deep.equal([]);
  });

  it('names the entry whose time is before that of the one below, over calls too', () => {
    expect(flawsOf([5, 4, 6].map((ms, n) => entry(n, ms)))).to.deep.equal(['entry 8']);
    const look = entryOrder();
    expect(look(0, [entry(0, 5)])).to.deep.equal([]);
    expect(look(1, [entry(1, 4)]).map(({ path }) => path)).to.deep.equal(['entry 1']);
  });

  it('names one entry for one of a time to come, however many follow', () => {
    const times = [1, 1_000_000, ...Array.from({ length: 500 }, (_, i) => i + 2)];
    expect(flawsOf(times.map((ms, n) => entry(n, ms)))).to.deep.equal(['entry 9']);
  });

  it('names what is no entry', () => {
    expect(flawsOf([entry(0, 1), utf8Encode('{}'), entry(2, 2)])).to.deep.equal(['entry 8']);
  });
});
