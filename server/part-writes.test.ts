/** A nearly full disk takes part of what is written, without an error: a file that was there stays whole, and whoever writes hears of it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { createToken } from './auth.ts';
import { writeDurably } from './epochs/next.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** KiB that a file may have where the disk is to be full; each file of the test wants more. */
const FILE_KIB = 1;
const WANTED = 3000;
const PARTY = { party: 'demo', name: 'n'.repeat(200), identified: 'i'.repeat(200), relation: 'r'.repeat(200) };

describe('files on a nearly full disk', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-part-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Runs an expression where no file may grow beyond {@link FILE_KIB}. @returns the code of its error */
  async function onFullDisk(module: string, expression: string): Promise<string> {
    const program = `
      import * as it from ${JSON.stringify(join(HERE, module))};
      try { ${expression}; console.log('no error'); } catch ({ code }) { console.log(code); }`;
    const args = [`ulimit -f ${FILE_KIB}; exec "$@"`, 'bash', process.execPath, '--import', 'tsx'];
    // The compiler's own cache would be cut as well.
    const env = { ...process.env, TSX_DISABLE_CACHE: '1' };
    const { stdout } = await promisify(execFile)('bash', ['-c', ...args, '--input-type=module', '-e', program], {
      cwd: HERE,
      env,
    });
    return stdout.trim();
  }

  it('keep the list of tokens as it was', async () => {
    const path = join(dir, 'tokens.json');
    for (let i = 0; i < 2; i++) createToken(path, PARTY, null);
    const before = readFileSync(path, 'utf8');
    const made = `it.createToken(${JSON.stringify(path)}, ${JSON.stringify(PARTY)}, null)`;
    expect(await onFullDisk('auth.ts', made)).to.equal('EFBIG');
    expect(readFileSync(path, 'utf8')).to.equal(before);
  });

  it('keep configurations and trust bundles as they were', async () => {
    const path = join(dir, 'config.json');
    writeDurably(path, 'before');
    const written = `it.writeDurably(${JSON.stringify(path)}, 'x'.repeat(${WANTED}))`;
    expect(await onFullDisk('epochs/next.ts', written)).to.equal('EFBIG');
    expect(readFileSync(path, 'utf8')).to.equal('before');
  });

  it('hold no key that was cut without an error', async () => {
    const written = `it.writeKeyFile(${JSON.stringify(join(dir, 'log.pem'))}, 'x'.repeat(${WANTED}))`;
    expect(await onFullDisk('keys/files.ts', written)).to.equal('EFBIG');
  });
});
