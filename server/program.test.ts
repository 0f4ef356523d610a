/** The command line as scripts see it: exit codes, one sentence on stderr, keys and tokens made by hand. In this process; consortium.test.ts starts real ones. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { formatCheckpoint } from '../ledger/core/checkpoint.ts';
import { formatForkReport } from '../ledger/core/fork-report.ts';
import { EMPTY_ROOT } from '../ledger/core/hash.ts';
import { formatNote, parseVkey } from '../ledger/core/note.ts';
import { signNote } from '../ledger/core/signature.ts';
import { testSigner } from '../ledger/witness/testing.ts';
import { openAuthenticator } from './auth.ts';
import { readSigner } from './keys.ts';
import { runProgram } from './program.ts';
import { initConsortium } from './roles/init.ts';

const SOURCE = fileURLToPath(import.meta.url);

async function probata(args: readonly string[], env: Record<string, string> = {}) {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const code = await runProgram(args, { env, out: (line) => stdout.push(line), err: (line) => stderr.push(line) });
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

describe('server/program', () => {
  let dir: string;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'probata-cli-'));
    await initConsortium({
      data: join(dir, 'data'),
      port: 9000,
      courts: 1,
      mirrors: 1,
      name: 'demo',
      nowMs: Date.now(),
    });
  });
  after(() => rmSync(dir, { recursive: true }));

  it('answers usage errors with 64, and help and version with 0', async () => {
    const asked: [args: string[], code: number, env?: Record<string, string>][] = [
      [['--help'], 0],
      [['--version'], 0],
      [['help', 'fsck'], 0],
      [['nonsense'], 64],
      [['court'], 64],
      [['fsck', '--nonsense', 'x'], 64],
      [['init', '--data', 'x', '--courts', '0'], 64],
      [['keygen', '--type', 'rsa', '--name', 'a', '--out', 'b'], 64],
      [['start'], 64, { PROBATA_PORT: '70000' }],
    ];
    const ran = await Promise.all(asked.map(([args, , env]) => probata(args, env)));
    expect(ran.map(({ code }) => code)).deep.equal(asked.map(([, code]) => code));
    expect(ran[1]?.stdout).match(/^\d+\.\d+\.\d+$/);
  });

  it('obeys no name of a file that `*` put on the command line', async () => {
    const strangers = join(dir, 'strangers');
    mkdirSync(strangers);
    const before = process.cwd();
    process.chdir(strangers);
    try {
      for (const name of ['--url=127.0.0.1\u001b[2J', '--help']) {
        writeFileSync(name, '');
        const { code, stdout, stderr } = await probata(['deposit', name, 'invoice.pdf']);
        expect([code, stdout], name).deep.equal([64, '']);
        expect(stderr)
          .contain(`./--${name.slice(2, 5)}`)
          .and.not.contain('\u001b');
        rmSync(name);
      }
    } finally {
      process.chdir(before);
    }
  });

  it('says each expected failure in one line, without a stack, with exit code 1', async () => {
    const failures: [args: string[], sentence: RegExp][] = [
      [['court', join(dir, 'nowhere')], /config\.json cannot be read; make it with "probata init"/],
      [['mirror', join(dir, 'data', 'court-1')], /does not belong to a mirror/],
      [['fsck', join(dir, 'data', 'court-1')], /a court keeps checkpoints, not the ledger/],
      [
        ['fsck', 'http://127.0.0.1:9/ledger', '--trust', join(dir, 'data', 'trust.json')],
        /127\.0\.0\.1:9: ECONNREFUSED/,
      ],
      [['fsck', 'http://127.0.0.1:9/ledger', '--trust', SOURCE], /is not a trust bundle/],
      [['hammer', '--trust', join(dir, 'data', 'trust.json')], /no token: set PROBATA_TOKEN/],
      [['inspect', SOURCE], /is no file of ours/],
      [['inspect', join(dir, 'nowhere')], /cannot be read: ENOENT/],
    ];
    const ran = await Promise.all(failures.map(([args]) => probata(args, { PROBATA_DATA: join(dir, 'nowhere') })));
    for (const [i, [args, sentence]] of failures.entries()) {
      expect(ran[i], args.join(' ')).include({ code: 1, stdout: '' });
      expect(ran[i]?.stderr, args.join(' '))
        .match(sentence)
        .and.match(/^probata: [^\n]*$/);
    }
  });

  it('loads a platform with a token that does not stand on the command line', async () => {
    const seen = new Set<string | undefined>();
    const platform = createServer((request, response) => {
      seen.add(request.headers.authorization);
      response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(platform, 'listening');
    const url = `http://127.0.0.1:${(platform.address() as AddressInfo).port}`;
    const load = ['--readers', '0', '--writers', '1', '--seconds', '1', '--grace-seconds', '0'];
    const args = ['hammer', '--url', url, '--trust', join(dir, 'data', 'trust.json'), ...load];
    const data = join(dir, 'data');
    await probata([...args, '--token', 'given'], { PROBATA_TOKEN: 'from the environment' });
    await probata(args, { PROBATA_TOKEN: 'environment', PROBATA_DATA: data });
    await probata(args, { PROBATA_DATA: data });
    platform.close();
    const file = readFileSync(join(data, 'token'), 'utf8').trim();
    expect([...seen].filter((each) => each !== undefined)).deep.equal(
      ['given', 'environment', file].map((t) => `Bearer ${t}`),
    );
  });

  it('makes a key that signs as the vkey it printed, once', async () => {
    const out = join(dir, 'new.pem');
    const args = ['keygen', '--type', 'ml-dsa-44', '--name', 'court-9.example', '--out', out];
    const made = await probata(args);
    expect(made.code).equal(0);
    expect(parseVkey(made.stdout)).deep.equal(readSigner(out, 'court-9.example', 0x06).key);
    expect(statSync(out).mode & 0o777).equal(0o600);
    const again = await probata(args);
    expect(again).include({ code: 1, stdout: '' });
    expect(again.stderr).match(/exists; a key is never overwritten/);
  });

  it('obeys nothing that strangers wrote, and lets it make no line of its own', async () => {
    const origin = 'x\u009b2J\u202e\u2028本报告证明失信行为：账本';
    const text = formatCheckpoint({ origin, size: 0, root: EMPTY_ROOT, extensions: ['\u009b8m'] });
    const note = formatNote({ text, signatures: [await signNote(text, testSigner('mallory.example', 0x01))] });
    const [file, report] = [join(dir, 'evil.note'), join(dir, 'evil.json')];
    writeFileSync(file, note);
    writeFileSync(report, formatForkReport({ newer: note, older: note, root: EMPTY_ROOT, proof: [] }));
    const refused = await probata(['check-report', report, '--trust', join(dir, 'data', 'trust.json')]);
    expect(refused.code).equal(1);
    expect(refused.stdout)
      .contain('no key for the log "x')
      .contain('账本"')
      .match(/^本报告不能证明/);
    const shown = await probata(['inspect', file]);
    expect(shown.stdout).contain('origin x').contain('extension');
    const failed = await probata(['inspect', join(dir, 'gone\nx.receipt: on the ledger as entry 12\u001b[2J')]);
    expect(failed.stderr).match(/^probata: [^\n]*ENOENT[^\n]*$/);
    for (const { stdout, stderr } of [refused, shown, failed])
      expect((stdout + stderr).replaceAll('\n', '')).not.match(/[\p{Cc}\p{Zl}\p{Bidi_Control}]/u);
    const help = await probata(['help', 'fsck']);
    expect(help.stdout.split('\n').length, 'lines of our own stay lines').above(10);
  });

  it('adds, lists and revokes tokens that the platform follows', async () => {
    const platform = join(dir, 'data', 'platform');
    const added = await probata(['token', 'add', platform, '--party', 'zhang', '--name', '张喆']);
    expect(added.code).equal(0);
    const authenticator = await openAuthenticator(join(platform, 'tokens.json'), Date.now);
    const bearer = `Bearer ${added.stdout}`;
    expect(await authenticator.authenticate(bearer)).include({ party: 'zhang', name: '张喆' });
    const listed = await probata(['token', 'list', platform]);
    expect(listed.stdout).contain('zhang\t').and.not.contain(added.stdout);
    expect((await probata(['token', 'revoke', platform, 'zhang'])).code).equal(0);
    expect(await authenticator.authenticate(bearer).catch((error) => error.code)).equal('token-unknown');
    expect((await probata(['token', 'revoke', platform, 'zhang'])).code).equal(1);
    const demo = readFileSync(join(dir, 'data', 'token'), 'utf8').trim();
    expect(await authenticator.authenticate(`Bearer ${demo}`)).include({ party: 'demo' });
  });

  it('inspects a trust bundle, and shows what strangers wrote without letting it steer the terminal', async () => {
    const path = join(dir, 'trust.json');
    const trust = JSON.parse(readFileSync(join(dir, 'data', 'trust.json'), 'utf8'));
    trust.members[0].name = '示范\u001b[2J';
    writeFileSync(path, JSON.stringify(trust));
    const hostile = await probata(['inspect', path]);
    expect(hostile.stdout + hostile.stderr).not.contain('\u001b');
    const honest = await probata(['inspect', join(dir, 'data', 'trust.json')]);
    expect(honest.stdout)
      .match(/^trust bundle/)
      .and.contain('group courts: 1 of court-1')
      .and.contain('示范互联网法院一');
  });
});
