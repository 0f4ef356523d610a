/** How long what another node shows may take: a poll must not hang for it, and a bundle is three orders longer than a tile. */

import { expect } from 'chai';
import { ENTRY_BYTES_MAX, TILE_WIDTH } from '../core/limits.ts';
import type { Http } from '../log/ports.ts';
import { latestOf, tilesOf } from './peer.ts';

/** Longest answer in bits, and the time for it in milliseconds. */
interface Asked {
  readonly bits: number;
  readonly ms: number;
}

const HUNDRED_KILOBIT = 100;
const MEGABIT = 1000;

describe('ledger/monitor peers', () => {
  const asked: Asked[] = [];
  const http: Http = async ({ responseBytesMax, timeoutMs }) => {
    asked.push({ bits: 8 * responseBytesMax, ms: timeoutMs });
    return { status: 404, headers: {}, body: new Uint8Array(0) };
  };
  const fetch = tilesOf('http://peer', http);

  beforeEach(() => {
    asked.length = 0;
  });

  it('may send the longest bundle over a line of 1 Mbit/s', async () => {
    await fetch({ level: 'entries', index: 0, width: TILE_WIDTH }).catch(() => undefined);
    const [{ bits, ms }] = asked as [Asked];
    expect(bits).to.be.at.least(8 * TILE_WIDTH * ENTRY_BYTES_MAX);
    expect(bits / ms).to.be.at.most(MEGABIT);
  });

  it('have seconds for tiles and checkpoints, which is all that watching reads', async () => {
    await fetch({ level: 0, index: 0, width: TILE_WIDTH }).catch(() => undefined);
    await latestOf({ name: 'peer', url: 'http://peer', keys: [] }, [], http);
    for (const { ms } of asked) expect(ms).to.be.at.most(5000);
    expect((asked[0] as Asked).bits / (asked[0] as Asked).ms).to.be.at.most(HUNDRED_KILOBIT);
  });
});
