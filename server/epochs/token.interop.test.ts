/** The log's key goes into a token, and from one label to the next, by changes written by hand (OPERATIONS.md, "Keys in an HSM"). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import type { TrustBundle } from '../../verifier/core/trust.ts';
import { tokenKeygen } from '../commands/keygen.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { TestConsortium } from '../roles/testing.ts';
import { changeIfProposed } from './change.ts';
import { trustLog } from './member.ts';
import { nextDir } from './next.ts';

/** Where Debian has it. */
const PLACE = { module: '/usr/lib/softhsm/libsofthsm2.so', token: 'platform' };
const PIN = '417-263';

describe('server/epochs with keys in a token', function () {
  this.timeout(120_000);
  let folder: string;
  let consortium: TestConsortium;
  let dir: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'probata-token-'));
    mkdirSync(join(folder, 'tokens'));
    process.env['SOFTHSM2_CONF'] = join(folder, 'softhsm2.conf');
    writeFileSync(join(folder, 'softhsm2.conf'), `directories.tokendir = ${join(folder, 'tokens')}\n`);
    const args = ['--init-token', '--free', '--label', PLACE.token, '--pin', PIN, '--so-pin', '99-99-99'];
    execFileSync('softhsm2-util', args, { stdio: 'ignore' });
    consortium = await TestConsortium.start({}, 1, 1);
    await consortium.stop('platform');
    dir = consortium.dir('platform');
  });
  after(async () => {
    await consortium.end();
    delete process.env['SOFTHSM2_CONF'];
    rmSync(folder, { recursive: true });
  });

  /** Writes a change of the log's key by hand: the key under the first label, which the configuration calls by the second. */
  async function write(made: string, called: string): Promise<void> {
    const { logKey } = readTrust(dir);
    const options = { type: 'log', name: logKey.name, label: made, ...PLACE };
    const vkey = await tokenKeygen(options, { PROBATA_PIN: PIN });
    for (const member of ['court-1', 'arbitration-1']) {
      trustLog(consortium.dir(member), vkey);
      await consortium.stop(member);
      await consortium.startMember(member);
    }
    const { epochs: _, ...statement } = JSON.parse(readFileSync(join(dir, 'trust.json'), 'utf8')) as TrustBundle;
    const policy = statement.policy.replace(formatVkey(logKey), vkey);
    const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
    mkdirSync(nextDir(dir));
    writeFileSync(
      join(nextDir(dir), 'config.json'),
      JSON.stringify({ ...config, hsm: { ...PLACE, keys: { log: called } } }),
    );
    writeFileSync(join(nextDir(dir), 'statement.json'), JSON.stringify({ ...statement, policy }));
  }

  const start = (env = { PROBATA_PIN: PIN }): Promise<void> => {
    const fatal = (error: Error): never => expect.fail(error.message);
    return changeIfProposed(dir, { log: () => {}, fatal, env }, Date.now);
  };

  it('opens the key of each epoch by its label, one after the other in one process', async () => {
    await write('log', 'log');
    await start();
    await write('log-2027', 'log-2027');
    await start();
    expect(readTrust(dir).epoch).to.equal(3);
    expect(JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')).hsm.keys).to.deep.equal({ log: 'log-2027' });
  });

  it('does not begin with a label that is another key, or none', async () => {
    await write('log-2028', 'log-2027');
    expect(await start().catch(({ code }) => code)).to.equal('key-mismatch');
    const path = join(nextDir(dir), 'config.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"log-2027"', '"log-2029"'));
    expect(await start().catch(({ code }) => code)).to.equal('key-missing');
    expect(readTrust(dir).epoch).to.equal(3);
  });
});
