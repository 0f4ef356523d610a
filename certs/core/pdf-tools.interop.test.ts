/** qpdf and poppler on a real certificate: what independent readers find is what ours finds. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createConsortium, type TestCertificate } from '../../verifier/testing.ts';
import { codeOf } from '../issue/testing.ts';
import { readCertificatePdf } from './pdf-read.ts';

describe('other PDF tools', () => {
  let dir: string;
  let root: string;
  let certificate: TestCertificate;
  before(async () => {
    for (const tool of ['qpdf', 'pdfsig', 'pdfdetach', 'pdftotext']) {
      if (codeOf(() => execFileSync('sh', ['-c', `command -v ${tool}`])) !== undefined)
        throw new Error(`${tool} is ABSENT`);
    }
    dir = mkdtempSync(join(tmpdir(), 'probata-pdf-'));
    const consortium = await createConsortium();
    root = consortium.trust.pdfRoots[0] as string;
    certificate = await consortium.certify();
    writeFileSync(join(dir, 'certificate.pdf'), certificate.pdf);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const run = (...command: [string, ...string[]]): string =>
    execFileSync(command[0], command.slice(1), { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  it('qpdf finds no error', () => {
    expect(run('qpdf', '--check', 'certificate.pdf')).to.include('No syntax or stream encoding errors found');
  });

  it('pdfsig finds one valid signature over the whole document', () => {
    const text = run('pdfsig', '-nocert', 'certificate.pdf');
    expect(text.match(/Signature #/g)).to.have.length(1);
    expect(text)
      .to.include('ETSI.CAdES.detached')
      .and.to.include('Total document signed')
      .and.to.include('Signature is Valid.');
    const [, start, end] = readCertificatePdf(certificate.pdf).signatureByteRange;
    expect(text).to.include(`Signed Ranges: [0 - ${start}], [${end} - ${certificate.pdf.length}]`);
  });

  it('pdfsig trusts the signer when our root is in its store', () => {
    if (!has('certutil')) {
      console.log('      !!! certutil (Debian: libnss3-tools) is ABSENT: trust in NSS was NOT checked !!!');
      return;
    }
    writeFileSync(join(dir, 'root.pem'), root);
    run('certutil', '-N', '-d', 'sql:.', '--empty-password');
    const untrusted = run('pdfsig', '-nssdir', '.', 'certificate.pdf');
    expect(untrusted).to.match(
      /Certificate (issuer )?(isn't Trusted|issuer is unknown|has Expired|is unknown)|Unknown issue/i,
    );
    run('certutil', '-A', '-d', 'sql:.', '-n', 'root', '-t', 'CT,C,C', '-i', 'root.pem');
    expect(run('pdfsig', '-nssdir', '.', 'certificate.pdf')).to.include('Certificate is Trusted.');
  });

  it('pdfdetach saves the attachments that we read', () => {
    run('pdfdetach', '-saveall', 'certificate.pdf');
    const { attachments } = readCertificatePdf(certificate.pdf);
    for (const [name, bytes] of Object.entries(attachments)) {
      expect(new Uint8Array(readFileSync(join(dir, name)))).to.deep.equal(bytes);
    }
  });

  it('what qpdf has rewritten or encrypted is not ours any more', () => {
    run('qpdf', 'certificate.pdf', 'rewritten.pdf');
    run('qpdf', '--linearize', 'certificate.pdf', 'linear.pdf');
    run('qpdf', '--object-streams=generate', 'certificate.pdf', 'packed.pdf');
    run('qpdf', '--encrypt', '', 'owner', '256', '--', 'certificate.pdf', 'encrypted.pdf');
    const read = (name: string): string | undefined =>
      codeOf(() => readCertificatePdf(new Uint8Array(readFileSync(join(dir, name)))));
    for (const name of ['rewritten.pdf', 'linear.pdf', 'packed.pdf']) expect(read(name), name).to.equal('pdf-not-ours');
    expect(read('encrypted.pdf')).to.equal('pdf-encrypted');
  });
});

function has(tool: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
}
