// A disk that fills under load, and has space again. The process must end at the first write that fails: after it LevelDB loses what
// it acknowledges later. It may try to start while the disk is still full. Needs util-linux (unshare and nsenter, or prlimit).

import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import type { Said } from './child.ts';
import { FAIL_STOP } from './life.ts';
import { harmDone } from './sound.ts';
import { openTightDisk } from './tight-disk.ts';
import type { Without } from './unsafe-store.ts';

const DISK_BYTES = 48 << 20;
/** What the filler leaves: a few batches. */
const FREE_BYTES = 64 << 10;
/**
 * Entries of each batch, which make values of some 300 bytes, 3,000 and 30,000, and more batches than fit into what is left. Not so many
 * that LevelDB begins a new log: the loss of the control is in the old one.
 */
const SIZES = [
  { entries: 1, batches: 60 },
  { entries: 10, batches: 30 },
  { entries: 100, batches: 12 },
];

async function fillRounds(perSize: number, without?: Without): Promise<Tally> {
  const failures: string[] = [];
  const control = without === undefined ? {} : { without };
  let kind = '';
  let acknowledged = 0;
  for (const { entries, batches } of SIZES) {
    const disk = await openTightDisk(DISK_BYTES);
    kind = disk.kind;
    const lives: Said[] = [];
    const elsewhere = await mkdtemp(join(tmpdir(), 'probata-cosigners-'));
    try {
      // A court that goes on never cosigns again: in the control only the ledger's disk is full.
      for (const member of without === undefined ? [] : ['court', 'mirror']) {
        await mkdir(join(elsewhere, member));
        await symlink(join(elsewhere, member), join(disk.place, member));
      }
      for (let round = 1; round <= perSize; round++) {
        const filling: Promise<void>[] = [];
        const life = await disk.live({ batches: Array(batches).fill(entries), ...control }, (line, child) => {
          if (line.startsWith('ready') && filling.length === 0) filling.push(disk.fill(FREE_BYTES, child));
          // Only the control lives on to say so: it gets its space back.
          if (line === 'failed') filling.push(disk.free(child));
        });
        await Promise.all(filling);
        lives.push(life);
        acknowledged += life.acknowledged.length;
        if (without === undefined) {
          if (life.code !== FAIL_STOP)
            throw new Error(`on a full disk the life ended with ${life.code}: ${life.stderr}`);
          // Still full: it may end again, wherever it gets to.
          lives.push(await disk.live({ batches: [1] }));
        }
        await disk.free();
        const harm = await disk.copied((dir) => harmDone(dir, lives, without));
        if (harm !== undefined) {
          failures.push(`${entries} entries a batch, round ${round}: ${harm}`);
          break;
        }
      }
    } finally {
      await disk.close();
      await rm(elsewhere, { recursive: true });
    }
  }
  return { n: perSize * SIZES.length, failures, notes: `${acknowledged} acknowledged; ${kind}` };
}

defineRig({
  id: 'T6',
  name: 'disk full, and space again',
  run: () => fillRounds(rounds(20)),
  without: 'fail-stop: a failed write is reported, and the next one tried',
  control: () => fillRounds(1, 'goes-on'),
});
