/** What is read, as a target of bad input: an answer of 200 has the bytes of one of the valid answers, whatever the path was. */
import { gunzipSync } from 'node:zlib';
import type { Endpoint } from './bad-input.ts';
import type { Message } from './requests.ts';
import type { Scene } from './scene.ts';

/** The operators' pages: their text changes by itself, and nothing in it depends on the request. */
const OPERATIONS = /^\/(healthz|readyz|metrics)(\?|$)/;

/**
 * @param url of the process
 * @param endpoint all but what may be answered with 200
 * @param isFine whether another answer to this path is right
 */
export async function reads(
  scene: Scene,
  url: string,
  endpoint: Omit<Endpoint, 'accepted'>,
  isFine: (path: string, body: string) => boolean = () => false,
): Promise<Endpoint> {
  const bodies: Buffer[] = [];
  for (const { path, headers } of endpoint.messages) {
    const answer = await scene.consortium.get(url + path, Object.fromEntries(headers));
    if (answer?.status !== 200) throw new Error(`a valid read is refused: ${path}`);
    bodies.push(Buffer.from(answer.body));
  }
  return {
    ...endpoint,
    accepted({ path }, { headers, body }) {
      const plain = headers.get('content-encoding') === 'gzip' ? gunzipSync(body) : body;
      // SPEC tlog-tiles: a partial tile is the start of the full one, so other widths are other starts of the same bytes.
      const length = path.includes('/tile/') && plain.length > 0 ? plain.length : undefined;
      if (OPERATIONS.test(path) || bodies.some((known) => known.subarray(0, length).equals(plain))) return undefined;
      return isFine(path, plain.toString('utf8')) ? undefined : 'read what is not there';
    },
  };
}

export function get(path: string, headers: Message['headers'] = []): Message {
  return { method: 'GET', path, headers, body: new Uint8Array() };
}
