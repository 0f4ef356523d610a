/**
 * The README's five minutes, run as printed: every line of its `sh tour` blocks, in order, in a copy of this checkout, against
 * a consortium that `npm start` runs there. A line that does not work as printed fails here first.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Away from the default port, so that a consortium that somebody runs here is left in peace. */
const PORT = 28_600;

/** The shell blocks of the tour; its address is the only thing that changes. */
function tourBlocks(): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```sh tour\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
  return blocks.map((block) => block.replaceAll(':8600', `:${PORT}`));
}

/** The files git knows, the installed packages (as links where the file system allows) and nothing else. */
function copyOfCheckout(): string {
  const folder = mkdtempSync(join(tmpdir(), 'probata-tour-'));
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  for (const file of files.toString('utf8').split('\0').filter(Boolean)) cpSync(join(ROOT, file), join(folder, file));
  execFileSync('cp', ['-al', join(ROOT, 'node_modules'), folder]);
  return folder;
}

function start(folder: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn('npm', ['start', '--silent'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === `ready http://127.0.0.1:${PORT}`) resolve(child);
    });
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

describe('README', () => {
  const env = { ...process.env, PROBATA_PORT: String(PORT) };
  const run = (folder: string, script: string): string =>
    execFileSync('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env, encoding: 'utf8' });

  it('opens with the two commands', () => {
    const [first, second] = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^```sh.*\n([^`]*)\n```$/gm)];
    expect([first?.[1], second?.[1]]).to.deep.equal(['npm ci && npm start', 'npm ci && npm test']);
  });

  it('has a tour that works as printed, and outlives the platform', async () => {
    const folder = copyOfCheckout();
    const blocks = tourBlocks();
    expect(blocks.length).to.be.greaterThan(3);
    const consortium = await start(folder, env);
    try {
      const printed = blocks.map((block) => run(folder, block));
      expect(printed[1]).to.include('技术核验：一致').and.to.include('Verification: consistent');
      expect(printed[2]).to.include('技术核验：不一致').and.to.include('Verification: inconsistent');
    } finally {
      await stop(consortium);
    }
    rmSync(join(folder, 'data', 'platform'), { recursive: true });
    expect(run(folder, blocks[1] as string)).to.include('Verification: consistent');
    rmSync(folder, { recursive: true });
  });
});
