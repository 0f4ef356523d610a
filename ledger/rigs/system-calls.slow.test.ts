// Every system call of a sealed batch fails once: on the ledger's store, the court's and the mirror's, in four kinds of batches.
// The process may end; it may never go on and lose something. Needs strace.

import { defineRig } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { Ground, NOTHING, SHAPES, type Shape } from './shapes.ts';
import { requireStrace } from './strace.ts';
import { type Strike, strikeAll, strikesOn } from './strikes.ts';

/** So many of them, spread evenly. */
function spread(strikes: readonly Strike[], count: number): Strike[] {
  return Array.from({ length: count }, (_, i) => strikes[Math.floor((i * strikes.length) / count)] as Strike);
}

/** A hole in LevelDB's log is met at the end of its block of 32 KiB: the batches after the failure must reach that far. */
const GOES_ON: Shape = {
  name: 'goes on',
  orders: { batches: [1, 3, 60, 60, 60], without: 'goes-on' },
  members: ['ledger'],
  prepare: async () => NOTHING,
};

defineRig({
  id: 'T2',
  name: 'every system call of a batch fails: EIO, ENOSPC, EMFILE, KILL',
  run: () =>
    Ground.use(async (ground) => {
      requireStrace();
      const strikes: Strike[] = [];
      for (const shape of SHAPES) strikes.push(...(await strikesOn(ground, shape)));
      // A strike is a second: a short run makes a share of a share.
      return strikeAll(ground, spread(strikes, rounds(rounds(strikes.length))));
    }),
  without: 'fail-stop: a failed write is reported, and the next one tried',
  control: () =>
    Ground.use(async (ground) => {
      requireStrace();
      const all = await strikesOn(ground, GOES_ON);
      const strikes = all.filter(({ point: { call, fault } }) => call === 'write' && fault !== 'KILL');
      return strikeAll(ground, spread(strikes, rounds(strikes.length)));
    }),
});
