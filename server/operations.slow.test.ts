/**
 * The commands of OPERATIONS.md, run as printed: every line of its `sh operations` blocks, in order, against a consortium of processes. Between
 * them the consortium goes on, so that each backup is old when it comes back. Only the ports differ, and `npx probata` is the built program.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { rounds } from '../fixtures/slow.ts';
import { NAMES, ProcessConsortium, run as runProgram, until, VERIFIER } from './processes/testing.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SECONDS = rounds(60);
/** Words of the block that copies a platform's evidence. */
const EVIDENCE = 'mkdir -p -m 700 platform-evidence';

/** The blocks of OPERATIONS.md, by the first words that tell them apart. */
function blocks(port: number): string[] {
  const text = readFileSync(join(ROOT, 'OPERATIONS.md'), 'utf8');
  return [...text.matchAll(/^```sh operations\n([\s\S]*?)^```$/gm)].map((match) =>
    (match[1] as string)
      .replaceAll(/:860(\d)/g, (_, member) => `:${port + Number(member)}`)
      .replaceAll('--seconds 60', `--seconds ${SECONDS} --url http://127.0.0.1:${port}`),
  );
}

describe('OPERATIONS.md', function () {
  this.timeout(1_800_000);
  let consortium: ProcessConsortium;
  let folder: string;

  before(async () => {
    consortium = await ProcessConsortium.start();
    folder = mkdtempSync(join(tmpdir(), 'probata-operations-'));
    symlinkSync(consortium.data, join(folder, 'data'));
  });

  after(async () => {
    for (const name of consortium.running()) process.kill(consortium.pid(name), 'SIGTERM');
    await consortium.remove();
    rmSync(folder, { recursive: true });
  });

  /** Runs the block that has these words, as a shell does; after another line, when one is given. */
  async function run(words: string, first = ''): Promise<string> {
    const block = blocks(consortium.port).find((each) => each.includes(words));
    if (block === undefined) throw new Error(`OPERATIONS.md has no block with ${words}`);
    const npx = `npx() { shift; "${process.execPath}" "${join(ROOT, 'dist', 'probata.js')}" "$@"; }`;
    return new Promise((resolve, reject) => {
      const args = ['-euo', 'pipefail', '-c', `${npx}\n${first}\n${block}`];
      execFile('bash', args, { cwd: folder, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout + stderr);
        else reject(new Error(`${words}: ${error.message}\n${stdout}\n${stderr}`));
      });
    });
  }

  /** The sizes and roots that a run of fsck printed, each without a problem. */
  function rootsIn(printed: string): string[] {
    const found = [...printed.matchAll(/^size (\d+), root (\S+), \d+ entries read, 0 problems$/gm)];
    return found.map(([, size, root]) => `${size} ${root}`);
  }

  /** Puts deposits on the ledger, until they are published. */
  async function deposit(count: number): Promise<void> {
    const ids = await consortium.depositBatch(count);
    await consortium.reaches(ids.at(-1) as string, 'published');
  }

  /** A deposit whose certificate its holder keeps, under a name. */
  async function keepCertificate(name: string): Promise<string> {
    const id = (await consortium.deposit()) as string;
    await consortium.reaches(id, 'certified');
    writeFileSync(join(folder, name), (await consortium.api(`/api/v1/deposits/${id}/certificate`))?.body ?? '');
    return id;
  }

  /** Exit code of the verifier on a certificate that was kept. */
  async function verdict(name: string): Promise<number> {
    const trust = join(consortium.data, 'trust.json');
    return (await runProgram([join(folder, name), '--trust', trust, '--certificate-only'], VERIFIER)).code;
  }

  it('has blocks that this test runs, each of them', () => {
    expect(blocks(consortium.port)).to.have.length(7);
  });

  it('hammers at full speed, and finds one root at the platform and at both mirrors', async () => {
    const printed = await run('hammer');
    const report = JSON.parse(printed.split('\n').find((line) => line.startsWith('{')) as string);
    expect(report.failures).to.deep.equal([]);
    expect(report.found).to.equal(report.acknowledged);
    for (const done of ['acknowledged', 'inclusionChecks', 'proofChecks'])
      expect(report[done], done).to.be.greaterThan(0);
    const roots = rootsIn(printed);
    expect(roots).to.have.length(3);
    expect(new Set(roots).size).to.equal(1);
    console.log(`      ${Math.round(report.acknowledged / report.seconds)} entries/s, ${report.size} in all`);
  });

  it('checks a ledger four ways', async () => {
    expect(rootsIn(await run('fsck data/platform\nnpx probata fsck data/arbitration-1'))).to.have.length(4);
  });

  it('backs up a court and restores it: it has caught up before it serves', async () => {
    await deposit(5);
    await run('backup data/court-2');
    await deposit(5);
    await run('restore court-2.backup');
    await deposit(5);
  });

  it('backs up and restores a court that is dead already, whose number a stranger has or nobody', async () => {
    for (const each of ['court-2.backup', 'court-2.lost']) rmSync(join(folder, each), { recursive: true });
    const noted = join(consortium.data, 'run', 'court-2.pid');
    const stranger = spawn('sleep', ['1000']);
    const ended = new Promise((resolve) => stranger.once('exit', (_, signal) => resolve(signal)));
    try {
      await consortium.kill('court-2');
      writeFileSync(noted, `${stranger.pid}\n`);
      await run('backup data/court-2');
      await consortium.kill('court-2');
      writeFileSync(noted, `${stranger.pid}\n`);
      await run('restore court-2.backup');
      rmSync(join(folder, 'court-2.lost'), { recursive: true });
      await consortium.kill('court-2');
      rmSync(noted);
      await run('restore court-2.backup');
    } finally {
      stranger.kill('SIGINT');
    }
    expect(await ended, 'nobody but this test ended it').to.equal('SIGINT');
    await deposit(5);
  });

  it('backs up the platform, restores it, refills it from a mirror, and goes on; certificates still verify', async () => {
    const early = await keepCertificate('early.pdf');
    await run('backup data/platform');
    // No file may have more than 1 KiB: what the first certificate's copy meets is a full disk, or a signal.
    expect(await run(EVIDENCE, 'ulimit -f 1').catch(({ message }) => message)).to.include('Command failed');
    await run(EVIDENCE);
    const copied = execFileSync('diff', ['-r', '-x', 'unfinished', 'data/platform/store/blobs', 'platform-evidence'], {
      cwd: folder,
    });
    expect(copied.toString()).to.equal('');
    const late = await keepCertificate('late.pdf');
    await deposit(20);
    const printed = await run('refill data/platform');
    expect(printed).to.match(/\d+ entries have no deposit here/);
    expect(rootsIn(printed)).to.have.length(1);
    expect((await consortium.view(early))?.state).to.equal('certified');
    expect(await consortium.view(late)).to.equal(undefined);
    await deposit(5);
    await until('all members run', () => consortium.running().length === NAMES.length);
    expect(await verdict('early.pdf')).to.equal(0);
    expect(await verdict('late.pdf')).to.equal(0);
  });
});
