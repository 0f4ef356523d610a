/**
 * What a start refuses to begin: a proposal whose keys, configuration or certificates the platform could not run with afterwards. Nobody else
 * runs here, so whatever is not refused waits for ever; and no store is opened, so the ledger is as it was.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import type { TrustBundle } from '../../verifier/core/trust.ts';
import type { PlatformConfig } from '../config.ts';
import { Passphrase } from '../keys/encryption.ts';
import type { Env } from '../keys/secrets.ts';
import { readChain } from '../keys.ts';
import { initConsortium } from '../roles/init.ts';
import { makePdfKeys } from '../roles/make-consortium.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { StartError } from '../start-error.ts';
import { changeIfProposed } from './change.ts';
import { readProposal } from './proposal.ts';
import { type Proposal, propose } from './propose.ts';

const NOTHING: Proposal = { member: [], leave: [], newKey: [], revoke: [] };
const ALL: Proposal['newKey'] = ['log', 'receipt', 'pdf'];

describe('server/epochs proposal', function () {
  this.timeout(60_000);
  let data: string;
  before(() => {
    data = mkdtempSync(join(tmpdir(), 'probata-proposal-'));
  });
  after(() => rmSync(data, { recursive: true }));

  /** A platform's folder, its keys under a passphrase if one is given, that is to change. */
  async function platform(name: string, proposal: Partial<Proposal>, now?: string, next = now): Promise<string> {
    const of = (text: string | undefined): Passphrase | undefined =>
      text === undefined ? undefined : new Passphrase(text);
    const options = { data: join(data, name), port: 9000, courts: 4, mirrors: 1, name: 'test', nowMs: Date.now() };
    await initConsortium({ ...options, passphrase: of(now) });
    const dir = join(data, name, 'platform');
    await propose(dir, { ...NOTHING, ...proposal }, Date.now(), of(next));
    return dir;
  }

  function edit<T>(path: string, change: (value: T) => object): void {
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as T)));
  }

  /** What a start says; it must have done nothing. */
  async function refused(dir: string, env: Env = {}): Promise<string> {
    const fatal = (error: Error): never => expect.fail(error.message);
    const start = changeIfProposed(dir, { log: () => {}, fatal, env }, Date.now);
    const error = await start.catch((thrown) => thrown);
    expect(error).to.be.instanceOf(StartError);
    expect(error.message).to.include(`the change in ${join(dir, 'next')} is not made: `);
    expect(existsSync(join(dir, 'store')), 'the ledger').to.equal(false);
    return `${error.code}: ${error.message}`;
  }

  const accepted = (dir: string, env: Env = {}): Promise<TrustBundle> =>
    readProposal(dir, readTrust(dir), env, Date.now());

  it('a key that the passphrase of the start does not open', async () => {
    const dir = await platform('encrypted', { newKey: ['receipt'] }, undefined, 'mistyped');
    expect(await refused(dir)).to.match(/^passphrase-missing: .*next\/keys\/receipt\.pem is encrypted/);
    const mistyped = await platform('mistyped', { newKey: ['log'] }, 'right', 'wrong');
    expect(await refused(mistyped, { PROBATA_PASSPHRASE: 'right' })).to.match(/^passphrase-wrong: .*next\/keys\/log/);
    expect(await refused(mistyped, { PROBATA_PASSPHRASE: 'wrong' })).to.match(/^passphrase-wrong: .*keys\/receipt/);
  });

  it('a key that is not the one of the statement, or that is gone', async () => {
    const dir = await platform('mixed', { newKey: ALL });
    const key = join(dir, 'next/keys/log.pem');
    const text = readFileSync(key, 'utf8');
    writeFileSync(key, readFileSync(join(dir, 'keys/log.pem')));
    expect(await refused(dir)).to.match(/^key-mismatch: .*not the ledger\.test\.example that others know/);
    writeFileSync(key, text);
    // The old one is still listed, for what was promised with it.
    const receipt = join(dir, 'next/keys/receipt.pem');
    const next = readFileSync(receipt, 'utf8');
    writeFileSync(receipt, readFileSync(join(dir, 'keys/receipt.pem')));
    expect(await refused(dir)).to.match(/^key-mismatch: .*not the ledger\.test\.example\/receipt that others know/);
    writeFileSync(receipt, next);
    writeFileSync(join(dir, 'next/keys/pdf.pem'), readFileSync(join(dir, 'keys/pdf.pem')));
    expect(await refused(dir)).to.match(/^key-mismatch: .*is not the key of its certificate/);
    rmSync(join(dir, 'next/keys/receipt.pem'));
    rmSync(join(dir, 'keys/receipt.pem'));
    expect(await refused(dir)).to.match(/^key-missing: /);
  });

  it('certificates that lead to no root of the statement', async () => {
    const dir = await platform('roots', { newKey: ['pdf'] });
    for (const file of ['pdf.pem', 'pdf-chain.pem']) rmSync(join(dir, 'next/keys', file));
    await makePdfKeys(join(dir, 'next'), { name: 'other', nowMs: Date.now() }, undefined);
    expect(await refused(dir)).to.match(/^key-mismatch: .*does not lead to a root of the statement/);
  });

  it('a revocation, written by hand, of the certificate by which PDFs are signed', async () => {
    const dir = await platform('revoked', { newKey: ['receipt'] });
    const [signer] = readChain(join(dir, 'keys/pdf-chain.pem'));
    const revoked = [{ key: hexEncode(sha256(signer ?? expect.fail('no signer'))), at: '2026-11-20T00:00:00Z' }];
    edit<TrustBundle>(join(dir, 'next/statement.json'), (statement) => ({ ...statement, revoked }));
    expect(await refused(dir)).to.match(/^key-mismatch: .*it revokes .* add --new-key pdf/);
  });

  it('a configuration that the next start could not read, or with other bodies than the statement', async () => {
    const dir = await platform('config', { newKey: ['receipt'] });
    const path = join(dir, 'next/config.json');
    const text = readFileSync(path, 'utf8');
    edit<PlatformConfig>(path, (config) => ({ ...config, timestampUrls: ['nonsense'] }));
    expect(await refused(dir)).to.match(/^config-malformed: .*timestampUrls/);
    writeFileSync(path, text);
    edit<PlatformConfig>(path, ({ members, ...config }) => ({ ...config, members: members.slice(1) }));
    expect(await refused(dir)).to.match(/^config-malformed: .*and the statement .*court court-1/);
  });

  it('a statement that could never be proven', async () => {
    const dir = await platform('statement', { revoke: ['court-1=2026-11-20T00:00:00Z'] });
    edit<TrustBundle>(join(dir, 'next/statement.json'), (statement) => ({
      ...statement,
      policy: statement.policy.replace('group courts 3', 'group courts 4'),
    }));
    expect(await refused(dir)).to.match(/^config-malformed: .*the new policy could never be satisfied/);
  });

  it('and nothing else: new keys and old ones, in the clear and under the passphrase, without a configuration of its own', async () => {
    const dir = await platform('clear', { newKey: ALL });
    expect((await accepted(dir)).receiptKeys).to.have.length(2);
    rmSync(join(dir, 'next/config.json'));
    await accepted(dir);
    const sealed = await platform('sealed', { newKey: ['log', 'pdf'] }, 'a secret');
    await accepted(sealed, { PROBATA_PASSPHRASE: 'a secret' });
  });
});
