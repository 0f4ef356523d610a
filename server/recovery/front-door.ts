/**
 * A court or a mirror of this process as the log's client sees it, without a socket: a restored member follows the log through the same
 * checks as ever, fed by itself.
 */
import { concat } from '../../ledger/core/bytes.ts';
import type { VerifierKey } from '../../ledger/core/note.ts';
import type { Cosigner, Http, IndexStore } from '../../ledger/log/ports.ts';
import { mirrorCosigner } from '../../ledger/mirror/client.ts';
import type { Mirror } from '../../ledger/mirror/service.ts';
import type { ProtocolAnswer } from '../../ledger/witness/answer.ts';
import { witnessCosigner } from '../../ledger/witness/client.ts';
import type { Witness } from '../../ledger/witness/service.ts';

const URL = 'http://here';

/** How far the member is, is asked of the member each time. */
export const FORGETFUL: IndexStore = {
  get: async () => undefined,
  write: async () => undefined,
  async *scan() {},
};

/** A court. @param open opens it, when it is first needed */
export function courtDoor(open: () => Promise<Witness>, keys: readonly VerifierKey[], logKey: VerifierKey): Cosigner {
  const http = inProcess({ 'add-checkpoint': async (body) => (await open()).addCheckpoint(await gather(body)) });
  return witnessCosigner({ name: 'this court', url: URL, keys, logKey, http, index: FORGETFUL });
}

/** A mirror. @param open opens it, when it is first needed */
export function mirrorDoor(open: () => Promise<Mirror>, keys: readonly VerifierKey[], logKey: VerifierKey): Cosigner {
  const http = inProcess({
    'add-checkpoint': async (body) => (await open()).addCheckpoint(await gather(body)),
    'add-entries': async (body) => (await open()).addEntries(body),
  });
  return mirrorCosigner({ name: 'this mirror', url: URL, keys, logKey, http, index: FORGETFUL });
}

type Handler = (body: AsyncIterable<Uint8Array>) => Promise<ProtocolAnswer>;

function inProcess(handlers: Readonly<Record<string, Handler>>): Http {
  return async ({ url, body }) => {
    const handler = handlers[url.slice(URL.length + 1)];
    if (handler === undefined || body === undefined) throw new Error('invariant: a client of a cosigner posts to it');
    const answer = await handler(body instanceof Uint8Array ? once(body) : body);
    const bytes = typeof answer.body === 'string' ? new Uint8Array(Buffer.from(answer.body)) : answer.body;
    return { status: answer.status, headers: { 'content-type': answer.contentType }, body: bytes };
  };
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return concat(...parts);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
