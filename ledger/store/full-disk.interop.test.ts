// A disk that is full, and then is not: what LevelDB loses, and what fail-stop keeps. reliability.md finding 1.
// The full disk is a limit on file size (util-linux `prlimit`), which needs no privileges and can be lifted while the process runs.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Level } from 'level';
import { World } from '../log/testing.ts';
import { expectSoundOnDisk } from './testing.ts';

const FILE_BYTES_MAX = 1_500_000;
/** Without a handler the signal ends the process before the write can fail. */
const PREPARE = "process.on('SIGXFSZ', () => {});";

/** Runs a script whose files cannot grow beyond the limit; `onLine` may lift it. */
async function runLimited(script: string, onLine: (line: string, pid: number) => void) {
  const limit = `ulimit -S -f ${FILE_BYTES_MAX / 1000}; exec "$0" "$@"`;
  const args = ['-c', limit, process.execPath, '--import', 'tsx/esm', '-e', PREPARE + script];
  const child = spawn('bash', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  let rest = '';
  for await (const chunk of child.stdout) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line, child.pid as number);
  }
  return ended;
}

describe('full disk (needs bash and prlimit)', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'probata-full-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('ends the process on the first failed write, and nothing acknowledged is lost', async () => {
    const world = new World({ courts: 0 });
    const testing = new URL('./testing.ts', import.meta.url).href;
    const script = `import('${testing}').then(({ appendForever }) => appendForever(${JSON.stringify(dir)}));`;
    const { code } = await runLimited(script, (line) => {
      const [index = '', entry = ''] = line.split(' ');
      world.acknowledged.push([Number(index), entry]);
    });
    expect(code).to.equal(1);
    expect(world.acknowledged).to.have.length.above(50);
    await expectSoundOnDisk(dir, world);
  });

  it('loses acknowledged writes when the process goes on after the failure (control)', async () => {
    const acknowledged: string[] = [];
    const script = `import('level').then(async ({ Level }) => {
      const db = new Level(${JSON.stringify(join(dir, 'level'))});
      let failed = 0, after = 0;
      for (let i = 0; after < 30; i++) {
        try {
          await db.put('k' + i, 'x'.repeat(30000), { sync: true });
          console.log('k' + i);
          if (failed > 0) after++;
        } catch {
          if (failed++ === 0) console.log('full');
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      process.kill(process.pid, 'SIGKILL');
    });`;
    const { signal } = await runLimited(script, (line, pid) => {
      if (line === 'full') execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited']);
      else acknowledged.push(line);
    });
    expect(signal).to.equal('SIGKILL');
    const db = new Level(join(dir, 'level'));
    const found = await Promise.all(acknowledged.map((key) => db.get(key)));
    await db.close();
    expect(found.filter((value) => value === undefined)).to.have.length.above(0);
  });
});
