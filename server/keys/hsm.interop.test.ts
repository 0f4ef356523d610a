/**
 * T51, tokens: keys made in SoftHSM that cannot leave it, a court and a platform that sign with them, and their rotation.
 * Real processes, the real PKCS#11 module, the real verifier.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import pkcs11js from 'pkcs11js';
import { verifySignature as verifyEcdsa } from '../../certs/core/algorithms.ts';
import { OID } from '../../certs/core/oids.ts';
import { parseCertificate } from '../../certs/core/x509.ts';
import { formatVkey, parseVkey } from '../../ledger/core/note.ts';
import { verifySignature } from '../../ledger/core/signature.ts';
import { tokenKeygen } from '../commands/keygen.ts';
import { KEY_FILES } from '../config.ts';
import { Keyring, readChain, readSigner } from '../keys.ts';
import { freePorts, PROGRAM, run, until, VERIFIER } from '../processes/testing.ts';
import { initConsortium } from '../roles/init.ts';
import { tokenSignBytes, tokenSigner } from './keyring.ts';
import { Token, type TokenKey } from './pkcs11.ts';

/** Where Debian has it. */
const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const PIN = '417-263';
const ENV = { PROBATA_PIN: PIN };
const MESSAGE = new TextEncoder().encode('a checkpoint');

async function code(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    expect((error as Error).message, 'an error never shows the PIN').not.contain(PIN);
    return (error as { code?: string }).code ?? (error as Error).message;
  }
  return undefined;
}

describe('server/keys in a token (T51)', () => {
  let dir: string;
  const place = (token: string): { module: string; token: string } => ({ module: MODULE, token });
  const generate = (token: string, type: string, name: string, label: string): Promise<string> =>
    tokenKeygen({ ...place(token), type, name, label }, ENV);

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-hsm-'));
    mkdirSync(join(dir, 'tokens'));
    // For this process and for those that it starts.
    process.env['SOFTHSM2_CONF'] = join(dir, 'softhsm2.conf');
    process.env['PROBATA_PIN_FILE'] = join(dir, 'pin');
    writeFileSync(join(dir, 'pin'), `${PIN}\n`, { mode: 0o600 });
    writeFileSync(join(dir, 'softhsm2.conf'), `directories.tokendir = ${join(dir, 'tokens')}\n`);
    for (const label of ['drawer', 'court-1', 'platform']) {
      const args = ['--init-token', '--free', '--label', label, '--pin', PIN, '--so-pin', '99-99-99'];
      execFileSync('softhsm2-util', args, { stdio: 'ignore' });
    }
  });
  after(() => {
    delete process.env['SOFTHSM2_CONF'];
    delete process.env['PROBATA_PIN_FILE'];
    rmSync(dir, { recursive: true });
  });

  it('a key is made in the token, signs, and cannot be exported', async () => {
    const vkey = parseVkey(await generate('drawer', 'ed25519', 'court-9.example', 'first'));
    expect(vkey).include({ name: 'court-9.example', type: 0x04 });
    const token = await Token.open(place('drawer'), PIN);
    try {
      const signature = token.key('first', 'ed25519').sign(MESSAGE);
      expect(verifySignature(vkey, MESSAGE, signature)).equal(true);
    } finally {
      token.close();
    }
    // Whoever has the PIN and the module still cannot read the private half.
    const module = new pkcs11js.PKCS11();
    module.load(MODULE);
    module.C_Initialize();
    try {
      const slot = module.C_GetSlotList(true).find((one) => module.C_GetTokenInfo(one).label.trim() === 'drawer');
      const session = module.C_OpenSession(slot as Buffer, pkcs11js.CKF_SERIAL_SESSION);
      module.C_Login(session, pkcs11js.CKU_USER, PIN);
      module.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }]);
      const [key] = module.C_FindObjects(session, 1) as [Buffer];
      module.C_FindObjectsFinal(session);
      const read = (type: number): Buffer => module.C_GetAttributeValue(session, key, [{ type }])[0]?.value as Buffer;
      expect(read(pkcs11js.CKA_EXTRACTABLE)).deep.equal(Buffer.from([0]));
      expect(read(pkcs11js.CKA_SENSITIVE)).deep.equal(Buffer.from([1]));
      expect(() => read(pkcs11js.CKA_VALUE)).throw(/CKR_ATTRIBUTE_SENSITIVE/);
      // Control: what is public can be read by the same call.
      expect(read(pkcs11js.CKA_LABEL).toString()).equal('first');
    } finally {
      module.C_Finalize();
    }
    expect(await code(() => generate('drawer', 'ed25519', 'court-9.example', 'first'))).equal('output-refused');
    expect(await code(() => generate('drawer', 'ml-dsa-44', 'court-9.example', 'second'))).equal('input-malformed');
  });

  it('a P-256 key signs what its certificate verifies', async () => {
    const path = join(dir, 'p256.pub');
    writeFileSync(path, await generate('drawer', 'p256', 'pdf', 'pdf'));
    const chain = readChain(issueFor(path, 'pdf', 'emailProtection').certificate);
    const certificate = parseCertificate(chain[0] as Uint8Array);
    const token = await Token.open(place('drawer'), PIN);
    try {
      const signature = await tokenSignBytes(token.key('pdf', 'p256'), certificate)(MESSAGE);
      const { publicKey } = certificate;
      if (publicKey === undefined) throw new Error('the certificate has a key');
      const algorithm = { oid: OID.ecdsaWithSHA256 };
      expect(verifyEcdsa(publicKey, algorithm, MESSAGE, signature, { lowS: false })).equal(true);
    } finally {
      token.close();
    }
  });

  it('a wrong signature never leaves, whatever the token gives', async () => {
    const token = await Token.open(place('drawer'), PIN);
    try {
      const honest = token.key('first', 'ed25519');
      const lying: TokenKey = {
        ...honest,
        sign: (bytes) => honest.sign(bytes).map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
      };
      expect(await code(() => tokenSigner(honest, 'x', 0x04).sign(MESSAGE))).equal(undefined);
      expect(await code(() => tokenSigner(lying, 'x', 0x04).sign(MESSAGE))).match(/does not verify/);
      // Control: unverified, it would have been given out.
      expect(lying.sign(MESSAGE)).length(64);
    } finally {
      token.close();
    }
  });

  it('refuses by name: module, token, PIN, label, kind of key, key that can be exported', async () => {
    const open = (changes: object, pin = PIN): Promise<unknown> =>
      code(async () => (await Token.open({ ...place('drawer'), ...changes }, pin)).close());
    expect(await open({})).equal(undefined);
    expect(await open({ module: join(dir, 'nowhere.so') })).equal('hsm-unavailable');
    expect(await open({ token: 'nobody' })).equal('hsm-unavailable');
    expect(await open({}, '0000')).equal('pin-wrong');
    expect(await code(() => Keyring.open(dir, { ...place('drawer'), keys: {} }))).equal('pin-missing');
    const exportable = join(dir, 'exportable.pem');
    execFileSync(
      'openssl',
      ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', exportable],
      {
        stdio: 'ignore',
      },
    );
    const write = ['--module', MODULE, '--token-label', 'drawer', '--login', '--pin', PIN];
    const object = ['--write-object', exportable, '--type', 'privkey', '--label', 'imported', '--extractable'];
    execFileSync('pkcs11-tool', [...write, ...object], { stdio: 'ignore' });
    const token = await Token.open(place('drawer'), PIN);
    try {
      expect(await code(() => token.key('nothing', 'ed25519'))).equal('key-missing');
      expect(await code(() => token.key('first', 'p256'))).equal('key-malformed');
      expect(await code(() => token.key('imported', 'p256'))).equal('key-exposed');
    } finally {
      token.close();
    }
  });

  it('a process opens its token again once it has left it, as a platform does that makes a change', async () => {
    const hsm = { ...place('drawer'), keys: { ed25519: 'first' } };
    const first = await Keyring.open(dir, hsm, ENV);
    expect(await code(() => Keyring.open(dir, hsm, ENV)), 'the control').equal('hsm-unavailable');
    first.close();
    const second = await Keyring.open(dir, hsm, ENV);
    const signer = second.signer('ed25519', 'court-9.example', 0x04);
    expect(verifySignature(signer.key, MESSAGE, await signer.sign(MESSAGE))).equal(true);
    second.close();
  });

  it('says what is missing where npm could not build the package', async () => {
    const refusing =
      'export async function resolve(s,c,n){if(s==="pkcs11js")throw new Error("not built");return n(s,c)}';
    const hooks = `import{register}from"node:module";register(${JSON.stringify(`data:text/javascript,${refusing}`)})`;
    const args = ['--type', 'log', '--name', 'x', '--module', MODULE, '--token', 'drawer', '--label', 'x'];
    process.env['NODE_OPTIONS'] = `--import=data:text/javascript,${encodeURIComponent(hooks)}`;
    const missing = await run(['keygen', ...args]);
    delete process.env['NODE_OPTIONS'];
    expect(missing).include({ code: 1, stdout: '' });
    expect(missing.stderr).match(/need the package pkcs11js, which npm could not build here/);
    // Control: with the package, the same command makes the key.
    expect((await run(['keygen', ...args])).stdout).match(/^x\+/);
  });

  /** A certificate for a public key, under a root made here. @returns paths of both */
  function issueFor(publicKey: string, name: string, purpose: string): { certificate: string; root: string } {
    const path = (file: string): string => join(dir, `${name}-${file}`);
    const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
    const leaf = `keyUsage=critical,digitalSignature,nonRepudiation\nextendedKeyUsage=${purpose}\n`;
    writeFileSync(path('extensions'), `basicConstraints=critical,CA:false\n${leaf}`);
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const ca = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-subj', '/C=CN/O=Test/CN=Root', '-days', '3'];
    openssl('req', '-x509', ...curve, '-keyout', path('root.key'), '-out', path('root.pem'), ...ca);
    const issuer = ['-CA', path('root.pem'), '-CAkey', path('root.key'), '-CAcreateserial', '-days', '2'];
    // openssl gives certificates extensions only by way of a request; whose key signed the request does not matter then.
    openssl(
      'req',
      '-new',
      ...curve,
      '-keyout',
      path('any.key'),
      '-out',
      path('csr'),
      '-subj',
      `/C=CN/O=Test/CN=${name}`,
    );
    const extensions = ['-force_pubkey', publicKey, '-extfile', path('extensions'), '-sha256'];
    openssl('x509', '-req', '-in', path('csr'), ...issuer, ...extensions, '-out', path('chain.pem'));
    return { certificate: path('chain.pem'), root: path('root.pem') };
  }

  it('a court and a platform sign with keys that were made in their tokens, and the certificate verifies; then a rotation', async () => {
    const data = join(dir, 'data');
    const port = await freePorts(3);
    await initConsortium({ data, port, courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now() });
    const origin = 'ledger.demo.example';
    const names = { ed25519: 'court-1.demo.example', log: origin, receipt: `${origin}/receipt` };
    const isConfig = (path: string): boolean => /(config|trust)\.json$/.test(path);
    const configs = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter(isConfig);
    const replace = (old: string, young: string): void => {
      for (const path of configs) {
        const text = readFileSync(join(data, path), 'utf8');
        writeFileSync(join(data, path), text.replaceAll(old, young));
      }
    };
    const configure = (member: string, hsm: object): void => {
      const path = join(data, member, 'config.json');
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), hsm }));
    };
    const vkeyOfFile = (member: string, file: string, name: string, type: 0x01 | 0x04): string => {
      const path = join(data, member, file);
      const vkey = formatVkey(readSigner(path, name, type).key);
      rmSync(path);
      return vkey;
    };
    // New keys in place of those that init wrote: the consortium is founded, nothing is signed yet.
    const court = await generate('court-1', 'ed25519', names.ed25519, 'ed25519');
    replace(vkeyOfFile('court-1', KEY_FILES.ed25519, names.ed25519, 0x04), court);
    const log = await generate('platform', 'log', names.log, 'log');
    replace(vkeyOfFile('platform', KEY_FILES.log, names.log, 0x01), log);
    const receipt = await generate('platform', 'log', names.receipt, 'receipt');
    replace(vkeyOfFile('platform', KEY_FILES.receipt, names.receipt, 0x01), receipt);
    writeFileSync(join(dir, 'tsa.pub'), await generate('court-1', 'p256', 'tsa', 'tsa'));
    const issued = issueFor(join(dir, 'tsa.pub'), 'tsa', 'critical,timeStamping');
    rmSync(join(data, 'court-1', KEY_FILES.tsa));
    cpSync(issued.certificate, join(data, 'court-1', KEY_FILES.tsaChain));
    for (const path of ['trust.json', 'platform/trust.json']) {
      const trust = JSON.parse(readFileSync(join(data, path), 'utf8'));
      const timestampRoots = [readFileSync(issued.root, 'utf8')];
      writeFileSync(join(data, path), JSON.stringify({ ...trust, timestampRoots }));
    }
    configure('court-1', { ...place('court-1'), keys: { ed25519: 'ed25519', tsa: 'tsa' } });
    configure('platform', { ...place('platform'), keys: { log: 'log', receipt: 'receipt' } });

    const first = await certify(data, port, 'first');
    expect(await verdict(first, join(data, 'trust.json'))).equal(0);

    // Rotation of the court's key: a new one in the token, the policy names it, the old one is no longer used.
    const before = join(dir, 'trust-before.json');
    cpSync(join(data, 'trust.json'), before);
    replace(court, await generate('court-1', 'ed25519', names.ed25519, 'ed25519-2027'));
    const stale = await run(['court', join(data, 'court-1')]);
    expect(stale.code).equal(1);
    expect(stale.stderr).match(/not the court-1\.demo\.example that others know/);
    configure('court-1', { ...place('court-1'), keys: { ed25519: 'ed25519-2027', tsa: 'tsa' } });
    const second = await certify(data, port, 'second');
    expect(await verdict(second, join(data, 'trust.json'))).equal(0);
    expect(await verdict(first, before), 'an old certificate, under the policy of its time').equal(0);
    // The control: neither certificate can be verified under the other's policy.
    expect(await verdict(second, before)).equal(2);
    expect(await verdict(first, join(data, 'trust.json'))).equal(2);
  });

  /** Runs the consortium for one deposit. @returns the certificate's path */
  async function certify(data: string, port: number, name: string): Promise<string> {
    const env = { ...process.env, PROBATA_DATA: data, PROBATA_PORT: String(port) };
    const child = spawn(process.execPath, [PROGRAM, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const ended = once(child, 'exit');
    try {
      await until('ready', () => output.includes('ready http') || child.exitCode !== null);
      expect(child.exitCode, output).equal(null);
      const evidence = join(dir, `${name}.txt`);
      writeFileSync(evidence, name);
      const out = join(dir, name);
      const token = readFileSync(join(data, 'token'), 'utf8').trim();
      const url = `http://127.0.0.1:${port}`;
      const deposited = await run(['deposit', evidence, '--url', url, '--token', token, '--out', out]);
      expect(deposited.code, deposited.stderr + output).equal(0);
      expect(output).not.contain(PIN);
      return join(out, 'certificate.pdf');
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  }

  /** What the judge's program says of a certificate: its exit code. */
  async function verdict(certificate: string, trust: string): Promise<number> {
    const evidence = `${dirname(certificate)}.txt`;
    return (await run([certificate, evidence, '--trust', trust], VERIFIER)).code;
  }
});
