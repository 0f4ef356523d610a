/** Tokens: who they let in, and from when on they no longer do. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createToken, openAuthenticator, type Party } from './auth.ts';
import { Refusal } from './refusal.ts';
import { StartError } from './start-error.ts';

const PARTY: Party = { party: 'demo', name: '张三', identified: '实名认证', relation: '无' };
const NOW_MS = Date.UTC(2026, 10, 22);

describe('server/auth', () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-auth-'));
    path = join(dir, 'tokens.json');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const codeOf = (attempt: Promise<unknown>): Promise<string> =>
    attempt.then(
      () => 'let in',
      (error) => {
        if (error instanceof Refusal || error instanceof StartError) return error.code;
        throw error;
      },
    );
  const open = () => openAuthenticator(path, () => NOW_MS);

  it('lets a party in by its token, whatever the case of the scheme', async () => {
    const token = createToken(path, PARTY, null);
    const { authenticate } = await open();
    expect(await authenticate(`Bearer ${token}`)).to.deep.equal(PARTY);
    expect(await authenticate(`bearer ${token}`)).to.deep.equal(PARTY);
  });

  it('makes tokens of 256 random bits that the file cannot give back', () => {
    const tokens = [createToken(path, PARTY, null), createToken(path, PARTY, null)];
    expect(tokens[0])
      .to.match(/^probata_[0-9a-f]{72}$/)
      .and.not.equal(tokens[1]);
    const content = readFileSync(path, 'utf8');
    for (const token of tokens) expect(content).not.to.include(token).and.not.to.include(token.slice(8, 72));
    expect(statSync(path).mode & 0o777).to.equal(0o600);
  });

  it('refuses what is missing, malformed, mistyped, unknown or expired, each with its own code', async () => {
    const token = createToken(path, PARTY, null);
    const expired = createToken(path, PARTY, new Date(NOW_MS).toISOString());
    const impossible = createToken(path, PARTY, '2099-12-01T00:00:00Z');
    writeFileSync(path, readFileSync(path, 'utf8').replace('2099-12', '2099-13'));
    const rolledOver = createToken(path, PARTY, '2027-02-28T00:00:00Z');
    writeFileSync(path, readFileSync(path, 'utf8').replace('2027-02-28', '2027-02-30'));
    const valid = createToken(path, PARTY, new Date(NOW_MS + 1).toISOString());
    const { authenticate } = await open();
    const cases: [header: string | undefined, code: string][] = [
      [undefined, 'token-missing'],
      ['', 'token-missing'],
      [token, 'token-missing'],
      [`Basic ${token}`, 'token-missing'],
      [`Bearer ${token} x`, 'token-missing'],
      ['Bearer', 'token-missing'],
      ['Bearer x', 'token-unknown'],
      [`Bearer ${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`, 'token-unknown'],
      [`Bearer ${token.toUpperCase()}`, 'token-unknown'],
      [`Bearer ${createToken(join(dir, 'other.json'), PARTY, null)}`, 'token-unknown'],
      [`Bearer ${expired}`, 'token-expired'],
      [`Bearer ${impossible}`, 'token-expired'],
      [`Bearer ${rolledOver}`, 'token-expired'],
      [`Bearer ${valid}`, 'let in'],
    ];
    for (const [header, code] of cases) expect(await codeOf(authenticate(header)), header).to.equal(code);
  });

  it('knows a new token, and forgets a removed one, from the next request on', async () => {
    const kept = createToken(path, PARTY, null);
    const before = readFileSync(path, 'utf8');
    const { authenticate } = await open();
    const added = createToken(path, { ...PARTY, party: 'other' }, null);
    expect((await authenticate(`Bearer ${added}`)).party).to.equal('other');
    writeFileSync(path, before);
    expect(await codeOf(authenticate(`Bearer ${added}`))).to.equal('token-unknown');
    expect(await codeOf(authenticate(`Bearer ${kept}`))).to.equal('let in');
  });

  it('lets nobody in while the file cannot be read, and everybody again when it can', async () => {
    const token = createToken(path, PARTY, null);
    const good = readFileSync(path, 'utf8');
    const { authenticate } = await open();
    for (const bad of ['', '{', '{"v":1}', good.replace('"v": 1', '"v": 2'), good.replace('"party"', '"parti"')]) {
      writeFileSync(path, bad);
      expect(await codeOf(authenticate(`Bearer ${token}`)), bad).to.equal('tokens-unreadable');
    }
    writeFileSync(path, good);
    expect(await codeOf(authenticate(`Bearer ${token}`))).to.equal('let in');
  });

  it('does not start without the file, with one that others may read, or with a malformed one', async () => {
    expect(await codeOf(open())).to.equal('config-missing');
    createToken(path, PARTY, null);
    chmodSync(path, 0o644);
    expect(await codeOf(open())).to.equal('key-exposed');
    chmodSync(path, 0o600);
    writeFileSync(path, 'nothing');
    expect(await codeOf(open())).to.equal('config-malformed');
    expect(() => createToken(path, PARTY, null)).to.throw(StartError);
  });

  it('does not write a party that it would not read', () => {
    expect(() => createToken(path, { ...PARTY, party: 'a b' }, null)).to.throw(StartError);
    expect(() => createToken(path, PARTY, 'tomorrow')).to.throw(StartError);
    for (const never of [
      '2027-13-01T00:00:00Z',
      '2027-00-10T00:00:00Z',
      '2027-01-01T25:00:00Z',
      '2027-02-30T00:00:00Z',
      '2027-02-29T00:00:00.000Z',
      '2027-04-31T00:00:00Z',
      '2027-01-01T24:00:00Z',
    ]) {
      expect(() => createToken(path, PARTY, never), never).to.throw(StartError, 'not a date');
    }
    for (const last of ['2027-12-31T23:59:59Z', '2028-02-29T23:59:59.999Z']) createToken(path, PARTY, last);
  });
});
