/** A consortium made on disk: what each member gets, who may read it, and that an existing one is never touched. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import { liarsSurvived } from '../../ledger/core/policy.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { parseTrustBundle } from '../../verifier/core/trust.ts';
import { formatConfig, KEY_FILES, type MemberConfig, readConfig } from '../config.ts';
import { readChain, readP256Key, readSigner } from '../keys.ts';
import { StartError } from '../start-error.ts';
import { type InitOptions, initConsortium } from './init.ts';
import { moveTo, placesOf } from './layout.ts';

const NAMES = ['platform', 'court-1', 'court-2', 'court-3', 'court-4', 'arbitration-1', 'arbitration-2'];

describe('server/roles/init', () => {
  let data: string;
  let options: InitOptions;
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'probata-init-'));
    options = { data, port: 9000, courts: 4, mirrors: 2, name: 'demo', nowMs: Date.now() };
  });
  afterEach(() => rmSync(data, { recursive: true, force: true }));

  /** Every file with its bytes and mode. */
  function snapshot(): Map<string, string> {
    const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return new Map(
      files.map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path, `${statSync(path).mode.toString(8)} ${readFileSync(path, 'base64')}`];
      }),
    );
  }

  async function failure(run: () => Promise<unknown>): Promise<unknown> {
    return run().then(
      () => undefined,
      (error) => error.code,
    );
  }

  it('makes a folder for every member, a trust bundle for everyone and a token for its owner', async () => {
    expect(await initConsortium(options)).equal('made');
    expect(readdirSync(data).sort()).deep.equal([...NAMES, 'token', 'trust.json'].sort());
    expect(statSync(join(data, 'trust.json')).mode & 0o777).equal(0o644);
    expect(statSync(join(data, 'token')).mode & 0o777).equal(0o600);
    expect(readFileSync(join(data, 'platform', 'trust.json'))).deep.equal(readFileSync(join(data, 'trust.json')));
    for (const [path, file] of snapshot()) {
      if (path.endsWith('.pem') && !path.endsWith('-chain.pem')) expect(file, path).match(/^100600 /);
    }
  });

  it('writes a trust bundle whose policy holds the keys on disk and survives one lying court', async () => {
    await initConsortium(options);
    const trust = parseTrustBundle(readFileSync(join(data, 'trust.json')));
    const { policy } = trust;
    const courts = policy.groups.get('courts');
    expect(courts).deep.equal({ needed: 3, members: ['court-1', 'court-2', 'court-3', 'court-4'] });
    expect(liarsSurvived(4, courts?.needed ?? 0)).equal(1);
    expect(policy.groups.get('arbitration')).deep.equal({ needed: 1, members: ['arbitration-1', 'arbitration-2'] });
    expect(policy.groups.get('court-1')).deep.equal({ needed: 2, members: ['court-1.ed25519', 'court-1.ml-dsa-44'] });
    const origin = 'ledger.demo.example';
    const log = readSigner(join(data, 'platform', KEY_FILES.log), origin, 0x01);
    expect(policy.logs.map(({ key }) => formatVkey(key))).deep.equal([formatVkey(log.key)]);
    for (const member of NAMES.slice(1)) {
      const keyName = `${member}.demo.example`;
      for (const [suffix, file, type] of [
        ['ed25519', KEY_FILES.ed25519, 0x04],
        ['ml-dsa-44', KEY_FILES.mlDsa44, 0x06],
      ] as const) {
        const { key } = readSigner(join(data, member, file), keyName, type);
        expect(policy.witnesses.get(`${member}.${suffix}`)?.key).deep.equal(key);
      }
    }
    const receipt = readSigner(join(data, 'platform', KEY_FILES.receipt), `${origin}/receipt`, 0x01);
    expect(trust.receiptKeys).deep.equal([receipt.key]);
    expect(trust.members.map(({ member }) => member)).deep.equal(NAMES.slice(1));
    expect(trust.timestampRoots.length).equal(4);
  });

  it('gives every signer a certificate for its own key, issued under the root in the trust bundle', async () => {
    await initConsortium(options);
    const { pdfRoots, timestampRoots } = JSON.parse(readFileSync(join(data, 'trust.json'), 'utf8'));
    const signers: [folder: string, key: string, chain: string, root: string][] = [
      ['platform', KEY_FILES.pdf, KEY_FILES.pdfChain, pdfRoots[0]],
      ...timestampRoots.map((root: string, i: number) => [`court-${i + 1}`, KEY_FILES.tsa, KEY_FILES.tsaChain, root]),
    ];
    for (const [folder, keyFile, chainFile, root] of signers) {
      const chain = [
        ...readChain(join(data, folder, chainFile)).map((der) => new X509Certificate(der)),
        new X509Certificate(root),
      ];
      const key = createPublicKey(readP256Key(join(data, folder, keyFile)));
      expect(chain[0]?.publicKey.equals(key), folder).equal(true);
      for (const [i, certificate] of chain.entries()) {
        const issuer = chain[i + 1] ?? certificate;
        expect(certificate.verify(issuer.publicKey), folder).equal(true);
      }
    }
  });

  it('keeps an existing consortium to the last byte', async () => {
    await initConsortium(options);
    const before = snapshot();
    expect(await initConsortium({ ...options, name: 'other', courts: 7 })).equal('kept');
    expect(snapshot()).deep.equal(before);
  });

  it('finishes a consortium whose move into place was interrupted at any point', async () => {
    await initConsortium(options);
    const whole = snapshot();
    for (const moved of [0, 1, 5, NAMES.length + 1]) {
      mkdirSync(join(data, '.init'));
      writeFileSync(join(data, '.init', 'complete'), '');
      renameSync(join(data, 'trust.json'), join(data, '.init', 'trust.json'));
      for (const name of [...NAMES, 'token'].slice(moved)) renameSync(join(data, name), join(data, '.init', name));
      expect(await initConsortium(options), `${moved} moved`).equal('made');
      expect(snapshot()).deep.equal(whole);
    }
  });

  it('makes again what was interrupted before it was complete', async () => {
    mkdirSync(join(data, '.init', 'court-1', 'keys'), { recursive: true });
    writeFileSync(join(data, '.init', 'court-1', 'keys', 'ed25519.pem'), 'half');
    expect(await initConsortium(options)).equal('made');
    expect(existsSync(join(data, '.init'))).equal(false);
    expect(readSigner(join(data, 'court-1', KEY_FILES.ed25519), 'court-1.demo.example', 0x04).key.name).equal(
      'court-1.demo.example',
    );
  });

  it('refuses a folder that holds members but no trust bundle, and one that has lost a member', async () => {
    await initConsortium(options);
    rmSync(join(data, 'court-2'), { recursive: true });
    expect(() => placesOf(data, 9000)).throw(/court-2 is missing/);
    rmSync(join(data, 'platform'), { recursive: true });
    expect(() => placesOf(data, 9000)).throw(/platform is missing: put it back/);
    rmSync(join(data, 'trust.json'));
    const before = snapshot();
    expect(await failure(() => initConsortium(options))).equal('data-incomplete');
    expect(snapshot()).deep.equal(before);
  });

  it('moves to other ports: addresses follow, the policy text and everything else stay', async () => {
    await initConsortium(options);
    const before = snapshot();
    moveTo(placesOf(data, 9000));
    expect(snapshot()).deep.equal(before);
    moveTo(placesOf(data, 9100));
    const changed = [...snapshot()].filter(([path, file]) => before.get(path) !== file).map(([path]) => path);
    expect(changed.sort()).deep.equal(NAMES.map((name) => join(data, name, 'config.json')).sort());
    const platform = readConfig(join(data, 'platform'), 'platform');
    expect(platform.listen.port).equal(9100);
    expect(platform.members.map(({ url }) => url).slice(3, 5)).deep.equal([
      'http://127.0.0.1:9104/witness',
      'http://127.0.0.1:9105/mirror',
    ]);
    expect(platform.timestampUrls.at(-1)).equal('http://127.0.0.1:9104/tsa');
    const mirror = readConfig(join(data, 'arbitration-2'), 'mirror');
    expect(mirror.listen.port).equal(9106);
    const hash = originHash('ledger.demo.example');
    expect(mirror.peers?.map(({ name, url }) => [name, url])).deep.equal([
      ['platform', 'http://127.0.0.1:9100/ledger'],
      ...[1, 2, 3, 4].map((n) => [`court-${n}`, `http://127.0.0.1:${9100 + n}/witness/${hash}`]),
      ['arbitration-1', `http://127.0.0.1:9105/mirror/${hash}`],
    ]);
  });

  it('moves the configuration of a proposed change too; who joins by it keeps the address', async () => {
    await initConsortium(options);
    const dir = join(data, 'platform');
    const config = readConfig(dir, 'platform');
    const [court] = config.members;
    const joining = { ...(court ?? expect.fail()), member: 'court-5', url: 'http://court-5.example/witness' };
    mkdirSync(join(dir, 'next'));
    const next = { ...config, members: [...config.members.slice(1), joining] };
    writeFileSync(join(dir, 'next/config.json'), formatConfig(next));
    moveTo(placesOf(data, 9100));
    const moved = readConfig(join(dir, 'next'), 'platform');
    expect(moved.listen.port).equal(9100);
    expect(moved.members[0]?.url).equal('http://127.0.0.1:9102/witness');
    expect(moved.members.at(-1)).deep.equal(joining);
    expect(moved.timestampUrls.at(-1)).equal('http://court-5.example/tsa');
  });

  it('reads a folder that was made before there was watching, and moves it too', async () => {
    await initConsortium(options);
    const dir = join(data, 'court-1');
    const { peers, ...before } = readConfig(dir, 'court');
    expect(peers).lengthOf(6);
    writeFileSync(join(dir, 'config.json'), formatConfig(before));
    moveTo(placesOf(data, 9100));
    expect(readConfig(dir, 'court')).deep.equal({ ...before, listen: { ...before.listen, port: 9101 } });
  });

  it('refuses a configuration of the platform that no record could state, and takes what one just can', async () => {
    await initConsortium(options);
    const dir = join(data, 'platform');
    const config = readConfig(dir, 'platform');
    const { platform, members } = config;
    const [court, ...others] = members as [MemberConfig, ...MemberConfig[]];
    const long = '𠮷'.repeat(201);
    for (const wrong of [
      { ...config, platform: { ...platform, name: long } },
      { ...config, platform: { ...platform, nameEn: long } },
      { ...config, platform: { ...platform, statement: '字'.repeat(2001) } },
      { ...config, platform: { ...platform, statementEn: 'x'.repeat(2001) } },
      { ...config, platform: { ...platform, statement: 'half a pair: \ud800' } },
      { ...config, members: [{ ...court, name: long }, ...others] },
      { ...config, members: [{ ...court, nameEn: long }, ...others] },
      { ...config, members: [{ ...court, keyName: 'x'.repeat(201) }, ...others] },
      { ...config, members: [{ ...court, member: 'court 1' }, ...others] },
      { ...config, members: [court, ...members] },
    ]) {
      expect(() => formatConfig(wrong))
        .throw(StartError, /no record can say this/)
        .with.property('code', 'config-malformed');
      writeFileSync(join(dir, 'config.json'), JSON.stringify(wrong));
      expect(() => readConfig(dir, 'platform')).throw(/config\.json: no record can say this/);
    }
    const longest = { ...platform, name: long.slice(2), statement: '字'.repeat(2000) };
    expect(formatConfig({ ...config, platform: longest })).include(longest.name);
  });

  it('refuses a configuration of another role, with an unknown field or without one', async () => {
    await initConsortium(options);
    const dir = join(data, 'court-1');
    expect(() => readConfig(dir, 'mirror')).throw(/does not belong to a mirror/);
    expect(() => readConfig(join(data, 'nowhere'), 'court')).throw(/cannot be read/);
    const path = join(dir, 'config.json');
    const config = readConfig(dir, 'court');
    const { keyName, ...short } = config;
    for (const [value, message] of [
      [{ ...config, extra: 1 }, /must NOT have additional properties "extra"/],
      [short, /must have required property 'keyName'/],
      [{ ...config, listen: { host: 'a', port: 70_000 } }, /\/listen\/port must be <= 65535/],
    ] as const) {
      writeFileSync(path, JSON.stringify(value));
      expect(() => readConfig(dir, 'court')).throw(message);
    }
    writeFileSync(path, '{');
    expect(() => readConfig(dir, 'court')).throw(/is not JSON/);
    expect(keyName).equal('court-1.demo.example');
  });
});
