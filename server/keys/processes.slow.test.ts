/** A consortium whose keys are encrypted, as its operator runs it: it certifies, and its passphrase is nowhere but in its environment. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { NAMES, ProcessConsortium, run } from '../processes/testing.ts';

const CANARY = 'canary-4f1c-passphrase';

describe('a consortium with encrypted keys', function () {
  this.timeout(600_000);
  let consortium: ProcessConsortium;
  before(async () => {
    process.env['PROBATA_PASSPHRASE'] = CANARY;
    consortium = await ProcessConsortium.start();
  });
  after(async () => {
    delete process.env['PROBATA_PASSPHRASE'];
    await consortium.remove();
  });

  /** Every place where text of ours ends up. */
  function written(): Map<string, Buffer> {
    const entries = readdirSync(consortium.data, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const commands = NAMES.map((name) => `/proc/${consortium.pid(name)}/cmdline`);
    return new Map([
      ...[...files, ...commands].map((path): [string, Buffer] => [path, readFileSync(path)]),
      ['stdout', Buffer.from(consortium.stdout.join('\n'))],
      ['stderr', Buffer.from(consortium.stderr.join('\n'))],
    ]);
  }

  const places = (text: string): string[] =>
    [...written()].filter(([, bytes]) => bytes.includes(text)).map(([at]) => at);

  it('certifies, and its passphrase is in no file, no log line and no command line', async () => {
    const id = await consortium.deposit();
    await consortium.reaches(String(id), 'certified');
    expect(places(CANARY)).deep.equal([]);
    // The control: what is written is found.
    expect(places(String(id)).length).greaterThan(0);
    expect(places('BEGIN ENCRYPTED PRIVATE KEY').length).equal(3 + 4 * 3 + 2 * 2);
    expect(places('BEGIN PRIVATE KEY')).deep.equal([]);
  });

  it('does not start under another passphrase, or without, and says so in one sentence for each member', async () => {
    expect(await consortium.end()).equal(0);
    for (const [passphrase, sentence] of [
      ['another', /the passphrase does not open .*log\.pem/],
      [undefined, /log\.pem is encrypted: set PROBATA_PASSPHRASE_FILE/],
    ] as const) {
      if (passphrase === undefined) delete process.env['PROBATA_PASSPHRASE'];
      else process.env['PROBATA_PASSPHRASE'] = passphrase;
      const { code, stderr } = await run(['platform', consortium.dir('platform')]);
      expect(code).equal(1);
      expect(stderr)
        .match(sentence)
        .and.match(/^probata: [^\n]*\n$/);
    }
  });

  it('starts again once every member has decrypted its keys', async () => {
    process.env['PROBATA_PASSPHRASE'] = CANARY;
    for (const name of NAMES) expect((await run(['key', 'decrypt', consortium.dir(name)])).code).equal(0);
    delete process.env['PROBATA_PASSPHRASE'];
    await consortium.begin();
    expect(places('BEGIN ENCRYPTED PRIVATE KEY')).deep.equal([]);
    await consortium.reaches(String(await consortium.deposit()), 'certified');
  });
});
