/** Backups that cannot be whole and places that cannot be filled: refused in one sentence, with nothing left behind that could hold a key. */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Level } from 'level';
import { STORE_FOLDER } from '../config.ts';
import { runProgram } from '../program.ts';
import { initConsortium } from '../roles/init.ts';
import { openRows } from '../wiring.ts';
import { backup, verifyBackup } from './backup.ts';
import { restore } from './restore.ts';

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));
const NAME = 'court 1 of the north';
const ASK = ['http://127.0.0.1:1/ledger'];
const ROWS = 200;
/** KiB that a file may have where the disk is to be full: more than any file of a member but its store's log. */
const FILE_KIB = 64;

describe('backup and restore of a folder', () => {
  let root: string;
  let dir: string;
  let out: string;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'probata-folder-'));
    const data = join(root, 'data');
    await initConsortium({ data, port: 9000, courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now() });
    dir = join(data, NAME);
    renameSync(join(data, 'court-1'), dir);
    const store = await openRows(dir);
    await store.copyIn(Array.from({ length: ROWS }, (_, i) => [`index!cosigned!${i}`, new Uint8Array(1000)]));
    await store.close();
    out = join(root, 'out', 'backup');
    mkdirSync(join(root, 'out'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const backUp = (evidence = true): Promise<unknown> => backup({ dir, out, evidence, nowMs: 0 });
  const putBack = (place: string): Promise<unknown> => restore({ file: out, dir: place, ask: ASK, nowMs: 0 });
  const failureOf = (work: Promise<unknown>): Promise<{ code?: string; message: string }> =>
    work.then(
      () => ({ message: 'done' }),
      (error) => error,
    );
  const left = (): string[] => readdirSync(join(root, 'out')).sort();

  /** Moves a part of the folder away and leaves a link there. */
  function link(path: string): void {
    renameSync(join(dir, path), join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), join(dir, path));
  }

  it('refuses links, which it would leave out, and names each; evidence elsewhere can be left out', async () => {
    mkdirSync(join(dir, STORE_FOLDER, 'blobs'));
    link(join(STORE_FOLDER, 'blobs'));
    symlinkSync(CLI, join(dir, 'keys', 'more.pem'));
    const refused = await failureOf(backUp());
    expect(refused.code).to.equal('backup-refused');
    expect(refused.message).to.include('keys/more.pem, store/blobs;');
    expect(left()).to.deep.equal([]);
    rmSync(join(dir, 'keys', 'more.pem'));
    await backUp(false);
    expect(left()).to.deep.equal(['backup']);
  });

  it('copies a member whose name has spaces', async () => {
    await backUp();
    expect(readFileSync(out, 'utf8')).to.match(new RegExp(`^probata-backup/v1 court ${NAME} 1970-`));
    expect((await verifyBackup(out)).rows).to.equal(ROWS);
    await putBack(join(root, 'out', NAME));
    expect(readdirSync(join(root, 'out', NAME, 'keys'))).to.deep.equal(readdirSync(join(dir, 'keys')));
  });

  it('leaves nothing of a backup that failed: it would hold keys', async () => {
    const db = new Level<string, string>(join(dir, STORE_FOLDER, 'level'));
    await db.put('index!cosigned!x', 'not sealed');
    await db.close();
    expect((await failureOf(backUp())).code).to.equal('backup-damaged');
    expect(left()).to.deep.equal([]);
  });

  it('refuses a place that is a link, a file or a mount point before it writes', async () => {
    await backUp();
    const place = join(root, 'out', 'place');
    mkdirSync(join(root, 'empty'));
    symlinkSync(join(root, 'empty'), place);
    for (const taken of [place, out, '/proc']) {
      expect((await failureOf(putBack(taken))).code, taken).to.equal('output-refused');
    }
    expect(left()).to.deep.equal(['backup', 'place']);
  });

  it('leaves nothing when the place is taken meanwhile', async () => {
    await backUp();
    const place = join(root, 'out', 'place');
    const restoring = failureOf(putBack(place));
    while (!existsSync(join(root, 'out', '.place.restoring'))) await turn();
    mkdirSync(place);
    writeFileSync(join(place, 'somebody'), '');
    expect((await restoring).code).to.equal('ENOTEMPTY');
    expect(left()).to.deep.equal(['backup', 'place']);
    expect(readdirSync(place)).to.deep.equal(['somebody']);
  });

  it('says in one sentence what the disk refuses', async () => {
    await backUp();
    const refusals: [args: string[], sentence: RegExp][] = [
      [['backup', dir, '--out', join(root, 'nowhere', 'x')], /was not backed up: ENOENT: .*nowhere/],
      [['restore', out, join(out, 'place'), '--ask', ...ASK], /nothing was restored: ENOTDIR: /],
    ];
    for (const [args, sentence] of refusals) {
      const lines: string[] = [];
      const code = await runProgram(args, { env: {}, out: () => {}, err: (line) => lines.push(line) });
      expect(code).to.equal(1);
      expect(lines.join('\n'))
        .to.match(sentence)
        .and.match(/^probata: [^\n]*\(disk-refused\)$/);
    }
  });

  it('ends with that sentence, and leaves nothing, when the disk is full while rows are written', async () => {
    await backUp();
    const command = [
      process.execPath,
      '--import',
      'tsx',
      CLI,
      'restore',
      out,
      join(root, 'out', 'place'),
      '--ask',
      ...ASK,
    ];
    const args = ['-c', `ulimit -f ${FILE_KIB}; exec "$@"`, 'bash', ...command];
    const ran = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile('bash', args, (error, _, stderr) => resolve({ code: error?.code, stderr }));
    });
    expect(ran.stderr).to.match(/^probata: nothing was restored: LevelDB cannot write: [^\n]*\(disk-refused\)\n$/);
    expect(ran.code).to.equal(1);
    expect(left()).to.deep.equal(['backup']);
  });
});
