/** Proposing a change, over a folder that the real init has made: what comes of it, and what is refused with nothing proposed. */
import fs, { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import { parseTrustBundle, type Trust, type TrustBundle } from '../../verifier/core/trust.ts';
import { encryptKeys } from '../commands/key.ts';
import { readConfig } from '../config.ts';
import { finishRewrite } from '../keys/rewrite.ts';
import { readChain } from '../keys.ts';
import { initConsortium } from '../roles/init.ts';
import { distrustLog, rotate, settle, trustLog, watchMembers } from './member.ts';
import { makeMemberFolder } from './new-member.ts';
import { isProposed, readProposed } from './next.ts';
import { type Proposal, propose } from './propose.ts';

const NOTHING: Proposal = { member: [], leave: [], newKey: [], revoke: [] };
const AT = '2026-11-20T00:00:00Z';

describe('server/epochs propose', function () {
  this.timeout(120_000);
  let data: string;
  let dir: string;
  before(async () => {
    data = mkdtempSync(join(tmpdir(), 'probata-propose-'));
    dir = join(data, 'platform');
    await initConsortium({ data, port: 9000, courts: 4, mirrors: 2, name: 'test', nowMs: Date.now() });
  });
  after(() => rmSync(data, { recursive: true }));
  afterEach(() => rmSync(join(dir, 'next'), { recursive: true, force: true }));

  const now = (): Trust => parseTrustBundle(readFileSync(join(data, 'trust.json')));
  async function proposed(proposal: Partial<Proposal>): Promise<Trust> {
    await propose(dir, { ...NOTHING, ...proposal }, Date.now());
    return parseTrustBundle(readProposed(dir));
  }

  it('changes nothing but what was asked for', async () => {
    const next = await proposed({ newKey: ['receipt'] });
    expect(next.policy.text).to.equal(now().policy.text);
    expect(next.receiptKeys.map(formatVkey).slice(1)).to.deep.equal(now().receiptKeys.map(formatVkey));
    expect(next.members).to.deep.equal(now().members);
  });

  it('asks for as many courts as a new consortium of that size would, or as told', async () => {
    const groups = async (proposal: Partial<Proposal>): Promise<unknown> =>
      (await proposed(proposal)).policy.groups.get('courts');
    const three = ['court-1', 'court-3', 'court-4'];
    expect(await groups({ leave: ['court-2'] })).to.deep.equal({ needed: 3, members: three });
    rmSync(join(dir, 'next'), { recursive: true });
    expect(await groups({ leave: ['court-2'], courtsNeeded: 2 })).to.deep.equal({ needed: 2, members: three });
  });

  it('takes in a body that made itself known, with its timestamps', async () => {
    const trust = join(data, 'trust.json');
    const { file } = await makeMemberFolder({ data, member: 'court-5', port: 9050, trust }, Date.now());
    const next = await proposed({ member: [file] });
    expect(next.members.map(({ member }) => member).slice(0, 5)).to.include('court-5');
    expect(next.timestampRoots).to.have.length(5);
    const config = JSON.parse(readFileSync(join(dir, 'next/config.json'), 'utf8'));
    expect(config.timestampUrls.at(-1)).to.equal('http://127.0.0.1:9050/tsa');
    expect(readConfig(join(data, 'court-5'), 'court').peers).to.have.length(7);
    expect(await codeOf(makeMemberFolder({ data, member: 'court-5', port: 9050, trust }, 0))).to.equal(
      'output-refused',
    );
  });

  it('revokes both keys of a member, a key, or a certificate', async () => {
    const digest = 'ab'.repeat(32);
    const next = await proposed({ revoke: [`court-1=${AT}`, `${digest}=${AT}`] });
    expect(next.revoked.map(({ at }) => at)).to.deep.equal([AT, AT, AT]);
    expect(next.revoked.at(-1)?.key).to.equal(digest);
  });

  it('revokes no certificate by which PDFs are signed, unless there are new ones', async () => {
    const [root] = now().pdfRoots;
    const [signer] = readChain(join(dir, 'keys/pdf-chain.pem'));
    for (const der of [root?.der ?? expect.fail('no root'), signer ?? expect.fail('no signer')]) {
      const revoke = [`${hexEncode(sha256(der))}=2999-01-01T00:00:00Z`];
      const error = await proposed({ revoke }).catch((thrown) => thrown);
      expect(error).to.have.property('code', 'key-mismatch');
      expect(error.message).to.match(/it revokes .* add --new-key pdf$/);
      expect(isProposed(dir)).to.equal(false);
      await proposed({ revoke, newKey: ['pdf'] });
      rmSync(join(dir, 'next'), { recursive: true });
    }
  });

  it('refuses what cannot be believed, and proposes nothing then', async () => {
    const refused: Partial<Proposal>[] = [
      { leave: ['court-9'] },
      { leave: ['arbitration-1', 'arbitration-2'] },
      { revoke: ['court-1'] },
      { revoke: [`court-9=${AT}`] },
      { revoke: ['court-1=yesterday'] },
      { courtsNeeded: 5 },
      { member: [join(data, 'token')] },
      { member: [join(data, 'nowhere')] },
      { revoke: [`court-1=${AT}`, `court-2=${AT}`] },
      { revoke: [`arbitration-1=${AT}`, `arbitration-2=${AT}`] },
      { leave: ['court-2'], revoke: [`court-1=${AT}`] },
    ];
    for (const proposal of refused) {
      const code = await codeOf(propose(dir, { ...NOTHING, ...proposal }, Date.now()));
      expect(code, JSON.stringify(proposal)).to.be.oneOf(['input-malformed', 'input-missing', 'policy-malformed']);
      expect(isProposed(dir)).to.equal(false);
    }
  });

  it('takes no member file with keys that are revoked', async () => {
    const { file } = await makeMemberFolder(
      { data, member: 'court-6', port: 9060, trust: join(data, 'trust.json') },
      Date.now(),
    );
    const witness = (name: string): string => formatVkey(now().policy.witnesses.get(name)?.key ?? expect.fail(name));
    const keys = { ed25519: witness('court-3.ed25519'), mlDsa44: witness('court-3.ml-dsa-44') };
    const { timestampRoot: _, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...rest, member: 'court-3', keyName: 'court-3.test.example', ...keys }));
    const error = await proposed({ member: [file], revoke: [`court-3=${AT}`] }).catch((thrown) => thrown);
    expect(error).to.have.property('code', 'input-malformed');
    expect(error.message).to.match(/^the member file of court-3 has keys that are revoked: run probata member rotate/);
    expect(isProposed(dir)).to.equal(false);
    await proposed({ member: [file] });
  });

  it('writes no configuration that the platform could not read', async () => {
    const court = join(data, 'court-4');
    const file = await rotate(court, { timestamps: true }, Date.now());
    const text = readFileSync(file, 'utf8');
    for (const wrong of [{ url: 'court-4.example/witness' }, { timestampUrl: 'nonsense' }, { keyName: '' }]) {
      writeFileSync(file, JSON.stringify({ ...JSON.parse(text), ...wrong }));
      expect(await codeOf(proposed({ member: [file] })), JSON.stringify(wrong)).to.match(/-malformed$/);
      expect(isProposed(dir)).to.equal(false);
    }
    writeFileSync(file, text);
    await proposed({ member: [file] });
  });

  it('makes no file for a key that is in the token', async () => {
    const path = join(dir, 'config.json');
    const text = readFileSync(path, 'utf8');
    const hsm = { module: '/usr/lib/any.so', token: 'platform', keys: { log: 'log', pdf: 'pdf' } };
    writeFileSync(path, JSON.stringify({ ...JSON.parse(text), hsm }));
    expect(await codeOf(proposed({ newKey: ['log'] }))).to.equal('input-malformed');
    expect(await codeOf(proposed({ newKey: ['receipt', 'pdf'] }))).to.equal('input-malformed');
    await proposed({ newKey: ['receipt'] });
    writeFileSync(path, text);
  });

  it('extends the dates of the bundle with new certificates, and never shortens them', async () => {
    const nineYears = 9 * 365.25 * 86_400_000;
    const until = async (proposal: Partial<Proposal>, nowMs: number): Promise<number> => {
      rmSync(join(dir, 'next'), { recursive: true, force: true });
      await propose(dir, { ...NOTHING, ...proposal }, nowMs);
      return parseTrustBundle(readProposed(dir)).notAfterMs - now().notAfterMs;
    };
    expect(await until({ newKey: ['receipt'] }, Date.now() + nineYears)).to.equal(0);
    expect(await until({ newKey: ['pdf'] }, Date.now() + nineYears)).to.be.within(nineYears, nineYears + 600_000);
    expect(await until({ newKey: ['pdf'] }, Date.now() - nineYears)).to.equal(0);
  });

  it('makes new keys durable before anything names them', async () => {
    const done = await stepsOf(() => proposed({ newKey: ['receipt'] }));
    const named = done.indexOf(join(dir, 'next/statement.json'));
    for (const folder of [join(dir, 'next/keys'), dir]) expect(done.indexOf(folder), folder).to.be.within(0, named - 1);
    const trust = join(data, 'trust.json');
    const joined = { data, member: 'arbitration-7', port: 9070, trust };
    const made = await stepsOf(() => makeMemberFolder(joined, Date.now()));
    const moved = made.indexOf(join(data, 'arbitration-7'));
    expect(made.indexOf(join(data, '.arbitration-7/keys'))).to.be.within(0, moved - 1);
    expect(made.lastIndexOf(data)).to.be.above(moved);
  });

  it('proposes one change at a time, and none of a policy written by hand', async () => {
    await proposed({ newKey: ['receipt'] });
    expect(await codeOf(proposed({ newKey: ['receipt'] }))).to.equal('output-refused');
    rmSync(join(dir, 'next'), { recursive: true });
    const path = join(dir, 'trust.json');
    const text = readFileSync(path, 'utf8');
    const bundle = JSON.parse(text) as TrustBundle;
    writeFileSync(path, JSON.stringify({ ...bundle, policy: `# ours\n${bundle.policy}` }));
    expect(await codeOf(proposed({ newKey: ['log'] }))).to.equal('input-malformed');
    writeFileSync(path, text);
  });

  it('makes new keys that no rewrite of withdrawn ones, cut short, is finished over', async () => {
    const stale = join(dir, 'keys.next/next');
    mkdirSync(stale, { recursive: true });
    writeFileSync(join(stale, 'receipt.pem'), 'a key that was withdrawn');
    await proposed({ newKey: ['receipt'] });
    const made = readFileSync(join(dir, 'next/keys/receipt.pem'), 'utf8');
    finishRewrite(dir);
    expect(readFileSync(join(dir, 'next/keys/receipt.pem'), 'utf8')).to.equal(made);
  });

  it('lets a member settle only once the bundle names its new keys', async () => {
    const court = join(data, 'court-1');
    const before = readFileSync(join(court, 'keys/ed25519.pem'), 'utf8');
    const file = await rotate(court, { timestamps: true }, Date.now());
    expect(await codeOf(settle(court, join(data, 'trust.json')))).to.equal('input-malformed');
    expect(await codeOf(rotate(court, { timestamps: false }, 0))).to.equal('output-refused');
    const both = readConfig(court, 'court').vkeys ?? [];
    expect(both, 'known by old keys and new ones').to.have.length(4);
    await proposed({ member: [file] });
    await settle(court, join(dir, 'next/statement.json'));
    expect(readFileSync(join(court, 'keys/ed25519.pem'), 'utf8')).not.to.equal(before);
    expect(existsSync(join(court, 'next'))).to.equal(false);
    expect(readConfig(court, 'court').vkeys, 'known by the new ones').to.have.members(both.slice(2));
  });

  it('encrypts the new keys of a member that has a passphrase, and settles only with it', async () => {
    const court = join(data, 'court-3');
    const env = { PROBATA_PASSPHRASE: 'a secret' };
    encryptKeys(court, env);
    const file = await rotate(court, { timestamps: false }, Date.now(), env);
    expect(readFileSync(join(court, 'next/keys/ed25519.pem'), 'utf8')).to.include('ENCRYPTED PRIVATE KEY');
    await proposed({ member: [file] });
    const statement = join(dir, 'next/statement.json');
    expect(await codeOf(settle(court, statement))).to.equal('passphrase-missing');
    await settle(court, statement, env);
    expect(readFileSync(join(court, 'keys/ed25519.pem'), 'utf8')).to.include('ENCRYPTED PRIVATE KEY');
  });

  it('lets a member trust a further key of its log, and watch by a bundle', async () => {
    const court = join(data, 'court-2');
    const [line = ''] = await propose(dir, { ...NOTHING, newKey: ['log'] }, Date.now());
    const vkey = line.split(' ').at(-1) ?? '';
    trustLog(court, vkey);
    trustLog(court, vkey);
    expect(readConfig(court, 'court').logs[0]?.vkeys).to.have.length(2);
    expect(() => trustLog(court, 'no vkey')).to.throw('not the vkey of a log');
    const both = readConfig(court, 'court').logs;
    expect(() => distrustLog(court, join(data, 'trust.json'))).to.throw(`does not name ${vkey} yet`);
    expect(readConfig(court, 'court').logs).to.deep.equal(both);
    distrustLog(court, join(dir, 'next/statement.json'));
    expect(readConfig(court, 'court').logs).to.deep.equal(both.map((log) => ({ ...log, vkeys: [vkey] })));
    watchMembers(court, join(dir, 'next/statement.json'));
    expect(readConfig(court, 'court').peers?.map(({ name }) => name))
      .to.include('court-1')
      .and.not.include('court-2');
  });
});

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error) => error.code,
  );
}

/** What work makes durable and what it moves into place, in order: folders that are synced, and the targets of renames. */
async function stepsOf(work: () => Promise<unknown>): Promise<string[]> {
  const done: string[] = [];
  const { openSync, fsyncSync, renameSync } = fs;
  const paths = new Map<number, string>();
  fs.openSync = (path, ...rest) => {
    const fd = openSync(path, ...rest);
    paths.set(fd, String(path));
    return fd;
  };
  fs.fsyncSync = (fd) => {
    fsyncSync(fd);
    done.push(paths.get(fd) ?? '');
  };
  fs.renameSync = (from, to) => {
    renameSync(from, to);
    done.push(String(to));
  };
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    Object.assign(fs, { openSync, fsyncSync, renameSync });
    syncBuiltinESMExports();
  }
  return done;
}
