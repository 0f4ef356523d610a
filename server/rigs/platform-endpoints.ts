/**
 * The endpoints of the platform, as targets of bad input. Every deposit that is thrown carries the Idempotency-Key of one that was made
 * before: a mutant that means the same is answered with that deposit, one that means something else is refused, and none makes a new one.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { contentsOf, type Endpoint } from './bad-input.ts';
import type { RawAnswer } from './raw-http.ts';
import { get, reads } from './reads.ts';
import type { Message } from './requests.ts';
import type { Scene } from './scene.ts';

/** Every refusal that a sender can be at fault for. None of them is the platform's own failure. */
const CODES = new Set([
  ...['token-missing', 'token-unknown', 'token-expired', 'not-found', 'method-not-allowed', 'content-type-unsupported'],
  ...['content-encoding-unsupported', 'body-too-large', 'body-truncated', 'utf8-invalid', 'json-malformed'],
  ...['multipart-malformed', 'idempotency-key-invalid', 'idempotency-key-reused', 'query-invalid', 'lines-too-many'],
  ...[
    'line-too-long',
    'declaration-invalid',
    'declaration-repeated',
    'unknown-field',
    'file-missing',
    'files-too-many',
  ],
  ...['file-empty', 'file-too-large', 'name-missing', 'name-too-long', 'name-invalid', 'media-type-invalid'],
  'digest-mismatch',
  ...[
    'deposit-not-found',
    'file-not-found',
    'file-not-held',
    'headers-too-many',
    'headers-too-large',
    'request-malformed',
  ],
]);

type Common = Pick<Endpoint, 'codes' | 'state'>;

export async function platformEndpoints(scene: Scene): Promise<Endpoint[]> {
  const { consortium, deposits, ids } = scene;
  const dir = consortium.dir('platform');
  const common: Common = { codes: CODES, state: async () => contentsOf(dir) };
  // An upload is noted in the index before its first byte and struck out after its refusal, so the index has other bytes and says the same.
  const uploads: Common = {
    codes: CODES,
    state: async () =>
      `${await scene.text(`${consortium.url}/ledger/checkpoint`)}\n${contentsOf(join(dir, 'store', 'blobs'))}`,
  };
  const refusals = [400, 404, 405, 413, 415, 422];
  const asBefore = (id: string) => ({
    accepted: (_: unknown, { body }: RawAnswer) =>
      JSON.parse(body.toString('utf8')).id === id ? undefined : 'made a new deposit',
  });
  const { size } = await scene.ledger();
  const own = [['Authorization', `Bearer ${consortium.token}`]] as const;
  const api = '/api/v1/deposits';
  const artefacts = [
    '',
    '/receipt',
    '/record',
    '/proof',
    '/certificate',
    '/files/1',
    '/files/2',
    '/certificate?file=1',
    '/certificate?file=2',
  ];
  const digest = createHash('sha256').update('a.pdf').digest('hex');
  const tiles = ['entries/000', `entries/001.p/${size - 256}`, '0/000', `0/001.p/${size - 256}`, '0/001.p/1'];
  const readsOf = (
    what: string,
    messages: readonly Message[],
    isFine?: (path: string, body: string) => boolean,
  ): Promise<Endpoint> =>
    reads(
      scene,
      consortium.url,
      { name: `platform ${what}`, ...common, messages, refusals: [400, 401, 404, 405] },
      isFine,
    );
  return [
    { name: 'platform deposits (JSON)', ...common, refusals, messages: [deposits.json], ...asBefore(ids.json) },
    {
      name: 'platform deposits (multipart)',
      ...uploads,
      refusals,
      messages: [deposits.multipart],
      ...asBefore(ids.multipart),
    },
    batch(scene, common),
    await readsOf(
      'deposit reads',
      artefacts.map((path) => get(`${api}/${ids.multipart}${path}`, own)),
    ),
    // A digest that nobody deposited is a question with an answer: no deposits.
    await readsOf('lookup', [get(`/api/v1/lookup?sha256=${digest}`)], (path, body) =>
      path.startsWith('/api/v1/lookup?') ? /"deposits":\[\]/.test(body) : false,
    ),
    await readsOf('ledger', [get('/ledger/checkpoint'), ...tiles.map((path) => get(`/ledger/tile/${path}`))]),
    await readsOf(
      'operations',
      ['/healthz', '/readyz', '/metrics'].map((path) => get(path)),
    ),
  ];
}

/** Of a batch, the first lines: each line's key is the batch's with its number. */
function batch({ deposits, ids }: Scene, common: Common): Endpoint {
  const lines = Buffer.from(deposits.batch.body).toString().split('\n').slice(0, 3);
  const message = { ...deposits.batch, body: Buffer.from(lines.join('\n')) };
  return {
    ...{ name: 'platform batch', ...common, refusals: [400, 413, 415] },
    messages: [message, { ...message, body: Buffer.from(`${lines[0]}\n`) }],
    accepted(_, { body }) {
      const answers = body.toString('utf8').split('\n').filter(Boolean);
      const wrong = answers.find((line) => {
        const { status, id, code } = JSON.parse(line);
        return status === 202 ? !ids.batch.has(id) : !CODES.has(code) || status >= 500;
      });
      return wrong === undefined ? undefined : `answered a line with ${wrong}`;
    },
  };
}
