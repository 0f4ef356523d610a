/** Batches: an answer line for each line, in order, whoever reads them and when; no line harms another. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { DEFAULT_LIMITS } from '../intake/limits.ts';
import { TestConsortium } from '../roles/testing.ts';
import { digests, until } from '../testing.ts';

const NDJSON = { 'content-type': 'application/x-ndjson' };
const LIMITS = { ...DEFAULT_LIMITS, jsonBytesMax: 2000, outstandingMax: 100 };
const line = (name: string): string => `${JSON.stringify({ files: digests(name).files })}\n`;

interface Answer {
  readonly line: number;
  readonly status: number;
  readonly state?: string;
  readonly id?: string;
  readonly code?: string;
  readonly links?: Record<string, string>;
}

describe('server/http batch', () => {
  let consortium: TestConsortium;
  let freeBytes = 1e12;
  before(async () => {
    const volume = async (): Promise<{ freeBytes: number; totalBytes: number }> => ({ freeBytes, totalBytes: 1e12 });
    consortium = await TestConsortium.start({ limits: LIMITS, volume }, 1, 1);
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });
  after(() => consortium.end());

  async function send(body: string, headers: Record<string, string> = {}): Promise<Answer[]> {
    const all = { ...NDJSON, ...headers };
    const response = await consortium.fetch('/api/v1/deposits/batch', { method: 'POST', body, headers: all });
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.match(/^application\/x-ndjson/);
    const text = await response.text();
    return text
      .split('\n')
      .slice(0, -1)
      .map((each) => JSON.parse(each) as Answer);
  }

  it('takes more deposits than may be outstanding, and answers each line in order with a receipt', async () => {
    const answers = await send(Array.from({ length: 400 }, (_, i) => line(`a${i}`)).join(''));
    expect(answers.map((answer) => answer.line)).to.deep.equal(Array.from({ length: 400 }, (_, i) => i + 1));
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([202]));
    const ids = answers.map(({ id }) => id as string);
    expect([...ids].sort()).to.deep.equal(ids);
    expect(answers[0]).to.have.property('receipt').that.includes('probata receipt v1');
    const last = answers.at(-1)?.links?.['self'] as string;
    await until(async () => ((await (await consortium.fetch(last)).json()) as { state: string }).state === 'published');
    expect((await consortium.fetch(`${last}/certificate`)).status).to.equal(200);
    expect(((await (await consortium.fetch(last)).json()) as { state: string }).state).to.equal('certified');
  });

  it('does not starve single deposits meanwhile, with bytes or without', async () => {
    let over = false;
    const batch = send(Array.from({ length: 1200 }, (_, i) => line(`f${i}`)).join('')).finally(() => {
      over = true;
    });
    const statuses: number[] = [];
    while (!over) {
      const form = new FormData();
      form.append('file', new Blob([`upload ${statuses.length}`]), 'a.txt');
      const headers = { 'content-type': 'application/json' };
      const kinds = [{ body: form }, { body: line(`single ${statuses.length}`), headers }];
      for (const kind of kinds)
        statuses.push((await consortium.fetch('/api/v1/deposits', { method: 'POST', ...kind })).status);
    }
    expect(new Set((await batch).map(({ status }) => status))).to.deep.equal(new Set([202]));
    expect(new Set(statuses)).to.deep.equal(new Set([202]));
  });

  it('refuses bad lines alone, and counts blank ones', async () => {
    const body = [line('b1'), '\n', '{\n', ' \r\n', line('b2'), '{"files":[]}\n', line('b3').slice(0, -1)].join('');
    const answers = await send(body);
    expect(answers.map(({ line: number, status, code }) => [number, status, code])).to.deep.equal([
      [1, 202, undefined],
      [3, 400, 'json-malformed'],
      [5, 202, undefined],
      [6, 422, 'file-missing'],
      [7, 202, undefined],
    ]);
  });

  it('answers an empty batch with nothing', async () => {
    expect(await send('')).to.deep.equal([]);
  });

  it('makes no deposit twice when a batch is sent again under its key', async () => {
    const body = line('c1') + line('c2');
    const first = await send(body, { 'idempotency-key': 'batch' });
    const again = await send(body, { 'idempotency-key': 'batch' });
    expect(again.map(({ id }) => id)).to.deep.equal(first.map(({ id }) => id));
    const other = await send(line('c1') + line('c3'), { 'idempotency-key': 'batch' });
    expect(other.map(({ status, code }) => [status, code])).to.deep.equal([
      [202, undefined],
      [422, 'idempotency-key-reused'],
    ]);
  });

  it('answers a batch that is sent again when the disk is nearly full, and where its deposits stand by then', async () => {
    const first = await send(line('s1') + line('s2'), { 'idempotency-key': 'again' });
    expect(first.map(({ state }) => state)).to.deep.equal(['pending', 'pending']);
    const last = first[1]?.links?.['self'] as string;
    await until(async () => ((await (await consortium.fetch(last)).json()) as { state: string }).state === 'published');
    freeBytes = 0.05 * 1e12 - 1;
    const again = await send(line('s1') + line('s2') + line('s3'), { 'idempotency-key': 'again' });
    freeBytes = 1e12;
    expect(again.map(({ status, id, state, code }) => [status, id, state, code])).to.deep.equal([
      [202, first[0]?.id, 'published', undefined],
      [202, first[1]?.id, 'published', undefined],
      [507, undefined, undefined, 'storage-full'],
    ]);
  });

  it('ends at a line that is too long, and at line 10,001', async () => {
    const long = await send(`${line('d1')}${' '.repeat(2100)}${line('d2')}`);
    expect(long.map(({ line: number, code }) => [number, code])).to.deep.equal([
      [1, undefined],
      [2, 'line-too-long'],
    ]);
    const many = await send('\n'.repeat(10_000) + line('d3'));
    expect(many).to.have.length(1);
    expect(many[0]).to.include({ line: 10_001, code: 'lines-too-many' });
  });

  it('refuses a batch of another content type or without a token, as any request', async () => {
    const post = (headers: Record<string, string>): Promise<Response> =>
      consortium.fetch('/api/v1/deposits/batch', { method: 'POST', body: line('e'), headers });
    expect((await post({ 'content-type': 'application/json' })).status).to.equal(415);
    expect((await post({ ...NDJSON, authorization: '' })).status).to.equal(401);
  });

  it('keeps what it acknowledged of a batch whose sender goes away', async () => {
    const socket = connect(Number(new URL(consortium.url()).port), '127.0.0.1');
    const head = `Host: x\r\nAuthorization: Bearer ${consortium.token}\r\nContent-Type: application/x-ndjson`;
    socket.write(`POST /api/v1/deposits/batch HTTP/1.1\r\n${head}\r\nContent-Length: 100000\r\n\r\n${line('gone 1')}`);
    const { sha256 } = digests('gone 1').files[0] ?? { sha256: '' };
    const known = async (): Promise<boolean> =>
      ((await (await consortium.fetch(`/api/v1/lookup?sha256=${sha256}`)).json()) as { deposited: boolean }).deposited;
    await until(known);
    socket.destroy();
    await once(socket, 'close');
    expect(await known()).to.equal(true);
    expect(await send(line('still here'))).to.have.length(1);
  });
});
