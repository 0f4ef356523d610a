/** The commands of OPERATIONS.md, "Keys at rest", run as printed, one after the other in one shell. `npx probata` is the built program. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { KEY_FILES } from '../config.ts';
import { readSigner } from '../keys.ts';
import { PROGRAM } from '../processes/testing.ts';
import { Passphrase } from './encryption.ts';

describe('OPERATIONS.md, keys at rest', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'probata-keys-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('the printed commands change the passphrase, take it away, and open a key without Probata', () => {
    const text = readFileSync(new URL('../../OPERATIONS.md', import.meta.url), 'utf8');
    const [, section = ''] = /^## Keys at rest\n(.*?)^## /ms.exec(text) ?? [];
    const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
    expect(blocks).lengthOf(2);
    const npx = `npx() { shift; "${process.execPath}" "${PROGRAM}" "$@"; }`;
    const args = ['-euo', 'pipefail', '-c', [npx, ...blocks].join('\n')];
    const opened = execFileSync('bash', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
    const secretOf = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
    expect(secretOf('passphrase')).not.equal(secretOf('passphrase-2'));
    const vkey = (member: string, passphrase?: Passphrase): Uint8Array => {
      const path = join(folder, 'data', member, KEY_FILES.ed25519);
      return readSigner(path, `${member}.demo.example`, 0x04, passphrase).key.publicKey;
    };
    vkey('court-1');
    const hex = Buffer.from(vkey('court-2', new Passphrase(secretOf('passphrase')))).toString('hex');
    expect(opened.slice(opened.lastIndexOf('pub:')).replaceAll(/\W/g, '')).equal(`pub${hex}`);
    // What a program is called with stands in /proc for everybody.
    expect(section).match(/never from the command line/);
    expect(blocks.join('')).not.match(/\$\(|`|pass:|-K /);
  });
});
