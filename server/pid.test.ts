/** A pid note is about a process of ours or about nobody. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { livePid, pidPath, removePid, writePid } from './pid.ts';

describe('server/pid', () => {
  let data: string;
  let path: string;
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'probata-pid-'));
    path = pidPath(join(data, 'court-1'), 'court-1');
  });
  afterEach(() => rmSync(data, { recursive: true }));

  it('stands beside the member’s folder, is written and removed', () => {
    expect(path).equal(join(data, 'run', 'court-1.pid'));
    writePid(path);
    expect(existsSync(path)).equal(true);
    removePid(path);
    expect(existsSync(path)).equal(false);
  });

  it('is not removed when another process has written it since', () => {
    writePid(path);
    writeFileSync(path, '1\n');
    removePid(path);
    expect(existsSync(path)).equal(true);
  });

  it('names a living process of that role, and neither a dead one, nor a stranger, nor ourselves', async () => {
    mkdirSync(join(data, 'run'));
    const wait = 'setInterval(() => {}, 1000); console.log("up")';
    const court = spawn(process.execPath, ['-e', wait, 'court', 'dir'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => court.stdout.once('data', resolve));
    writeFileSync(path, `${court.pid}\n`);
    expect(livePid(path, 'court')).equal(court.pid);
    if (existsSync('/proc/self/cmdline')) expect(livePid(path, 'mirror')).equal(undefined);
    court.kill('SIGKILL');
    await new Promise((resolve) => court.once('exit', resolve));
    expect(livePid(path, 'court')).equal(undefined);
    writeFileSync(path, `${process.pid}\n`);
    expect(livePid(path, 'court')).equal(undefined);
    for (const nonsense of ['', 'abc', '0\n', '-1\n', '12']) {
      writeFileSync(path, nonsense);
      expect(livePid(path, 'court')).equal(undefined);
    }
  });
});
