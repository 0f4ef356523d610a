// A court and a mirror on LevelDB in one process, killed 300 times with SIGKILL at random moments.
// Nothing that was cosigned may be forgotten, nothing may be cosigned that is not on the disk.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { build } from 'esbuild';
import { rounds } from '../../fixtures/slow.ts';
import { openLevelStore } from '../store/level.ts';
import { originHash } from '../witness/request.ts';
import { ORIGIN } from '../witness/testing.ts';
import { LOG, MirrorBench, prefixed } from './testing.ts';

const KILLS = rounds(300);
/** A life ends after this many cosignatures at most, and then up to so many ms later: in the middle of anything. */
const COSIGNED_MAX = 12;
const LATER_MS_MAX = 60;

/** The program to kill, as one file that starts fast. */
async function bundle(): Promise<string> {
  const outfile = join(import.meta.dirname, '../../node_modules/.cache/cosign-forever.mjs');
  const contents = `import { cosignForever } from './testing.ts'; await cosignForever(process.argv[2]);`;
  await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'warning',
  });
  return outfile;
}

/** What one life of the program said: sizes found when opening, and sizes cosigned. */
interface Life {
  readonly opened: { court: number; mirror: number };
  readonly cosigned: { court: number; mirror: number };
}

/** Starts the program, and kills it at a random moment after it has opened its stores. */
async function live(program: string, dir: string): Promise<Life> {
  const child: ChildProcess = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const life: Life = { opened: { court: 0, mirror: 0 }, cosigned: { court: 0, mirror: 0 } };
  const linesToLive = 2 + randomInt(COSIGNED_MAX);
  let said = 0;
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [event, role, size] = line.split(' ') as [keyof Life, 'court' | 'mirror', string];
    life[event][role] = Number(size);
    if (++said === linesToLive) setTimeout(() => child.kill('SIGKILL'), randomInt(LATER_MS_MAX));
  }
  if (said < 2) throw new Error('the program did not open its stores');
  return life;
}

describe('court and mirror under kill -9', () => {
  it(`${KILLS} kills: nothing cosigned is forgotten, the copy is the log`, async function () {
    this.timeout(3_600_000);
    const dir = await mkdtemp(join(tmpdir(), 'probata-kill-'));
    const started = performance.now();
    try {
      const program = await bundle();
      const cosigned = { court: 0, mirror: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        const life = await live(program, dir);
        for (const role of ['court', 'mirror'] as const) {
          expect(life.opened[role], `${role} after kill ${kill}`).to.be.at.least(cosigned[role]);
          cosigned[role] = Math.max(life.opened[role], life.cosigned[role]);
        }
      }
      const store = await openLevelStore(dir, (error) => {
        throw error;
      });
      const bench = await MirrorBench.open(prefixed(store, 'mirror.'));
      const size = (await bench.servedSize()) ?? 0;
      expect(size).to.be.at.least(cosigned.mirror).and.greaterThan(KILLS);
      LOG.grow(size);
      expect(await bench.problems(size)).to.deep.equal([]);
      const heads = await prefixed(store, 'court.').heads(originHash(ORIGIN)).latest();
      const seconds = Math.round((performance.now() - started) / 1000);
      console.log(
        JSON.stringify({ name: 'kill-cosigners', n: KILLS, failures: 0, size, heads: heads?.number, seconds }),
      );
      await store.close();
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
