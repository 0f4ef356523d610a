/** A litigant's way through a real consortium: deposit, certificate, independent verification; members away and back; a restart. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeFonts } from '../../certs/render/fonts-node.ts';
import { renderCertificate, rendererId } from '../../certs/render/render.ts';
import { parseTlogProof } from '../../ledger/core/tlog-proof.ts';
import { verify } from '../../verifier/core/verify.ts';
import type { DepositView } from '../http/deposit-view.ts';
import { DEFAULT_LIMITS } from '../intake/limits.ts';
import { until } from '../testing.ts';
import { TestConsortium } from './testing.ts';

const FILES = ['合同扫描件.pdf', '退款承诺.eml'];
const EVIDENCE = new URL('../../fixtures/evidence/', import.meta.url);

function form(names: readonly string[], declaration: object): FormData {
  const body = new FormData();
  body.append('declaration', JSON.stringify(declaration));
  for (const name of names) body.append('file', new Blob([readFileSync(new URL(name, EVIDENCE))]), name);
  return body;
}

describe('server/roles/platform', () => {
  let consortium: TestConsortium;
  before(async () => {
    consortium = await TestConsortium.start();
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });
  after(() => consortium.end());

  const post = async (
    body: FormData,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; view: DepositView }> => {
    const response = await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers });
    return { status: response.status, view: (await response.json()) as DepositView };
  };
  const bytesOf = async (path: string): Promise<Uint8Array> =>
    new Uint8Array(await (await consortium.fetch(path)).arrayBuffer());
  const view = async (id: string): Promise<DepositView> =>
    (await consortium.fetch(`/api/v1/deposits/${id}`)).json() as never;

  async function verdict(certificate: Uint8Array, names: readonly string[]): Promise<string> {
    const evidence = names.map((name) => {
      const bytes = readFileSync(new URL(name, EVIDENCE));
      return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    });
    const report = await verify({
      certificate,
      trust: readFileSync(join(consortium.data, 'trust.json')),
      evidence,
      certificateOnly: names.length === 0,
      nowMs: Date.now(),
      rerender: async (source) => (await renderCertificate(source, nodeFonts())).bytes,
      rendererId: rendererId(),
    });
    return report.outcome;
  }

  it('certifies files within one request, and a judge finds them consistent', async () => {
    const { status, view } = await post(form(FILES, { source: '手机拍摄' }), { prefer: 'wait=30' });
    expect(status).to.equal(201);
    expect(view.state).to.equal('certified');
    expect(view.files.map(({ name }) => name)).to.deep.equal(FILES);
    const certificate = await bytesOf(view.links['certificate'] as string);
    expect(await verdict(certificate, FILES)).to.equal('consistent');
    expect(await verdict(certificate, ['行车记录.mp4'])).to.equal('inconsistent');
    const proof = parseTlogProof(Buffer.from(await bytesOf(view.links['proof'] as string)).toString());
    expect(proof.index).to.equal(view.index);
    for (const [i, name] of FILES.entries()) {
      const file = await bytesOf(`${view.links['self']}/files/${i + 1}`);
      expect(Buffer.compare(file, readFileSync(new URL(name, EVIDENCE)))).to.equal(0);
    }
  });

  it('makes a certificate that shows one file and keeps the others private', async () => {
    const { view } = await post(form(FILES, {}), { prefer: 'wait=30' });
    const certificate = await bytesOf(`${view.links['certificate']}?file=2`);
    expect(await verdict(certificate, ['退款承诺.eml'])).to.equal('consistent');
    expect(Buffer.from(certificate).includes(view.files[0]?.sha256 ?? '')).to.equal(false);
  });

  it('stays integrated without a quorum and says who is missing, is not ready, and certifies by itself when they are back', async () => {
    await consortium.stop('court-1');
    await consortium.stop('court-2');
    const { status, view: first } = await post(form(FILES, {}));
    expect(status).to.equal(202);
    await until(async () => (await view(first.id)).message.en === 'courts: 2 of the 3 needed have cosigned');
    expect(await view(first.id)).to.include({ state: 'integrated' });
    expect((await view(first.id)).quorum.groups).to.deep.equal([
      { name: 'courts', needed: 3, have: 2, short: true },
      { name: 'arbitration', needed: 1, have: 1, short: false },
    ]);
    const ready = await consortium.fetch('/readyz');
    expect(ready.status).to.equal(503);
    expect(((await ready.json()) as { groups: object[] }).groups[0]).to.deep.equal({
      name: 'courts',
      needed: 3,
      have: 2,
      short: true,
    });
    expect((await consortium.fetch(first.links['certificate'] as string)).status).to.equal(409);
    await consortium.startMember('court-1');
    await until(async () => (await view(first.id)).state === 'certified');
    await consortium.startMember('court-2');
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });

  it('takes the timestamp from another court when the first one is away', async () => {
    await consortium.stop('platform');
    await consortium.stop('court-1');
    await consortium.startPlatform();
    const { view } = await post(form(FILES, {}), { prefer: 'wait=60' });
    expect(view.state).to.equal('certified');
    expect(consortium.events.map(({ event }) => event)).to.include('timestamp-failed');
    await consortium.startMember('court-1');
  });

  it('keeps everything over a restart, and finishes what was under way', async () => {
    const { view: done } = await post(form(FILES, {}), { prefer: 'wait=30' });
    const before = await bytesOf(done.links['certificate'] as string);
    for (const court of ['court-1', 'court-2']) await consortium.stop(court);
    const { view: open } = await post(form(FILES, {}));
    await consortium.stop('platform');
    for (const court of ['court-1', 'court-2']) await consortium.startMember(court);
    await consortium.startPlatform();
    expect(Buffer.compare(await bytesOf(done.links['certificate'] as string), before)).to.equal(0);
    await until(async () => (await view(open.id)).state === 'certified');
    expect((await view(open.id)).receipt).to.equal(open.receipt);
  });

  it('holds nothing when it cannot start: the next start finds the folder free', async () => {
    await consortium.stop('platform');
    const limits = {
      ...DEFAULT_LIMITS,
      // Read when the ledger runs.
      get outstandingMax(): number {
        throw new Error('no limits');
      },
    };
    const started = await consortium.startPlatform({ limits }).catch((error: Error) => error.message);
    expect(started).to.equal('no limits');
    await consortium.startPlatform();
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  });

  it('lets an upload in flight finish when it is told to stop, and keeps it', async () => {
    const socket = connect(Number(new URL(consortium.url()).port), '127.0.0.1');
    const body = '--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nin flight\r\n--B--\r\n';
    const head = `Host: x\r\nAuthorization: Bearer ${consortium.token}\r\nContent-Type: multipart/form-data; boundary=B`;
    socket.write(`POST /api/v1/deposits HTTP/1.1\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body.slice(0, 80));
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    const gone = once(socket, 'close');
    await until(async () =>
      (await (await consortium.fetch('/metrics')).text()).includes('probata_requests_in_flight 2'),
    );
    const stopped = consortium.stop('platform');
    socket.write(body.slice(80));
    await stopped;
    await gone;
    expect(answer).to.match(/^HTTP\/1.1 202 /);
    await consortium.startPlatform();
    const id = /"id":"([0-9a-f-]{36})"/.exec(answer)?.[1] ?? '';
    await until(async () => (await view(id)).state === 'certified');
    expect(consortium.events.map(({ event }) => event)).not.to.include('fatal');
  });

  it('never gives out a whole file or certificate whose stored bytes have changed', async () => {
    const body = new FormData();
    body.append('file', new Blob(['bit rot '.repeat(100_000)]), 'large.txt');
    const { view } = await post(body, { prefer: 'wait=30' });
    flipEveryBlob(join(consortium.dir('platform'), 'store', 'blobs'));
    for (const path of [`${view.links['self']}/files/1`, view.links['certificate'] as string]) {
      expect(await bytesOf(path).catch(() => 'broken off'), path).to.equal('broken off');
    }
    expect(consortium.events.map(({ event }) => event)).to.include('answer-failed');
  });

  function flipEveryBlob(folder: string): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const bytes = readFileSync(path);
      bytes[0] = (bytes[0] as number) ^ 1;
      writeFileSync(path, bytes);
    }
  }
});
