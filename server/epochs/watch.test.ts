/** Whom a member is told to watch: whatever a bundle says or leaves out, the folder starts, and the next command can mend it. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CONFIG_FILE, formatConfig, readConfig } from '../config.ts';
import { runProgram } from '../program.ts';
import { initConsortium } from '../roles/init.ts';

describe('server/epochs member watch', () => {
  let made: string;
  let data: string;
  let court: string;
  before(async () => {
    made = mkdtempSync(join(tmpdir(), 'probata-watch-'));
    const members = { courts: 2, mirrors: 1, name: 'demo' };
    await initConsortium({ data: join(made, 'whole'), port: 9000, ...members, nowMs: Date.now() });
  });
  beforeEach(() => {
    data = mkdtempSync(join(made, 'case-'));
    cpSync(join(made, 'whole'), data, { recursive: true });
    court = join(data, 'court-1');
    // As when court-2 has joined since.
    const { peers = [], ...config } = readConfig(court, 'court');
    const known = peers.filter(({ name }) => name !== 'court-2');
    writeFileSync(join(court, CONFIG_FILE), formatConfig({ ...config, peers: known }));
  });
  after(() => rmSync(made, { recursive: true }));

  /** A bundle with other addresses. @returns its path */
  function bundle(url: (url: string) => string): string {
    const trust = JSON.parse(readFileSync(join(data, 'trust.json'), 'utf8')) as { policy: string };
    const path = join(data, 'other.json');
    writeFileSync(
      path,
      JSON.stringify({ ...trust, policy: trust.policy.replace(/ (https?:\/\/\S+)/g, (_, at) => url(at)) }),
    );
    return path;
  }

  async function probata(...args: string[]): Promise<string> {
    const stderr: string[] = [];
    const code = await runProgram(args, { env: {}, out: () => {}, err: (line) => stderr.push(line) });
    return `${code} ${stderr.join()}`.trim();
  }

  const watch = (trust: string): Promise<string> => probata('member', 'watch', court, '--trust', trust);
  const watched = (dir: string): unknown => readConfig(dir, 'court').peers?.map(({ name }) => name);

  it('leaves out whom nobody gives an address, says so, and starts', async () => {
    const bare = bundle(() => '');
    expect(await watch(bare)).equal('0 not watched, because the bundle has no address of them: court-2');
    expect(watched(court)).deep.equal(['platform', 'arbitration-1']);
    expect(await watch(join(data, 'trust.json'))).equal('0');
    expect(watched(court)).deep.equal(['platform', 'court-2', 'arbitration-1']);
    expect(await watch(bare), 'who is watched keeps its address').equal('0');
  });

  it('does so for a member that is to join', async () => {
    const joins = ['init', '--data', data, '--member', 'court-3', '--port', '9050', '--trust', bundle(() => '')];
    const all = 'platform, court-1, court-2, arbitration-1';
    expect(await probata(...joins)).equal(`0 not watched, because the bundle has no address of them: ${all}`);
    expect(watched(join(data, 'court-3'))).deep.equal([]);
  });

  it('writes no configuration that nothing could start from', async () => {
    const before = readFileSync(join(court, CONFIG_FILE), 'utf8');
    const strange = bundle((url) => url.replace('http', ' ftp'));
    expect(await watch(strange)).match(/^1 .*\/peers\/1\/url must match pattern.*\(config-malformed\)$/);
    expect(readFileSync(join(court, CONFIG_FILE), 'utf8')).equal(before);
    expect(await watch(join(data, 'trust.json'))).equal('0');
  });
});
