/** `probata start` of the smallest consortium, one court and one mirror, from source; the rest is in consortium.slow.test.ts. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { freePorts, until } from '../processes/testing.ts';
import { startConsortium } from './consortium.ts';
import { initConsortium } from './init.ts';

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));

describe('server/roles/consortium', () => {
  let data: string;
  let port: number;
  beforeEach(async () => {
    data = mkdtempSync(join(tmpdir(), 'probata-start-'));
    port = await freePorts(3);
    await initConsortium({ data, port, courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now() });
  });
  afterEach(() => rmSync(data, { recursive: true, force: true }));

  it('starts one process a member, says ready once, reports a death, and stops with exit code 0', async function () {
    this.timeout(120_000);
    const args = ['--import=tsx', CLI, 'start', '--data', data, '--port', String(port)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr]: [string[], string[]] = [[], []];
    createInterface({ input: child.stdout }).on('line', (line) => stdout.push(line));
    createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
    const exit = new Promise((resolve) => child.once('exit', resolve));
    try {
      await until('ready', () => stdout.length > 0 && stdout);
      const pid = (name: string): number => Number(readFileSync(join(data, 'run', `${name}.pid`), 'utf8'));
      for (const name of ['platform', 'court-1', 'arbitration-1']) expect(pid(name)).greaterThan(0);
      process.kill(pid('court-1'), 'SIGKILL');
      const report = await until('the report', () =>
        stderr.find((line) => line.startsWith('court-1') && line.includes('stays down')),
      );
      expect(report).match(/ended by SIGKILL; it stays down, the others go on$/);
      expect(() => process.kill(pid('platform'), 0)).not.throw();
    } finally {
      child.kill('SIGTERM');
    }
    expect(await exit).equal(0);
    expect(stdout).deep.equal([`ready http://127.0.0.1:${port}`]);
    expect(stderr.some((line) => line.includes('"level"'))).equal(false);
    for (const name of ['platform', 'arbitration-1'])
      expect(existsSync(join(data, 'run', `${name}.pid`)), name).equal(false);
  });

  async function refusal(): Promise<unknown> {
    return startConsortium({ env: {}, data, port }).then(
      () => 'started',
      (error) => error,
    );
  }

  it('says which port is taken and by whom it is needed, before anything is started or changed', async () => {
    const before = readFileSync(join(data, 'court-1', 'config.json'));
    const taken = createServer().listen(port + 1, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    expect(await refusal()).include({
      code: 'port-in-use',
      message: `port ${port + 1}, which court-1 needs, is already in use; choose others with PROBATA_PORT`,
    });
    taken.close();
    expect(readFileSync(join(data, 'court-1', 'config.json'))).deep.equal(before);
    expect(existsSync(join(data, 'run'))).equal(false);
  });

  it('refuses a folder without all its members', async () => {
    rmSync(join(data, 'arbitration-1'), { recursive: true });
    expect(await refusal()).include({ code: 'data-incomplete' });
    writeFileSync(join(data, 'platform', 'config.json'), '{}');
    expect(await refusal()).include({ code: 'config-malformed' });
  });
});
