/** Courts and mirrors over real sockets: the protocols' own statuses and types, and what the HTTP layer adds or refuses. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type Koa from 'koa';
import { certificateFromPem } from '../../certs/core/x509.ts';
import { createRoot, issueTsa } from '../../certs/issue/ca.ts';
import { signingKey } from '../../certs/issue/sign-cms.ts';
import { Tsa } from '../../certs/issue/tsa.ts';
import { formatTimestampRequest, requestToken } from '../../certs/issue/tsa-client.ts';
import { concat, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { openCosignatures } from '../../ledger/core/cosignature.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { mirrorCosigner } from '../../ledger/mirror/client.ts';
import { formatPackage, formatUploadHeader, packageRanges } from '../../ledger/mirror/package.ts';
import { Mirror } from '../../ledger/mirror/service.ts';
import { openLevelStore } from '../../ledger/store/level.ts';
import { memoryStores } from '../../ledger/store/memory.ts';
import { noFatal } from '../../ledger/store/testing.ts';
import { witnessCosigner } from '../../ledger/witness/client.ts';
import { formatAddCheckpoint, originHash, REQUEST_BYTES_MAX } from '../../ledger/witness/request.ts';
import { Witness } from '../../ledger/witness/service.ts';
import { ORIGIN, TestLog, testCosigner } from '../../ledger/witness/testing.ts';
import { STORE_FOLDER } from '../config.ts';
import { openLog } from '../logging.ts';
import { Metrics } from '../metrics.ts';
import { rot } from '../recovery/testing.ts';
import { openHttpClient } from './client.ts';
import type { CosignerAppOptions } from './cosigner-app.ts';
import { courtApp } from './court-routes.ts';
import { limited, mirrorApp } from './mirror-routes.ts';
import { type HttpServer, listen } from './server.ts';

const SIGNERS = testCosigner('member.test.example');
const KEYS = SIGNERS.map(({ key }) => key);
const HASH = originHash(ORIGIN);
const LIMITS = { timeoutMs: 5000, responseBytesMax: 1_000_000 };

describe('server/http/cosigner routes', () => {
  const log = new TestLog().grow(600);
  const logs = [{ origin: ORIGIN, keys: [log.signer.key] }];
  const client = openHttpClient();
  let server: HttpServer;
  let fatal: Error[];
  /** What the log has said, a JSON line each. */
  let lines: string[];

  function options(): CosignerAppOptions {
    fatal = [];
    lines = [];
    const metrics = new Metrics();
    return {
      log: metrics.counting(openLog('member', (line) => lines.push(line))),
      metrics,
      fatal: (error) => {
        fatal.push(error);
        throw error;
      },
    };
  }

  async function serve(app: Koa): Promise<void> {
    server = await listen({ host: '127.0.0.1', port: 0, handler: app.callback() });
  }

  async function ask(
    method: 'GET' | 'POST',
    path: string,
    body?: Uint8Array | string,
    headers: Record<string, string> = {},
  ) {
    const bytes = typeof body === 'string' ? utf8Encode(body) : body;
    const answer = await client.http({
      method,
      url: server.url + path,
      headers,
      ...(bytes && { body: bytes }),
      ...LIMITS,
    });
    return { ...answer, text: utf8Decode(answer.body) ?? '', type: answer.headers['content-type'] };
  }

  afterEach(() => server.close(0));
  after(() => client.close());

  describe('court', () => {
    async function start(stores = memoryStores()): Promise<void> {
      const heads = (hash: string) => stores.heads(hash);
      const witness = await Witness.open({
        logs,
        signers: SIGNERS,
        heads,
        cosigned: stores.index('cosigned'),
        clock: Date.now,
        onEvent: () => {},
      });
      const validity = { notBeforeMs: Date.now() - 1000, notAfterMs: Date.now() + 1_000_000 };
      const root = await createRoot({ country: 'CN', organization: 'Court', commonName: 'Root' }, validity);
      const issued = await issueTsa(root, { country: 'CN', organization: 'Court', commonName: 'TSA' }, validity);
      let serial = 0n;
      const tsa = new Tsa({
        sign: signingKey(issued.key),
        path: [certificateFromPem(issued.certificate)],
        clock: Date.now,
        serial: async () => ++serial,
      });
      await serve(courtApp({ ...options(), witness, tsa }));
    }

    it('cosigns for the log’s own client, and shows monitors what it cosigned', async () => {
      await start();
      expect((await ask('GET', `/witness/${HASH}/checkpoint`)).status).equal(404);
      const cosigner = witnessCosigner({
        name: 'court-1',
        url: `${server.url}/witness`,
        keys: KEYS,
        logKey: log.signer.key,
        http: client.http,
        index: memoryStores().index('c'),
      });
      for (const size of [0, 5, 600]) {
        const lines = await cosigner.cosign(await log.head(size), log.source);
        const head = await log.head(size);
        expect(openCosignatures(parseNote(head.note + lines), KEYS).length).equal(2);
      }
      const shown = await ask('GET', `/witness/${HASH}/checkpoint`);
      expect(shown).include({ status: 200, type: 'text/plain; charset=utf-8' });
      expect(shown.headers['cache-control']).equal('no-store');
      expect(openCosignatures(parseNote(shown.body), KEYS).length).equal(2);
    });

    it('answers with the protocol’s statuses and types', async () => {
      await start();
      const { note } = await log.head(5);
      expect(await ask('POST', '/witness/add-checkpoint', 'nonsense')).include({ status: 400 });
      expect(await ask('POST', '/witness/add-checkpoint', `old 0\n\n${note}`)).include({ status: 200 });
      expect(await ask('POST', '/witness/add-checkpoint', `old 0\n\n${note}`)).include({
        status: 409,
        type: 'text/x.tlog.size',
        text: '5\n',
      });
      expect(await ask('POST', '/witness/sign-subtree', 'nonsense')).include({ status: 400 });
    });

    it('answers timestamp requests', async () => {
      await start();
      const digest = new Uint8Array(createHash('sha256').update('x').digest());
      const token = await requestToken(client.http, `${server.url}/tsa`, digest, 77n);
      expect(token.length).greaterThan(500);
      const request = formatTimestampRequest(digest, 1n);
      const headers = { 'content-type': 'application/timestamp-query' };
      expect(await ask('POST', '/tsa', request, headers)).include({ status: 200, type: 'application/timestamp-reply' });
      expect(await ask('POST', '/tsa', 'not DER', headers)).include({
        status: 200,
        type: 'application/timestamp-reply',
      });
      expect(await ask('POST', '/tsa', request, { 'content-type': 'text/plain' })).include({ status: 415 });
      expect(await ask('POST', '/tsa', new Uint8Array(5000), headers)).include({ status: 413 });
    });

    it('refuses what is not of the protocol as a problem, and never hangs on it', async () => {
      await start();
      const add = '/witness/add-checkpoint';
      const timestampQuery = { 'content-type': 'application/timestamp-query', 'content-encoding': 'gzip' };
      const packed = await ask('POST', '/tsa', 'x', timestampQuery);
      expect(packed.headers['accept-encoding']).equal('identity');
      for (const [answer, status] of [
        [await ask('GET', '/nowhere'), 404],
        [await ask('GET', add), 405],
        [await ask('GET', '/witness/ABC/checkpoint'), 404],
        [await ask('POST', add, new Uint8Array(REQUEST_BYTES_MAX + 1)), 413],
        [packed, 415],
      ] as const) {
        expect(answer).include({ status, type: 'application/problem+json' });
      }
    });

    it('tells its health and figures', async () => {
      await start();
      expect((await ask('GET', '/healthz')).status).equal(200);
      expect((await ask('GET', '/readyz')).status).equal(200);
      expect((await ask('GET', '/metrics')).text).match(/probata_http_request_seconds_count\{[^}]*healthz/);
    });

    it('ends the process when its store fails, and cosigns nothing', async () => {
      const stores = memoryStores();
      const failing = {
        ...stores,
        heads: (prefix: string) => ({ ...stores.heads(prefix), create: () => Promise.reject(new Error('disk')) }),
      };
      await start(failing);
      const { note } = await log.head(5);
      const answer = await ask('POST', '/witness/add-checkpoint', `old 0\n\n${note}`);
      expect(answer.status).equal(500);
      expect(fatal.map(({ message }) => message)).deep.equal(['disk']);
    });
  });

  describe('mirror', () => {
    async function start(stores = memoryStores()): Promise<void> {
      const mirror = await Mirror.open({
        logs,
        signers: SIGNERS,
        pending: (hash) => stores.heads(`pending-${hash}`),
        heads: (hash) => stores.heads(hash),
        tiles: (hash) => stores.tiles(hash),
        cosigned: stores.index('cosigned'),
        clock: Date.now,
        onEvent: () => {},
      });
      await serve(mirrorApp({ ...options(), mirror }));
    }

    const cosigner = () =>
      mirrorCosigner({
        name: 'arbitration-1',
        url: `${server.url}/mirror`,
        keys: KEYS,
        logKey: log.signer.key,
        http: client.http,
        index: memoryStores().index('c'),
      });

    /** A checkpoint of this size is accepted as pending; the bytes of the upload that it then wants. */
    async function upload(size: number): Promise<Uint8Array> {
      const request = formatAddCheckpoint({ oldSize: 0, proof: [], note: (await log.head(size)).note });
      expect((await ask('POST', '/mirror/add-checkpoint', request)).status).equal(200);
      const parts = [formatUploadHeader({ origin: ORIGIN, start: 0, end: size, ticket: new Uint8Array() })];
      for (const range of packageRanges(0, size)) {
        const entries = await log.source.entries(range.start, range.end);
        parts.push(
          formatPackage({ entries, proof: await log.source.subtreeProof(range.bundleStart, range.end, size) }),
        );
      }
      return concat(...parts);
    }

    it('takes a ledger in from the log’s own client and serves it as tiles', async () => {
      await start();
      const head = await log.head(600);
      const lines = await cosigner().cosign(head, log.source);
      expect(openCosignatures(parseNote(head.note + lines), KEYS).length).equal(2);
      const tile = await ask('GET', `/mirror/${HASH}/tile/0/000`);
      expect(tile).include({ status: 200, type: 'application/octet-stream' });
      expect(tile.body.length).equal(8192);
      expect(tile.headers['cache-control']).equal('public, max-age=31536000, immutable');
      const bundle = await ask('GET', `/mirror/${HASH}/tile/entries/002.p/88`);
      expect(bundle.status).equal(200);
      const packed = await ask('GET', `/mirror/${HASH}/tile/entries/002.p/88`, undefined, {
        'accept-encoding': 'gzip',
      });
      expect(packed.headers).include({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
      expect(packed.body).deep.equal(bundle.body);
      for (const path of ['tile/0/003', 'tile/0/00', 'tile/entries/002.p/89', 'tile/../x', 'tile/0/%30%30%30']) {
        const missing = await ask('GET', `/mirror/${HASH}/${path}`);
        expect(missing.status, path).equal(404);
        expect(missing.headers['cache-control'], path).not.contain('immutable');
      }
      expect((await ask('GET', `/mirror/${'0'.repeat(64)}/tile/0/000`)).status).equal(404);
      expect((await ask('GET', `/mirror/${HASH}/checkpoint`)).type).equal('text/plain; charset=utf-8');
    });

    it('answers 500 for a tile that has rotted, never cached, and goes on: anybody may ask for it', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'probata-rot-'));
      const open = () => openLevelStore(join(dir, STORE_FOLDER), noFatal);
      const before = await open();
      await start(before);
      await cosigner().cosign(await log.head(300), log.source);
      await server.close(0);
      await before.close();
      await rot(dir, `tiles!${HASH}!tile/0/000`, 300);
      const store = await open();
      await start(store);
      const rotten = await ask('GET', `/mirror/${HASH}/tile/0/000`);
      expect(rotten).include({ status: 500, type: 'application/problem+json' });
      expect(rotten.headers['cache-control']).equal('no-store');
      const [alarm, ...more] = lines.filter((line) => line.includes('request-failed'));
      expect(more).deep.equal([]);
      expect(alarm).match(/"level":50.*"route":"\/mirror\/:originHash\/tile\/\*path".*StoreError/);
      expect(fatal).deep.equal([]);
      expect((await ask('GET', `/mirror/${HASH}/tile/entries/000`)).status).equal(200);
      expect(await cosigner().cosign(await log.head(600), log.source)).match(/^— /);
      await store.close();
      rmSync(dir, { recursive: true });
    });

    it('takes a compressed upload, and says that it may be compressed', async () => {
      await start();
      const body = await upload(300);
      const packed = await ask('POST', '/mirror/add-entries', gzipSync(body), { 'content-encoding': 'gzip' });
      expect(packed.status).equal(200);
      expect(packed.headers['accept-encoding']).equal('gzip');
      for (const headers of [{}, { 'content-encoding': 'X-GZip' }]) {
        const again = await ask(
          'POST',
          '/mirror/add-entries',
          'content-encoding' in headers ? gzipSync(body) : body,
          headers,
        );
        expect(again.status).equal(200);
      }
    });

    it('keeps what was authenticated before a compressed body was cut off', async () => {
      await start();
      const whole = gzipSync(await upload(600), { level: 0 });
      const cut = whole.subarray(0, whole.length - 100);
      const answer = await ask('POST', '/mirror/add-entries', cut, { 'content-encoding': 'gzip' });
      expect(answer).include({ status: 202, type: 'text/x.tlog.mirror-info' });
      expect(answer.text).equal('600\n512\n\n');
    });

    it('refuses bytes that are no gzip and an unknown encoding', async () => {
      await start();
      const gzip = { 'content-encoding': 'gzip' };
      expect((await ask('POST', '/mirror/add-entries', 'plain', gzip)).status).equal(400);
      const other = await ask('POST', '/mirror/add-entries', 'x', { 'content-encoding': 'br' });
      expect(other.status).equal(415);
      expect(other.headers['accept-encoding']).equal('gzip');
      expect(fatal).deep.equal([]);
    });

    it('reads no more than the largest upload, however long the body', async () => {
      let given = 0;
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (;;) {
          given += 1000;
          yield new Uint8Array(1000);
        }
      }
      let taken = 0;
      for await (const chunk of limited(endless(), 10_500)) taken += chunk.length;
      expect({ taken, given }).deep.equal({ taken: 10_000, given: 11_000 });
      await start();
    });

    it('survives a sender that goes away in the middle, compressed or not', async () => {
      await start();
      const body = await upload(600);
      for (const [encoding, bytes] of [
        ['', body],
        ['Content-Encoding: gzip\r\n', gzipSync(body)],
      ] as const) {
        const socket = connect(server.port, '127.0.0.1');
        const head = `POST /mirror/add-entries HTTP/1.1\r\nHost: a\r\n${encoding}Content-Length: ${bytes.length}\r\n\r\n`;
        await new Promise((resolve) =>
          socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(0, bytes.length >> 1)]), resolve),
        );
        socket.destroy();
      }
      const lines = await cosigner().cosign(await log.head(600), log.source);
      expect(lines).match(/^— /);
      expect(fatal).deep.equal([]);
    });
  });
});
