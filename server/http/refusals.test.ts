/** Bad input over real sockets: every refusal has its code, its status and its words, and leaves nothing behind. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { DEFAULT_LIMITS } from '../intake/limits.ts';
import { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';

const LIMITS = { ...DEFAULT_LIMITS, fileBytesMax: 5000, depositBytesMax: 8000 };
const JSON_TYPE = { 'content-type': 'application/json' };
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=B' };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const part = (disposition: string, body: string): string =>
  `--B\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
const file = (name: string, body: string): string => part(`name="file"; filename="${name}"`, body);
const declaration = (value: unknown): string =>
  part('name="declaration"', typeof value === 'string' ? value : JSON.stringify(value));
const END = '--B--\r\n';
const digestDeposit = (changes: object = {}): string =>
  JSON.stringify({ files: [{ name: 'a.txt', size: 1, sha256: sha256('a'), ...changes }] });

describe('server/http refusals', () => {
  let consortium: TestConsortium;
  let freeBytes = 1e12;
  let clockMs = 0;
  before(async () => {
    const volume = async (): Promise<{ freeBytes: number; totalBytes: number }> => ({ freeBytes, totalBytes: 1e12 });
    consortium = await TestConsortium.start({ limits: LIMITS, volume, clock: () => Date.now() + clockMs }, 1, 1);
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });
  after(() => consortium.end());

  interface Problem {
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    readonly [fact: string]: unknown;
  }

  async function refusal(
    body: string | Uint8Array,
    headers: Record<string, string>,
    path = '/api/v1/deposits',
  ): Promise<Problem> {
    const response = await consortium.fetch(path, { method: 'POST', body, headers });
    const text = await response.text();
    expect(response.headers.get('content-type'), text).to.equal('application/problem+json');
    expect(response.headers.get('cache-control')).to.equal('no-store');
    const problem = JSON.parse(text) as Problem;
    expect(problem.status).to.equal(response.status);
    expect(problem.detail, 'says it in Chinese and in English').to.match(/\p{Script=Han}.*[a-z]/u);
    if (problem.status === 503 || problem.status === 507) expect(response.headers.get('retry-after')).to.match(/^\d+$/);
    return problem;
  }

  const blobs = (): string[] =>
    readdirSync(join(consortium.dir('platform'), 'store', 'blobs'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);

  const unfinishedFolder = (): string => join(consortium.dir('platform'), 'store', 'blobs', 'unfinished');
  const unfinished = (): string[] => readdirSync(unfinishedFolder());
  /** Changes with every blob that is begun, whatever becomes of it. */
  const begun = (): bigint => statSync(unfinishedFolder(), { bigint: true }).mtimeNs;

  /** Every certificate owed is made: no blob appears by itself any more. */
  const settled = (): Promise<void> =>
    until(async () => (await (await consortium.fetch('/metrics')).text()).includes('probata_certificates_owed 0'));

  const deposited = async (text: string): Promise<boolean> =>
    ((await (await consortium.fetch(`/api/v1/lookup?sha256=${sha256(text)}`)).json()) as { deposited: boolean })
      .deposited;

  const cases: [
    what: string,
    body: string | Uint8Array,
    headers: Record<string, string>,
    code: string,
    status: number,
  ][] = [
    ['no content type', '', {}, 'content-type-unsupported', 415],
    ['another content type', 'x', { 'content-type': 'text/plain' }, 'content-type-unsupported', 415],
    ['a content type that every object has', 'x', { 'content-type': 'constructor' }, 'content-type-unsupported', 415],
    ['a compressed body', 'x', { ...JSON_TYPE, 'content-encoding': 'gzip' }, 'content-encoding-unsupported', 415],
    ['malformed JSON', '{', JSON_TYPE, 'json-malformed', 400],
    ['a repeated JSON key', '{"files":[],"files":[]}', JSON_TYPE, 'json-malformed', 400],
    ['invalid UTF-8', Uint8Array.of(0x22, 0xff, 0x22), JSON_TYPE, 'utf8-invalid', 400],
    ['an unknown field', '{"files":[],"extra":1}', JSON_TYPE, 'unknown-field', 422],
    ['a wrong type', '{"files":{}}', JSON_TYPE, 'declaration-invalid', 422],
    ['a JSON body above the limit', `{"files":[]${' '.repeat(LIMITS.jsonBytesMax)}}`, JSON_TYPE, 'body-too-large', 413],
    ['no file', '{"files":[]}', JSON_TYPE, 'file-missing', 422],
    [
      '10,001 files',
      JSON.stringify({ files: Array(10_001).fill({ name: 'a', size: 1, sha256: sha256('a') }) }),
      JSON_TYPE,
      'files-too-many',
      422,
    ],
    ['an empty file by digest', digestDeposit({ size: 0 }), JSON_TYPE, 'file-empty', 422],
    ['a name of 5 KB', digestDeposit({ name: 'x'.repeat(5000) }), JSON_TYPE, 'name-too-long', 422],
    [
      'a bad idempotency key',
      digestDeposit(),
      { ...JSON_TYPE, 'idempotency-key': 'a b' },
      'idempotency-key-invalid',
      400,
    ],
    [
      'an endless idempotency key',
      digestDeposit(),
      { ...JSON_TYPE, 'idempotency-key': 'k'.repeat(256) },
      'idempotency-key-invalid',
      400,
    ],
    ['multipart without a boundary', 'x', { 'content-type': 'multipart/form-data' }, 'multipart-malformed', 400],
    ['multipart without a file', declaration({}) + END, MULTIPART, 'file-missing', 422],
    ['truncated multipart', file('a', 'kept?') + file('b', 'half').slice(0, -2), MULTIPART, 'multipart-malformed', 400],
    ['an empty file', file('a', 'kept?') + file('b', '') + END, MULTIPART, 'file-empty', 422],
    ['an unknown part', file('a', 'kept?') + part('name="x"', 'y') + END, MULTIPART, 'unknown-field', 422],
    [
      'an unknown field in the declaration',
      file('a', 'kept?') + declaration({ sauce: 1 }) + END,
      MULTIPART,
      'unknown-field',
      422,
    ],
    [
      'a repeated key in the declaration',
      declaration('{"source":"a","source":"b"}') + file('a', 'kept?') + END,
      MULTIPART,
      'json-malformed',
      400,
    ],
    [
      'a wrong digest',
      declaration({ files: [{ sha256: sha256('other') }] }) + file('a', 'kept?') + END,
      MULTIPART,
      'digest-mismatch',
      422,
    ],
    ['a digest too few', declaration({ files: [] }) + file('a', 'kept?') + END, MULTIPART, 'digest-mismatch', 422],
    [
      'a file above the limit',
      file('a', 'kept?') + file('b', 'x'.repeat(5001)) + END,
      MULTIPART,
      'file-too-large',
      413,
    ],
    [
      'files above the limit together',
      file('a', 'x'.repeat(4500)) + file('b', 'y'.repeat(4500)) + END,
      MULTIPART,
      'body-too-large',
      413,
    ],
    ['a file without a name', file('', 'kept?') + END, MULTIPART, 'name-missing', 422],
    ['a name in Latin-1', Buffer.from(file('Verträge', 'kept?') + END, 'latin1'), MULTIPART, 'name-invalid', 422],
    ['a name with a line break as browsers write it', file('a%0Ab', 'kept?') + END, MULTIPART, 'name-invalid', 422],
    [
      'a file whose type is none',
      part('name="file"; filename="a"\r\nContent-Type: pdf', 'kept?') + END,
      MULTIPART,
      'media-type-invalid',
      422,
    ],
    ['a name with a line break', file('a\u0085b', 'kept?') + END, MULTIPART, 'name-invalid', 422],
  ];
  for (const [what, body, headers, code, status] of cases) {
    it(`refuses ${what}: ${status} ${code}, and keeps nothing`, async () => {
      const before = blobs();
      expect(await refusal(body, headers)).to.include({ code, status });
      expect(blobs()).to.deep.equal(before);
      expect(await deposited('kept?')).to.equal(false);
    });
  }

  it('says which file and which limit', async () => {
    const problem = await refusal(file('a', 'x') + file('b', 'x'.repeat(5001)) + END, MULTIPART);
    expect(problem).to.include({ file: 2, limit: 5000 });
  });

  it('takes names of exactly 255 bytes, in any script, and gives them back unchanged', async () => {
    const names = [
      '字'.repeat(85),
      'x'.repeat(255),
      '../../etc/passwd',
      'a\\b.txt',
      'CON',
      "it's (1) 100%.txt",
      '‮fdp.exe',
      '.',
      '🧾',
    ];
    const body = names.map((name) => file(name.replaceAll('\\', '\\\\'), name)).join('') + END;
    const response = await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers: MULTIPART });
    expect(response.status).to.equal(202);
    const view = (await response.json()) as { files: { name: string }[]; links: Record<string, string> };
    expect(view.files.map(({ name }) => name)).to.deep.equal(names);
    for (const [i, name] of names.entries()) {
      const stored = await consortium.fetch(`${view.links['self']}/files/${i + 1}`);
      expect(await stored.text()).to.equal(name);
      const disposition = stored.headers.get('content-disposition') ?? '';
      expect(disposition).to.match(/^attachment; filename="[A-Za-z0-9 ._-]*"; filename\*=UTF-8''[A-Za-z0-9.%_!~*-]+$/);
      expect(decodeURIComponent(disposition.replace(/^.*''/, ''))).to.equal(name);
      expect(stored.headers.get('x-content-type-options')).to.equal('nosniff');
      expect(stored.headers.get('cache-control')).to.equal('no-store');
      expect(stored.headers.get('content-type')).to.equal('application/octet-stream');
    }
  });

  it('keeps nothing of an upload whose connection is cut half-way', async () => {
    const text = 'cut half-way'.repeat(200);
    const body = file('a', text).slice(0, -6);
    const socket = connect(Number(new URL(consortium.url()).port), '127.0.0.1');
    const head = `Host: x\r\nAuthorization: Bearer ${consortium.token}\r\nContent-Type: ${MULTIPART['content-type']}\r\nContent-Length: 4000`;
    socket.write(`POST /api/v1/deposits HTTP/1.1\r\n${head}\r\n\r\n${body}`);
    await until(() => unfinished().length === 1);
    socket.destroy();
    await until(() => unfinished().length === 0);
    expect(await deposited(text)).to.equal(false);
  });

  it('takes nothing when the disk is nearly full, and again when it is not', async () => {
    freeBytes = 0.05 * 1e12 - 1;
    for (const [body, headers] of [
      [digestDeposit(), JSON_TYPE],
      [file('a', 'x') + END, MULTIPART],
    ] as const) {
      expect(await refusal(body, headers)).to.include({ code: 'storage-full', status: 507 });
    }
    expect(await refusal('{}\n', { 'content-type': 'application/x-ndjson' }, '/api/v1/deposits/batch')).to.include({
      status: 507,
    });
    freeBytes = 1e12;
    expect(
      (await consortium.fetch('/api/v1/deposits', { method: 'POST', body: digestDeposit(), headers: JSON_TYPE }))
        .status,
    ).to.equal(202);
  });

  /** What is answered to an upload of which only the beginning has come. */
  async function answerBeforeTheBytes(): Promise<string> {
    const socket = connect(Number(new URL(consortium.url()).port), '127.0.0.1');
    const head = `Host: x\r\nAuthorization: Bearer ${consortium.token}\r\nContent-Type: ${MULTIPART['content-type']}\r\nContent-Length: 8000`;
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.write(`POST /api/v1/deposits HTTP/1.1\r\n${head}\r\n\r\n--B\r\n`);
    await until(() => answer.includes('"code"'));
    socket.destroy();
    return answer;
  }

  it('takes nothing while its clock is behind the last deposit, and says so before the bytes are sent', async () => {
    clockMs = -60_000;
    expect(await answerBeforeTheBytes()).to.include('"clock-behind"');
    expect(await refusal(digestDeposit(), JSON_TYPE)).to.include({ code: 'clock-behind', status: 503 });
    expect((await consortium.fetch('/readyz')).status, 'not ready').to.equal(503);
    const told = consortium.events.filter(({ event }) => event === 'ledger-clock-back');
    expect(told.map(({ level }) => level)).to.deep.equal(['alarm']);
    clockMs = 0;
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });

  it('is not ready when its clock is behind and nobody has deposited since', async () => {
    clockMs = -60_000;
    expect((await consortium.fetch('/readyz')).status).to.equal(503);
    clockMs = 0;
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });

  it('makes one deposit of one Idempotency-Key and refuses other content under it', async () => {
    const post = (body: string, headers: Record<string, string>): Promise<Response> =>
      consortium.fetch('/api/v1/deposits', {
        method: 'POST',
        body,
        headers: { 'idempotency-key': 'key-1', ...headers },
      });
    const body = file('a', 'idempotent') + END;
    await settled();
    const before = blobs().length;
    const answers = await Promise.all([1, 2, 3].map(() => post(body, MULTIPART)));
    expect(answers.map(({ status }) => status)).to.deep.equal([202, 202, 202]);
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id: string }).id));
    expect(new Set(ids).size).to.equal(1);
    await settled();
    expect(blobs().length - before, 'one blob of evidence, one certificate').to.equal(2);
    expect(await refusal(file('a', 'other') + END, { ...MULTIPART, 'idempotency-key': 'key-1' })).to.include({
      code: 'idempotency-key-reused',
      status: 422,
    });
    expect(await deposited('other')).to.equal(false);
    const others = await post(body, { ...MULTIPART, authorization: `Bearer ${consortium.otherToken}` });
    expect(((await others.json()) as { id: string }).id).not.to.equal(ids[0]);
  });

  it('answers a request that it has answered before as it did then, whatever a new one meets, and writes no bytes of it', async () => {
    const asked = [
      [file('a', 'sent again') + END, { ...MULTIPART, 'idempotency-key': 'again-1' }],
      [digestDeposit(), { ...JSON_TYPE, 'idempotency-key': 'again-2' }],
    ] as const;
    const post = async ([body, headers]: (typeof asked)[number]): Promise<string> => {
      const answer = await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers });
      return `${answer.status} ${((await answer.json()) as { id: string }).id}`;
    };
    const before = [await post(asked[0]), await post(asked[1])];
    await settled();
    const untouched = begun();
    clockMs = -60_000;
    freeBytes = 0.05 * 1e12 - 1;
    expect([await post(asked[0]), await post(asked[1])]).to.deep.equal(before);
    const other = file('a', 'not sent before') + END;
    expect(await refusal(other, asked[0][1])).to.include({ code: 'idempotency-key-reused' });
    expect(await refusal(other, { ...MULTIPART, 'idempotency-key': 'again-3' })).to.include({ code: 'storage-full' });
    expect(begun()).to.equal(untouched);
    clockMs = 0;
    freeBytes = 1e12;
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });

  it('writes no name, token or text of a submitter into its events', async () => {
    const canary = 'canary-9f3a';
    const headers = { ...MULTIPART, 'x-canary': canary, 'idempotency-key': canary };
    const body = declaration({ source: canary }) + file(`${canary}.txt`, canary) + END;
    expect((await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers })).status).to.equal(202);
    await refusal(declaration({ [canary]: canary }) + file(canary, canary) + END, headers);
    await consortium.fetch(`/${canary}?${canary}`, { headers: { authorization: `Bearer ${canary}` } });
    await consortium.fetch(`/api/v1/deposits/${canary}`);
    const events = JSON.stringify(consortium.events) + (await (await consortium.fetch('/metrics')).text());
    for (const secret of [canary, consortium.token, sha256(canary)]) expect(events).not.to.include(secret);
  });
});
