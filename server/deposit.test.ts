/** `probata deposit` against a real consortium: what it writes, what it says, and what it does when the connection or a court fails. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCertificatePdf } from '../certs/core/pdf-read.ts';
import { files as filesOf, header, parseRecord } from '../certs/core/record.ts';
import { parseTlogProof } from '../ledger/core/tlog-proof.ts';
import { type DepositOptions, deposit } from './deposit.ts';
import { FileError, hashFile, multipartBody } from './deposit-upload.ts';
import { TestConsortium } from './roles/testing.ts';
import { until } from './testing.ts';

describe('server/deposit', () => {
  let consortium: TestConsortium;
  let dir: string;
  before(async () => {
    consortium = await TestConsortium.start({}, 4, 1);
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });
  after(() => consortium.end());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-deposit-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Runs the command; what it says goes to `said`. */
  function run(changes: Partial<DepositOptions>, isTTY = false): { said: () => string; code: Promise<number> } {
    let said = '';
    const stderr = { isTTY, columns: 80, write: (text: string) => (said += text) } as unknown as NodeJS.WriteStream;
    const { token } = consortium;
    const code = deposit({
      files: [],
      url: consortium.url(),
      token,
      out: join(dir, 'out'),
      env: {},
      stderr,
      ...changes,
    });
    return { said: () => said, code };
  }

  const fileOf = (name: string, content: string): string => {
    const path = join(dir, name);
    writeFileSync(path, content);
    return path;
  };
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('writes the certificate of the files and the proof, and nothing else', async () => {
    const files = [
      fileOf('合同 "final".pdf', 'one'),
      fileOf('back\\slash.txt', 'two'),
      fileOf("50%22 (a)'.txt", 'three'),
    ];
    const { said, code } = run({ files });
    expect(await code, said()).to.equal(0);
    expect(readdirSync(join(dir, 'out')).sort()).to.deep.equal(['certificate.pdf', 'deposit.tlog-proof']);
    const pdf = readCertificatePdf(readFileSync(join(dir, 'out', 'certificate.pdf')));
    const record = parseRecord(pdf.attachments['record.json']);
    expect(filesOf(record).map(({ name, sha256: digest }) => [name, digest])).to.deep.equal([
      ['合同 "final".pdf', sha256('one')],
      ['back\\slash.txt', sha256('two')],
      ["50%22 (a)'.txt", sha256('three')],
    ]);
    expect(header(record).capture.how).to.equal('upload');
    parseTlogProof(readFileSync(join(dir, 'out', 'deposit.tlog-proof'), 'utf8'));
    expect(said()).to.match(/hashed 3 files\n.*received by .* as [0-9a-f-]{36}\n.*\ncertified: /s);
    expect(said()).not.to.include(consortium.token);
  });

  it('takes address and token from the environment, and shows a moving line on a terminal', async () => {
    const env = { PROBATA_PORT: new URL(consortium.url()).port, PROBATA_DATA: consortium.data };
    const { said, code } = run({ files: [fileOf('a.txt', 'a')], url: undefined, token: undefined, env }, true);
    expect(await code, said()).to.equal(0);
    expect(said()).to.include(`\r\u001b[K${'█'.repeat(24)} 100 % hashing 1/1`);
  });

  it('makes one deposit of the same files however often it is run, and another under another key', async () => {
    const files = [fileOf('a.txt', 'once'), fileOf('b.txt', 'only')];
    const idOf = async (changes: Partial<DepositOptions>): Promise<string> => {
      const { said, code } = run({ files, ...changes });
      expect(await code, said()).to.equal(0);
      return /as ([0-9a-f-]{36})\n/.exec(said())?.[1] ?? '';
    };
    const first = await idOf({});
    expect(await idOf({ out: join(dir, 'again') })).to.equal(first);
    const second = await idOf({ out: join(dir, 'second'), key: 'second' });
    expect(second).not.to.equal(first);
    expect(await idOf({ out: join(dir, 'second again'), key: 'second' })).to.equal(second);
    expect(await idOf({ out: join(dir, 'turned round'), files: files.toReversed() })).not.to.equal(first);
  });

  it('says for whom it waits, and is done when they are back', async () => {
    await consortium.stop('court-1');
    await consortium.stop('court-2');
    const { said, code } = run({ files: [fileOf('a.txt', 'patience')] });
    await until(() => said().includes('integrated: courts: 2 of the 3 needed have cosigned'));
    expect(existsSync(join(dir, 'out'))).to.equal(false);
    await consortium.startMember('court-1');
    await consortium.startMember('court-2');
    expect(await code, said()).to.equal(0);
  });

  it('fails when a file changes between hashing and sending', async () => {
    const path = fileOf('changing', 'x'.repeat(1000));
    const hashed = await hashFile(path, () => writeFileSync(path, 'y'));
    const { chunks } = multipartBody([hashed], () => {});
    const sent = async (): Promise<void> => {
      for await (const _chunk of chunks);
    };
    const error = await sent().catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(FileError).with.property('message').that.includes('changed while it was sent');
  });

  const failures: [what: string, changes: () => Partial<DepositOptions>, said: RegExp][] = [
    ['a file that is not there', () => ({ files: [join(dir, 'nothing')] }), /nothing cannot be read \(ENOENT\)/],
    ['a key that cannot be one', () => ({ files: [fileOf('a', 'a')], key: '第二次' }), /a --key is 1 to 255 visible/],
    ['a folder', () => ({ files: [dir] }), /is not a file/],
    ['an empty file', () => ({ files: [fileOf('empty', '')] }), /empty is empty/],
    ['a wrong token', () => ({ files: [fileOf('a', 'a')], token: 'wrong' }), /\[token-unknown\]/],
    [
      'no token',
      () => ({ files: [fileOf('a', 'a')], token: undefined, env: { PROBATA_DATA: dir } }),
      /no token: set PROBATA_TOKEN/,
    ],
    [
      'a certificate in the way',
      () => ({ files: [fileOf('certificate.pdf', 'a')], out: dir }),
      /certificate.pdf exists/,
    ],
    [
      'something that is no platform',
      () => ({ files: [fileOf('a', 'a')], url: consortium.url('court-1') }),
      /\[not-found\]/,
    ],
  ];
  for (const [what, changes, expected] of failures) {
    it(`fails with a sentence and leaves nothing: ${what}`, async () => {
      const { said, code } = run(changes());
      expect(await code).to.equal(1);
      expect(said()).to.match(expected);
      expect(existsSync(join(dir, 'out'))).to.equal(false);
    });
  }

  describe('over a connection that breaks', () => {
    let proxy: Server;
    let connections = 0;
    before((done) => {
      // Cuts the first connection once most of the upload has passed, when the platform may or may not have taken it.
      proxy = createServer((client) => {
        const server = connect(Number(new URL(consortium.url()).port), '127.0.0.1');
        const cut = connections++ === 0;
        let bytes = 0;
        client.on('data', (chunk) => {
          bytes += chunk.length;
          server.write(chunk);
          if (cut && bytes > 500_000) client.destroy();
        });
        server.pipe(client);
        const end = (): void => {
          client.destroy();
          server.destroy();
        };
        for (const socket of [client, server]) socket.on('error', end).on('close', end);
      }).listen(0, '127.0.0.1', done);
    });
    after(() => proxy.close());

    it('sends again and makes one deposit', async () => {
      const content = 'x'.repeat(1_000_000);
      const { port } = proxy.address() as AddressInfo;
      const { said, code } = run({ files: [fileOf('large.bin', content)], url: `http://127.0.0.1:${port}` });
      expect(await code, said()).to.equal(0);
      expect(said()).to.include('trying again');
      const lookup = await consortium.fetch(`/api/v1/lookup?sha256=${sha256(content)}`);
      expect(((await lookup.json()) as { deposits: object[] }).deposits).to.have.length(1);
    });
  });
});
