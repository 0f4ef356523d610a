/** OpenSSL as an independent oracle: our certificates, our signatures, our timestamps, and its timestamps. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { attribute, formatSignedData, parseSignedData } from '../core/cms.ts';
import { OID } from '../core/oids.ts';
import { checkTimestamp } from '../core/timestamp.ts';
import { certificateFromPem } from '../core/x509.ts';
import { issueDocumentSigner } from './ca.ts';
import { signDocument } from './sign.ts';
import { makePki, makeTsa, signerOf, subject, type TestPki, VALIDITY } from './testing.ts';
import { openTimestampResponse } from './tsa-client.ts';

const CONTENT = utf8Encode('what is signed');

describe('OpenSSL', () => {
  let pki: TestPki;
  let dir: string;
  before(async () => {
    try {
      console.log(`      ${execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim()}`);
    } catch {
      throw new Error('openssl is ABSENT: these tests cannot run without it');
    }
    dir = mkdtempSync(join(tmpdir(), 'probata-openssl-'));
    pki = await makePki();
    file('root.pem', pki.root.certificate);
    file('intermediate.pem', pki.intermediate.certificate);
    file('signer.pem', pki.signer.certificate);
    file('tsa.pem', pki.tsa.certificate);
    file('content', CONTENT);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const file = (name: string, bytes: string | Uint8Array): void => writeFileSync(join(dir, name), bytes);
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(dir, name)));
  /** Output of both streams; throws when OpenSSL says no. */
  const openssl = (...args: string[]): string =>
    execFileSync('sh', ['-c', 'exec openssl "$@" 2>&1', 'sh', ...args], { cwd: dir, encoding: 'utf8' });
  const refuses = (...args: string[]): void => {
    expect(() => openssl(...args)).to.throw();
  };
  const chain = ['-CAfile', 'root.pem', '-untrusted', 'intermediate.pem'];

  it('verifies our certificates with -x509_strict', () => {
    expect(openssl('verify', '-x509_strict', ...chain, '-purpose', 'smimesign', 'signer.pem')).to.include(
      'signer.pem: OK',
    );
    expect(openssl('verify', '-x509_strict', ...chain, '-purpose', 'timestampsign', 'tsa.pem')).to.include(
      'tsa.pem: OK',
    );
    refuses('verify', '-x509_strict', ...chain, '-purpose', 'timestampsign', 'signer.pem');
  });

  it('verifies our signature as CAdES, and not over other content', async () => {
    file('signature.der', await signDocument([CONTENT], signerOf(pki)));
    file('other', utf8Encode('what is not signed'));
    const verify = [
      'cms',
      '-verify',
      '-cades',
      '-binary',
      '-inform',
      'DER',
      '-in',
      'signature.der',
      '-CAfile',
      'root.pem',
      '-out',
      'out',
    ];
    expect(openssl(...verify, '-content', 'content')).to.match(/CAdES Verification successful/i);
    refuses(...verify, '-content', 'other');
  });

  it('verifies the timestamp in our signature', async () => {
    const data = parseSignedData(await signDocument([CONTENT], signerOf(pki)));
    file('token.der', attribute(data.unsignedAttributes, OID.timeStampToken).bytes);
    file('value', data.signature);
    expect(openssl('ts', '-verify', '-data', 'value', '-in', 'token.der', '-token_in', ...chain)).to.include(
      'Verification: OK',
    );
    refuses('ts', '-verify', '-data', 'content', '-in', 'token.der', '-token_in', ...chain);
  });

  it('asks our authority, reads and verifies the answers', async () => {
    const tsa = makeTsa(pki);
    for (const digest of ['-sha256', '-sha384', '-sha512']) {
      openssl('ts', '-query', '-data', 'content', digest, '-cert', '-out', 'query.tsq');
      file('reply.tsr', await tsa.respond(bytesOf('query.tsq')));
      expect(openssl('ts', '-verify', '-queryfile', 'query.tsq', '-in', 'reply.tsr', ...chain)).to.include(
        'Verification: OK',
      );
      const text = openssl('ts', '-reply', '-in', 'reply.tsr', '-text');
      expect(text).to.include('Status: Granted.').and.to.include(`Policy OID: ${OID.courtTimestampPolicy}`);
      expect(text)
        .to.match(/Time stamp: Nov 22 03:04:05\.678 2026 GMT/)
        .and.to.match(/Accuracy: 0x01 seconds/);
    }
  });

  it('reads our refusals', async () => {
    const tsa = makeTsa(pki);
    openssl('ts', '-query', '-data', 'content', '-sha1', '-out', 'sha1.tsq');
    file('reply.tsr', await tsa.respond(bytesOf('sha1.tsq')));
    expect(openssl('ts', '-reply', '-in', 'reply.tsr', '-text'))
      .to.match(/Status: Rejected/)
      .and.to.match(/unrecognized or unsupported algorithm/);
    openssl('ts', '-query', '-data', 'content', '-sha256', '-tspolicy', '1.2.3.4', '-out', 'policy.tsq');
    file('reply.tsr', await tsa.respond(bytesOf('policy.tsq')));
    expect(openssl('ts', '-reply', '-in', 'reply.tsr', '-text'))
      .to.match(/policy/i)
      .and.to.match(/Rejected/);
  });

  for (const kind of ['rsa', 'ec'] as const) {
    it(`as an outside ${kind} authority: we take its tokens`, () => {
      const key = kind === 'rsa' ? ['rsa:3072'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'];
      openssl(
        'req',
        '-x509',
        '-newkey',
        ...key,
        '-nodes',
        '-keyout',
        'ca.key',
        '-out',
        'ca.pem',
        '-days',
        '9',
        '-subj',
        '/CN=Outside CA',
        '-addext',
        'keyUsage=critical,keyCertSign',
      );
      openssl('req', '-newkey', ...key, '-nodes', '-keyout', 'out.key', '-out', 'out.csr', '-subj', '/CN=Outside TSA');
      file('ext', 'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n');
      openssl(
        'x509',
        '-req',
        '-in',
        'out.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-out',
        'out.pem',
        '-days',
        '9',
        '-extfile',
        'ext',
      );
      file('tsa.conf', TSA_CONFIG);
      file('serial', '01\n');
      openssl('ts', '-query', '-data', 'content', '-sha256', '-cert', '-out', 'query.tsq');
      openssl('ts', '-reply', '-config', 'tsa.conf', '-queryfile', 'query.tsq', '-token_out', '-out', 'token.der');
      const roots = [certificateFromPem(readFileSync(join(dir, 'ca.pem'), 'utf8'))];
      const stamp = checkTimestamp(bytesOf('token.der'), CONTENT, roots);
      expect(stamp.policy).to.equal('1.2.3.4.1');
      expect(stamp.accuracyMs).to.equal(1_501);
      expect(Math.abs(stamp.timeMs - Date.now()) < 60_000).to.equal(true);
    });
  }

  it('accepts the whole signature with the token of an outside authority inside', async () => {
    const signed = parseSignedData(await signDocument([CONTENT], signerOf(pki)));
    file('value', signed.signature);
    openssl('ts', '-query', '-data', 'value', '-sha256', '-cert', '-out', 'query.tsq');
    openssl('ts', '-reply', '-config', 'tsa.conf', '-queryfile', 'query.tsq', '-out', 'reply.tsr');
    openssl('ts', '-reply', '-in', 'reply.tsr', '-token_out', '-out', 'token.der');
    const value = bytesOf('token.der');
    file('signature.der', formatSignedData({ ...signed, unsignedAttributes: [{ type: OID.timeStampToken, value }] }));
    const args = [
      'cms',
      '-verify',
      '-cades',
      '-binary',
      '-inform',
      'DER',
      '-in',
      'signature.der',
      '-content',
      'content',
      '-CAfile',
      'root.pem',
      '-out',
      'out',
    ];
    expect(openssl(...args)).to.match(/successful/i);
  });

  it('and we agree that the signer’s certificate is one of documentSigning', async () => {
    const { certificate } = await issueDocumentSigner(pki.intermediate, subject('再签'), VALIDITY);
    file('again.pem', certificate);
    const text = openssl('x509', '-in', 'again.pem', '-noout', '-text', '-nameopt', 'utf8');
    expect(text)
      .to.match(/Digital Signature, Non Repudiation/)
      .and.to.match(/1\.3\.6\.1\.5\.5\.7\.3\.36/)
      .and.to.include('再签');
  });

  it('opens our answer as our client does', async () => {
    openssl('ts', '-query', '-digest', '00'.repeat(32), '-sha256', '-cert', '-no_nonce', '-out', 'bare.tsq');
    const answer = await makeTsa(pki).respond(bytesOf('bare.tsq'));
    // Our client always sends a nonce, so it takes no answer without one.
    expect(() => openTimestampResponse(answer, new Uint8Array(32), 5n)).to.throw(/another question/);
  });
});

const TSA_CONFIG = `[tsa]
default_tsa = outside
[outside]
serial = serial
crypto_device = builtin
signer_cert = out.pem
signer_key = out.key
certs = ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`;
