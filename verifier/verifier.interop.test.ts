// The verifier beside other people's programs: qpdf rewrites a certificate without changing what it shows, strace watches the
// program for any use of the network. Needs the Debian packages qpdf and strace, which .ci/run installs.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { PROGRAM } from './cli/testing.ts';
import { verify } from './core/verify.ts';
import { createConsortium, inputFor, type TestCertificate, type TestConsortium } from './testing.ts';

const run = promisify(execFile);

describe('verifier beside other programs', () => {
  let folder: string;
  let consortium: TestConsortium;
  let certificate: TestCertificate;
  const at = (name: string): string => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'probata-verify-interop-'));
    consortium = await createConsortium();
    certificate = await consortium.certify();
    await writeFile(at('certificate.pdf'), certificate.pdf);
    await writeFile(at('trust.json'), consortium.trustBytes);
    for (const { name, bytes } of certificate.files) await writeFile(at(name), bytes);
  });
  after(() => rm(folder, { recursive: true }));

  const rewritten: [what: string, outcome: string, code: string, args: string[]][] = [
    ['copied object by object', 'inconsistent', 'pdf-not-ours', []],
    ['linearised', 'inconsistent', 'pdf-not-ours', ['--linearize']],
    ['uncompressed', 'inconsistent', 'pdf-not-ours', ['--qdf', '--object-streams=disable']],
    ['encrypted', 'unverifiable', 'pdf-encrypted', ['--encrypt', '', 'owner', '256', '--']],
  ];
  for (const [what, outcome, code, args] of rewritten) {
    it(`refuses a certificate that qpdf has ${what}`, async () => {
      await run('qpdf', ['--warning-exit-0', ...args, at('certificate.pdf'), at('rewritten.pdf')]);
      const report = await verify({
        ...inputFor(consortium, certificate),
        certificate: await readFile(at('rewritten.pdf')),
      });
      expect([report.outcome, report.reason?.code]).to.deep.equal([outcome, code]);
    });
  }

  it('opens no socket while it verifies', async () => {
    const files = certificate.files.map(({ name }) => at(name));
    const program = [
      process.execPath,
      fileURLToPath(PROGRAM),
      at('certificate.pdf'),
      ...files,
      '--trust',
      at('trust.json'),
    ];
    await run('strace', ['-f', '-qq', '-e', 'trace=socket,connect,sendto,bind', '-o', at('calls'), ...program]);
    expect(await readFile(at('calls'), 'utf8')).not.to.match(/AF_INET|AF_NETLINK|\bconnect\(|\bsendto\(/);
  });

  it('would see a socket', async () => {
    const dial = "require('node:net').connect(9, '127.0.0.1').on('error', () => {})";
    await run('strace', ['-f', '-qq', '-e', 'trace=socket,connect', '-o', at('calls'), process.execPath, '-e', dial]);
    expect(await readFile(at('calls'), 'utf8')).to.match(/AF_INET/);
  });
});
