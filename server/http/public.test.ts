/** What anyone may read: the ledger as tlog-tiles has it, the lookup, health and figures. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openCheckpoint } from '../../ledger/core/checkpoint.ts';
import { parseDepositEntry } from '../../ledger/core/entry.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { formatTilePath, tilesForSize } from '../../ledger/core/tile.ts';
import { TileReader } from '../../ledger/core/tile-reader.ts';
import { parseTrustBundle } from '../../verifier/core/trust.ts';
import { TestConsortium } from '../roles/testing.ts';
import { digests, until } from '../testing.ts';
import type { DepositView } from './deposit-view.ts';

describe('server/http public', () => {
  let consortium: TestConsortium;
  const views: DepositView[] = [];
  before(async () => {
    consortium = await TestConsortium.start({}, 1, 1);
    for (const name of ['one', 'two', 'one']) {
      const body = JSON.stringify({ files: digests(name).files });
      const headers = { 'content-type': 'application/json', prefer: 'respond-async, wait=30' };
      const response = await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers });
      expect(response.status).to.equal(201);
      expect(response.headers.get('preference-applied')).to.equal('wait=30');
      views.push((await response.json()) as DepositView);
      expect(response.headers.get('location')).to.equal(views.at(-1)?.links['self']);
    }
  });
  after(() => consortium.end());

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${consortium.url()}${path}`, { headers });

  it('serves a checkpoint that the trust bundle’s log signed, for a second', async () => {
    const response = await get('/ledger/checkpoint');
    expect(response.headers.get('content-type')).to.equal('text/plain; charset=utf-8');
    expect(response.headers.get('cache-control')).to.equal('public, max-age=1');
    const { policy } = parseTrustBundle(readFileSync(join(consortium.data, 'trust.json')));
    const keys = policy.logs.map(({ key }) => key);
    expect(openCheckpoint(parseNote(await response.text()), keys).size).to.equal(3);
  });

  it('serves every tile of the tree, immutable, and a tree that is what the checkpoint says', async () => {
    const { policy } = parseTrustBundle(readFileSync(join(consortium.data, 'trust.json')));
    const note = parseNote(await (await get('/ledger/checkpoint')).text());
    const checkpoint = openCheckpoint(
      note,
      policy.logs.map(({ key }) => key),
    );
    for (const tile of tilesForSize(checkpoint.size)) {
      const response = await get(`/ledger/${formatTilePath(tile)}`);
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.equal('application/octet-stream');
      expect(response.headers.get('cache-control')).to.equal('public, max-age=31536000, immutable');
    }
    const reader = new TileReader(checkpoint, async (tile) => {
      const response = await get(`/ledger/${formatTilePath(tile)}`, { 'accept-encoding': 'identity' });
      return new Uint8Array(await response.arrayBuffer());
    });
    const ids = (await reader.entries(0, 3)).map((entry) => parseDepositEntry(entry).id);
    expect(ids).to.deep.equal(views.map(({ id }) => id));
  });

  it('compresses entry bundles for whoever accepts it, and only those', async () => {
    const plain = await get('/ledger/tile/entries/000.p/3', { 'accept-encoding': 'identity' });
    expect(plain.headers.get('content-encoding')).to.equal(null);
    expect(plain.headers.get('vary')).to.equal('Accept-Encoding');
    const bundle = Buffer.from(await plain.arrayBuffer());
    const packed = await get('/ledger/tile/entries/000.p/3', { 'accept-encoding': 'gzip' });
    expect(packed.headers.get('content-encoding')).to.equal('gzip');
    expect(Buffer.from(await packed.arrayBuffer()).equals(bundle)).to.equal(true);
    expect(
      (await get('/ledger/tile/0/000.p/3', { 'accept-encoding': 'gzip' })).headers.get('content-encoding'),
    ).to.equal(null);
  });

  it('refuses tiles that are not of the tree or not well named, and lets nobody cache the refusal', async () => {
    const paths = [
      '0/000.p/4',
      '0/001',
      '1/000.p/1',
      'entries/000',
      '0/000.p/0',
      '0/000.p/256',
      '0/0',
      '64/000',
      '0/000.p/3/',
      '0/x000/000',
      '../checkpoint',
      '0/%2e%2e',
      '',
    ];
    for (const path of paths) {
      const response = await get(`/ledger/tile/${path}`);
      expect(response.status, path).to.equal(path === '../checkpoint' ? 200 : 404);
      if (response.status === 404) expect(response.headers.get('cache-control'), path).to.equal('no-store');
    }
  });

  it('says whether and when bytes were deposited, and not by whom', async () => {
    const of = (name: string): string => createHash('sha256').update(name).digest('hex');
    const answer = await get(`/api/v1/lookup?sha256=${of('one')}`);
    expect(await answer.json()).to.deep.equal({
      sha256: of('one'),
      deposited: true,
      deposits: [views[0], views[2]].map((view) => ({ received: view?.received, index: view?.index })),
    });
    expect(await (await get(`/api/v1/lookup?sha256=${of('three')}`)).json()).to.deep.include({
      deposited: false,
      deposits: [],
    });
    for (const query of [
      '',
      '?sha256=',
      `?sha256=${of('one').toUpperCase()}`,
      '?sha256=a&sha256=b',
      `?sha256=${of('one')}0`,
    ]) {
      const response = await get(`/api/v1/lookup${query}`);
      expect(response.status, query).to.equal(400);
      expect(((await response.json()) as { code: string }).code).to.equal('query-invalid');
    }
  });

  it('is alive, ready, and measured', async () => {
    await until(async () => (await get('/readyz')).status === 200);
    expect(await (await get('/healthz')).json()).to.deep.equal({ status: 'ok' });
    expect(await (await get('/readyz')).json()).to.deep.include({ ready: true, published: 3 });
    const metrics = await get('/metrics');
    expect(metrics.headers.get('content-type')).to.match(/^text\/plain/);
    const text = await metrics.text();
    const lines = [
      'probata_published_size 3',
      'probata_ledger_size 3',
      'probata_deposits_outstanding 0',
      'probata_ready 1',
      'probata_cosigner_answering{member="court-1"} 1',
      'probata_group_short{group="courts"} 0',
      'probata_events_total{event="certified",level="info"} 3',
    ];
    for (const expected of lines) expect(text).to.include(expected);
    expect(text).to.match(
      /probata_http_request_seconds_count\{method="POST",route="\/api\/v1\/deposits",status="201"\} 3/,
    );
  });

  it('waits at most as long as it is asked to, and answers 202 when that was too short', async () => {
    const post = (prefer: string): Promise<Response> => {
      const body = JSON.stringify({ files: digests('quick').files });
      return consortium.fetch('/api/v1/deposits', {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', prefer },
      });
    };
    const now = await post('wait=0');
    expect(now.status).to.equal(202);
    expect(now.headers.get('preference-applied')).to.equal('wait=0');
    const ignored = await post('wait=soon');
    expect(ignored.status).to.equal(202);
    expect(ignored.headers.get('preference-applied')).to.equal(null);
    expect((await post('wait=100000')).headers.get('preference-applied')).to.equal('wait=60');
  });
});
