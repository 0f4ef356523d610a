/** The pid of a start that waits for others: whoever is about to move the folder away finds the process that has it open. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { propose } from '../epochs/propose.ts';
import { freePorts, until } from '../processes/testing.ts';
import { RESTORED_FILE, type Restored } from '../recovery/marks.ts';
import { startConsortium } from './consortium.ts';
import { initConsortium } from './init.ts';

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));

/** A process of one role, and all that it has said. */
interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly said: () => string;
}

describe('server/roles process', () => {
  let data: string;
  let port: number;
  const started: Started[] = [];
  beforeEach(async () => {
    data = mkdtempSync(join(tmpdir(), 'probata-process-'));
    port = await freePorts(3);
    await initConsortium({ data, port, courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now() });
  });
  afterEach(async () => {
    for (const { child, ended } of started.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(data, { recursive: true, force: true });
  });

  function start(role: string, name: string): Started {
    const args = ['--import=tsx', CLI, role, join(data, name)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const made = { child, ended, said: () => text };
    started.push(made);
    return made;
  }

  const pidPath = (name: string): string => join(data, 'run', `${name}.pid`);
  const pid = (name: string): number => Number(readFileSync(pidPath(name), 'utf8'));

  /** As a restore leaves the folder. Nobody of the others runs. */
  function markRestored(name: string): void {
    const mark: Restored = { v: 1, taken: '2026-01-01T00:00:00Z', restored: '2026-01-02T00:00:00Z', ask: [] };
    writeFileSync(join(data, name, RESTORED_FILE), JSON.stringify(mark));
  }

  async function proposeChange(name: string): Promise<void> {
    await propose(join(data, name), { member: [], leave: [], newKey: ['receipt'], revoke: [] }, Date.now());
  }

  for (const [role, name, prepare, waits] of [
    ['court', 'court-1', markRestored, 'catch-up-waits'],
    ['mirror', 'arbitration-1', markRestored, 'catch-up-waits'],
    ['platform', 'platform', proposeChange, 'epoch-waiting'],
  ] as const) {
    it(`notes the pid of a ${role} that waits at its start (${waits}), and nobody else takes its place`, async () => {
      await prepare(name);
      const first = start(role, name);
      await until(waits, () => first.said().includes(waits));
      expect(existsSync(pidPath(name)), 'noted before it serves').equal(true);
      expect(pid(name)).equal(first.child.pid);
      const second = start(role, name);
      expect(await second.ended, second.said()).equal(1);
      expect(second.said()).include('(data-locked)');
      expect(pid(name), 'the refused one leaves the note alone').equal(first.child.pid);
      const refused = await startConsortium({ env: {}, data, port }).catch((error) => error);
      expect(refused).include({ code: 'data-in-use' });
      expect(refused.message).include(`${name} runs as process ${first.child.pid}`);
    });
  }

  it('says in one sentence what the disk refuses a start', async () => {
    writeFileSync(join(data, 'court-1', 'store'), 'no folder');
    const court = start('court', 'court-1');
    expect(await court.ended, court.said()).equal(1);
    expect(court.said()).match(/^probata: court-1 was not started: [^\n]+ \(disk-refused\)\n$/);
  });

  it('leaves no pid of a start that has failed', async () => {
    const taken = createServer().listen(port + 1, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const court = start('court', 'court-1');
    try {
      expect(await court.ended, court.said()).equal(1);
      expect(court.said()).include('(port-in-use)');
      expect(existsSync(join(data, 'run')), 'the folder was its own').equal(true);
      expect(existsSync(pidPath('court-1'))).equal(false);
    } finally {
      taken.close();
    }
  });
});
