// The program as a user meets it: command line, exit codes, text, limits, and what it loads. Verdicts: conformance.test.ts.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { createConsortium, type TestCertificate } from '../testing.ts';
import { type Ended, PRINT_MEMORY, PROGRAM, runProgram } from './testing.ts';
import { ownFiles, toolDigest } from './tool-digest.ts';

describe('verifier/cli program', function () {
  this.timeout(60_000);
  let folder: string;
  let certificate: TestCertificate;
  const at = (name: string): string => join(folder, name);
  const run = (...args: string[]): Promise<Ended> => runProgram(args);

  /** A run that needs no page drawn: a trust bundle is no certificate. */
  const noCertificate = (): string[] => [at('trust.json'), '--trust', at('trust.json')];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'probata-verify-'));
    const consortium = await createConsortium();
    certificate = await consortium.certify();
    await writeFile(at('certificate.pdf'), certificate.pdf);
    await writeFile(at('trust.json'), consortium.trustBytes);
    await writeFile(at('evil.json'), '{}');
    for (const { name, bytes } of certificate.files) await writeFile(at(name), bytes);
    await mkdir(at('folder'));
  });
  after(() => rm(folder, { recursive: true }));

  it('prints Chinese, then English, with the verdict on the first line of each', async () => {
    const file = at(certificate.files[0]!.name);
    const { code, stdout, stderr } = await run(at('certificate.pdf'), file, '--trust', at('trust.json'));
    expect([code, stderr]).to.deep.equal([0, '']);
    const lines = stdout.split('\n');
    expect(lines[0]).to.match(/^技术核验：一致。所提交的 1 个文件与存证记录相符，不晚于 北京时间 2026-05-03 17:42:11/);
    expect(lines[1]).to.equal('提示：本次存证共 2 个文件，只比对了其中 1 个。');
    const english = lines.findIndex((line) => line.startsWith('Verification: consistent.'));
    expect(lines[english + 1]).to.equal('Warnings: Only 1 of the 2 files of this deposit were compared.');
    for (const text of [
      '第十六条',
      '第十七条',
      '第十八条',
      '平台、2 家法院共同作假',
      '使用网络：无',
      '上链',
      '不证明',
    ]) {
      expect(stdout).to.include(text);
    }
    expect(stdout).not.to.match(/真实|原创/);
    expect(stdout.match(/\[通过\]/g)).to.have.length(16);
  });

  it('prints one language when asked', async () => {
    const [zh, en] = [await run(...noCertificate(), '--lang', 'zh'), await run(...noCertificate(), '--lang', 'en')];
    expect([zh.code, en.code]).to.deep.equal([2, 2]);
    expect(zh.stdout).to.match(/^技术核验：无法核验。所给文件不是存证证书。\n提示：无\n/);
    expect(zh.stdout).not.to.include('Verification');
    expect(en.stdout).to.match(/^Verification: cannot be verified\. The file is not a certificate\.\nWarnings: none\n/);
    expect(en.stdout).not.to.include('核验');
  });

  const usage: [what: string, args: (at: (name: string) => string) => string[], says: RegExp][] = [
    ['nothing', () => [], /no certificate/],
    ['no trust bundle', (at) => [at('certificate.pdf')], /no trust bundle/],
    ['an unknown option', (at) => [at('certificate.pdf'), '--trust', at('trust.json'), '--yes'], /--yes/],
    [
      'an unknown language',
      (at) => [at('certificate.pdf'), '--trust', at('trust.json'), '--lang', 'constructor'],
      /--lang constr/,
    ],
    ['a missing certificate', (at) => [at('missing.pdf'), '--trust', at('trust.json')], /missing\.pdf: .*no such file/],
    ['a missing file', (at) => [at('certificate.pdf'), at('missing'), '--trust', at('trust.json')], /no such file/],
    ['a missing trust bundle', (at) => [at('certificate.pdf'), '--trust', at('missing.json')], /missing\.json/],
    ['a folder for a certificate', (at) => [at('folder'), '--trust', at('trust.json')], /folder: .*is a folder/],
    ['a folder for a file', (at) => [at('certificate.pdf'), at('folder'), '--trust', at('trust.json')], /is a folder/],
    ['a device', (at) => ['/dev/null', '--trust', at('trust.json')], /not an ordinary file|no such file/],
    [
      'files although only the certificate is asked for',
      (at) => [at('certificate.pdf'), at('trust.json'), '--certificate-only', '--trust', at('trust.json')],
      /--certificate-only/,
    ],
  ];
  for (const [what, args, says] of usage) {
    it(`exits with 64 and says why: ${what}`, async () => {
      const { code, stdout, stderr } = await run(...args(at));
      expect([code, stdout]).to.deep.equal([64, '']);
      expect(stderr.split('\n')[0]).to.match(says);
      expect(stderr).to.include('usage: probata-verify');
    });
  }

  const twice: [option: string, args: (at: (name: string) => string) => string[]][] = [
    ['trust', (at) => ['--trust', at('evil.json')]],
    ['lang', () => ['--lang', 'zh', '--lang=en']],
    ['json', () => ['--json', '--json']],
  ];
  for (const [option, args] of twice) {
    it(`takes no option twice: --${option}`, async () => {
      const { code, stdout, stderr } = await run(...args(at), ...noCertificate());
      expect([code, stdout]).to.deep.equal([64, '']);
      expect(stderr.split('\n')[0]).to.match(new RegExp(`--${option}: .*given twice`));
    });
  }

  it('takes --help beside anything else for a mistake: 0 is a verdict', async () => {
    for (const help of ['--help', '-h']) {
      const { code, stdout, stderr } = await run(...noCertificate(), help);
      expect([code, stdout]).to.deep.equal([64, '']);
      expect(stderr).to.match(/^--help: .*stands alone/);
    }
  });

  it('obeys no name of a file that `*` put on the command line, wherever it stands', async () => {
    const [bare, trusting] = [[at('certificate.pdf')], ['--trust', at('trust.json'), at('certificate.pdf')]];
    const asked: [name: string, args: string[]][] = [
      ['--trust=.t.json', bare],
      ['--certificate-only', trusting],
      ['--json', trusting],
      ['-h', []],
      ['--', trusting],
    ];
    for (const [name, args] of asked) {
      const strangers = await mkdtemp(join(folder, 'strangers-'));
      // A link to nowhere is a name as well.
      await symlink('nowhere', join(strangers, name));
      await copyFile(at('trust.json'), join(strangers, '.t.json'));
      const { code, stdout, stderr } = await runProgram([...args, name], [], strangers);
      expect([code, stdout], name).to.deep.equal([64, '']);
      expect(stderr.split('\n')[0]).to.include(`./${name} (or ./*)`);
      // With its folder in front it is a file.
      const named = await runProgram([...trusting, `./${name}`], [], strangers);
      expect(named.stderr.split('\n')[0]).to.match(/no such file$/);
    }
  });

  it('explains itself on --help', async () => {
    const { code, stdout } = await run('--help');
    expect(code).to.equal(0);
    expect(stdout).to.include('usage: probata-verify');
  });

  it('says of a certificate of 2 GB that it is too large, without reading it', async () => {
    const file = await open(at('huge.pdf'), 'w');
    await file.truncate(2 * 1024 ** 3);
    await file.close();
    const { code, stdout, stderr } = await runProgram(
      [at('huge.pdf'), '--trust', at('trust.json'), '--json'],
      PRINT_MEMORY,
    );
    expect(code).to.equal(2);
    expect(JSON.parse(stdout).reason).to.deep.equal({ check: 'pdf-structure', code: 'pdf-too-large' });
    expect(Number(stderr), 'MiB').to.be.within(1, 512);
  });

  it('shows a hostile file name harmlessly', async () => {
    const name = 'x\u001b[2J\u202e.txt';
    await writeFile(at(name), 'no');
    const { code, stdout } = await run(at('certificate.pdf'), at(name), '--trust', at('trust.json'));
    expect(code).to.equal(1);
    expect(stdout).to.include('x{U+001B}[2J{U+202E}.txt');
    expect(stdout.replaceAll('\n', '')).not.to.match(/[\p{Cc}\p{Bidi_Control}]/u);
  });

  it('loads nothing of the server and nothing that talks to a network', async () => {
    const files = ownFiles(PROGRAM.href).map((url) => readFileSync(fileURLToPath(url), 'utf8'));
    const packages = files.flatMap((text) =>
      [...text.matchAll(/^(?:import|export)\b[^"'\n]*["']([^."'][^"'\n]*)["']|\bimport\("([^."][^"\n]*)"\)/gm)].map(
        ([, name, late]) => name ?? late,
      ),
    );
    const allowed =
      /^(node:(crypto|fs|fs\/promises|module|path|url|util)|@noble\/.*|pdfkit|fontkit|fflate|uqr|bidi-js)$/;
    expect([...new Set(packages)].filter((name) => !allowed.test(name ?? ''))).to.deep.equal([]);
    expect(packages).to.include('pdfkit');
  });

  it('states a digest of itself that sha256sum over its files gives too', async () => {
    const { stdout } = await run(...noCertificate(), '--json');
    const lines = ownFiles(PROGRAM.href)
      .map((url) => fileURLToPath(url))
      .sort()
      .map((path) => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${basename(path)}\n`);
    const expected = createHash('sha256').update(lines.join('')).digest('hex');
    expect(JSON.parse(stdout).toolDigest).to.equal(expected);
    expect(toolDigest(PROGRAM.href)).to.equal(expected);
  });

  it('keeps its exit code when the reader of its output leaves early', async () => {
    const child = spawn(process.execPath, [fileURLToPath(PROGRAM), ...noCertificate()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.destroy();
    expect(await new Promise((resolve) => child.on('close', resolve))).to.equal(2);
  });
});
