/**
 * How `probata deposit` talks to the platform over a network that breaks. What another attempt may mend is tried again, with growing pauses
 * or when the platform says, for minutes: the way through a tunnel, the restart of a platform. An exchange may take as long as it moves;
 * one that is given up is over, and shares the network with no later one.
 * Safe to repeat: reading changes nothing, and a deposit is sent under the same Idempotency-Key.
 */
import type { Http } from '../ledger/log/ports.ts';
import { FileError } from './deposit-upload.ts';
import { HttpError } from './http/client.ts';

/** What ends the command: one sentence for the person at the terminal. */
export class DepositError extends Error {}

type Exchange = Parameters<Http>[0];
/** What is asked, of a path of the platform. */
export type Request = Pick<Exchange, 'headers' | 'responseBytesMax'> & {
  readonly path: string;
  readonly body?: AsyncIterable<Uint8Array>;
};
export type Answer = Awaited<ReturnType<Http>>;

/** The platform as this command talks to it. */
export interface Platform {
  readonly http: Http;
  readonly url: string;
  readonly token: string;
  /** An exchange in which nothing moves for this long is given up. */
  readonly idleMs: number;
  readonly pause: (ms: number) => Promise<unknown>;
  readonly say: (text: string) => void;
}

/** Longer than the platform's own (http/server.ts), so that it is the platform that says why it gives up. */
export const IDLE_MS = 180_000;
/**
 * What has been handed over is not there yet: the buffers of both ends and of a proxy between them may hold this much of it, of which nothing
 * is seen here until the answer comes.
 */
const HELD_BYTES_MAX = 16 * 1024 * 1024;
/** As slowly as those bytes may move, 4 kB/s: a telephone at the edge of its network. */
const HELD_BYTES_PER_MS = 4;
/** The idle deadline ends every exchange before this one; the port wants one. */
const WHOLE_TIMEOUT_MS = 24 * 60 * 60 * 1000;
/** Pause after the first failure; doubles up to the larger. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
/** All pauses of one exchange together. */
const PATIENCE_MS = 5 * 60_000;
/** Statuses of a platform, or of what stands before it, that say nothing about the request itself. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Reads what is at a path of the platform.
 * @throws DepositError
 */
export function read(platform: Platform, path: string, responseBytesMax: number): Promise<Answer> {
  return insist(platform, () => attempt(platform, 'GET', { path, responseBytesMax }));
}

/**
 * Posts.
 * @param request makes it anew for each attempt
 * @throws DepositError, FileError
 */
export function post(platform: Platform, request: () => Request): Promise<Answer> {
  return insist(platform, () => attempt(platform, 'POST', request()));
}

async function insist(platform: Platform, once: () => Promise<Answer | string>): Promise<Answer> {
  let pausedMs = 0;
  for (let nextMs = RETRY_MIN_MS; ; nextMs = Math.min(nextMs * 2, RETRY_MAX_MS)) {
    const outcome = await once();
    if (typeof outcome !== 'string' && outcome.status < 300) return outcome;
    const why = typeof outcome === 'string' ? outcome : problemText(outcome);
    if (typeof outcome !== 'string' && !PASSING.has(outcome.status)) throw new DepositError(why);
    const pauseMs = Math.max(nextMs, typeof outcome === 'string' ? 0 : retryAfterMs(outcome));
    pausedMs += pauseMs;
    if (pausedMs > PATIENCE_MS) {
      throw new DepositError(`${why}; give the same command again later: it makes no second deposit`);
    }
    platform.say(`${why}; trying again`);
    await platform.pause(pauseMs);
  }
}

/** RFC 9110 section 10.2.3, in seconds; a date is of no use to a clock that may be wrong. */
function retryAfterMs({ headers }: Answer): number {
  return Number(/^\d{1,6}$/.exec(headers['retry-after'] ?? '')?.[0] ?? 0) * 1000;
}

/** One exchange; a sentence instead of an answer when there was none. */
async function attempt(platform: Platform, method: Exchange['method'], request: Request): Promise<Answer | string> {
  const { http, url, token, idleMs } = platform;
  const { path, headers, body, responseBytesMax } = request;
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const giveUpIn = (ms: number): void => {
    clearTimeout(timer);
    // What is over may still move a little, and must not set a clock.
    if (over.signal.aborted) return;
    const reason = new HttpError('http-timeout', `nothing has moved for ${Math.round(ms / 1000)} s`);
    timer = setTimeout(() => over.abort(reason), ms);
  };
  giveUpIn(idleMs);
  try {
    return await http({
      method,
      url: url + path,
      headers: { ...headers, authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: watched(body, idleMs, giveUpIn) }),
      timeoutMs: WHOLE_TIMEOUT_MS,
      responseBytesMax,
      signal: over.signal,
      onAnswerPart: () => giveUpIn(idleMs),
    });
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (error.cause instanceof FileError) throw error.cause;
    if (error.code === 'http-answer-too-large') throw new DepositError(error.message, { cause: error });
    return `the platform cannot be reached (${error.message})`;
  } finally {
    over.abort();
    clearTimeout(timer);
  }
}

/** Allows each part its time, and after the last one as much more as what is still on its way may need. */
async function* watched(
  body: AsyncIterable<Uint8Array>,
  idleMs: number,
  giveUpIn: (ms: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    yield chunk;
    giveUpIn(idleMs);
    bytes += chunk.length;
  }
  giveUpIn(idleMs + Math.min(bytes, HELD_BYTES_MAX) / HELD_BYTES_PER_MS);
}

/** The JSON of an answer. @throws DepositError */
export function jsonOf<T>(answer: Answer): T {
  try {
    return JSON.parse(Buffer.from(answer.body).toString('utf8'));
  } catch (cause) {
    throw new DepositError('what answers there is not a Probata platform', { cause });
  }
}

function problemText(answer: Answer): string {
  const fallback = `the platform answered with status ${answer.status}`;
  if (!answer.headers['content-type']?.startsWith('application/problem+json')) return fallback;
  const { code, detail, reason, file } = jsonOf<Record<string, string | number | undefined>>(answer);
  const where = [file === undefined ? '' : ` (file ${file})`, reason === undefined ? '' : ` (${reason})`].join('');
  return `${detail}${where} [${code}]`;
}
