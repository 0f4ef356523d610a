/**
 * How `probata deposit` talks to the platform over a network that breaks. What another attempt may mend is tried again, with growing pauses
 * or when the platform says, for minutes: the way through a tunnel, the restart of a platform. An exchange may take as long as it moves.
 * Safe to repeat: reading changes nothing, and a deposit is sent under the same Idempotency-Key.
 */
import type { Http } from '../ledger/log/ports.ts';
import { FileError } from './deposit-upload.ts';
import { HttpError } from './http/client.ts';

/** What ends the command: one sentence for the person at the terminal. */
export class DepositError extends Error {}

export type Request = Omit<Parameters<Http>[0], 'method' | 'timeoutMs'>;
export type Answer = Awaited<ReturnType<Http>>;

/** The platform as this command talks to it. */
export interface Platform {
  /** For what is sent; what is only read goes through fetch, which shows how far it is. */
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
export function read(platform: Platform, path: string, bytesMax: number): Promise<Answer> {
  return insist(platform, (moved, signal) => download(platform, path, bytesMax, moved, signal));
}

/**
 * Posts.
 * @param request makes it anew for each attempt; `moved` is called whenever a part of it goes out
 * @throws DepositError, FileError
 */
export function post(platform: Platform, request: (moved: () => void) => Request): Promise<Answer> {
  return insist(platform, (moved) => {
    const made = request(moved);
    const headers = { ...made.headers, ...authorization(platform) };
    return platform.http({ ...made, method: 'POST', headers, timeoutMs: WHOLE_TIMEOUT_MS });
  });
}

type Attempt = (moved: () => void, signal: AbortSignal) => Promise<Answer>;

async function insist(platform: Platform, attempt: Attempt): Promise<Answer> {
  let pausedMs = 0;
  for (let nextMs = RETRY_MIN_MS; ; nextMs = Math.min(nextMs * 2, RETRY_MAX_MS)) {
    const outcome = await once(platform.idleMs, attempt);
    if (typeof outcome !== 'string' && outcome.status < 300) return outcome;
    const why = typeof outcome === 'string' ? outcome : problemText(outcome);
    if (typeof outcome !== 'string' && !PASSING.has(outcome.status)) throw new DepositError(why);
    const pauseMs = Math.max(nextMs, typeof outcome === 'string' ? 0 : retryAfterMs(outcome));
    pausedMs += pauseMs;
    if (pausedMs > PATIENCE_MS) {
      throw new DepositError(`${why}; give the same command again later: it goes on, and makes no second deposit`);
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
async function once(idleMs: number, attempt: Attempt): Promise<Answer | string> {
  const idle = new AbortController();
  const stopped = new Promise<never>((_resolve, reject) => {
    const reason = new HttpError('http-timeout', `nothing has moved for ${idleMs / 1000} s`);
    idle.signal.addEventListener('abort', () => reject(reason));
  });
  const timer = setTimeout(() => idle.abort(), idleMs);
  // What is over may still move a little: a timer that was cleared must not begin anew.
  const moved = (): void => {
    if (!idle.signal.aborted) timer.refresh();
  };
  try {
    return await Promise.race([attempt(moved, idle.signal), stopped]);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (error.cause instanceof FileError) throw error.cause;
    return `the platform cannot be reached (${error.message})`;
  } finally {
    clearTimeout(timer);
    idle.abort();
  }
}

/** As the Http port, whose one deadline for all of an answer would cut what a slow network brings in good time. */
async function download(
  platform: Platform,
  path: string,
  bytesMax: number,
  moved: () => void,
  signal: AbortSignal,
): Promise<Answer> {
  const { host } = new URL(platform.url);
  try {
    const options = { headers: authorization(platform), redirect: 'manual', signal } as const;
    const response = await fetch(`${platform.url}${path}`, options);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      moved();
      bytes += chunk.length;
      if (bytes > bytesMax) throw new DepositError(`the answer of ${host} is larger than ${bytesMax} bytes`);
      chunks.push(chunk);
    }
    return { status: response.status, headers: Object.fromEntries(response.headers), body: Buffer.concat(chunks) };
  } catch (cause) {
    if (cause instanceof DepositError) throw cause;
    const { code } = ((cause as Error).cause ?? cause) as NodeJS.ErrnoException;
    throw new HttpError('http-unreachable', `${host}: ${code ?? String(cause)}`, { cause });
  }
}

function authorization({ token }: Platform): { authorization: string } {
  return { authorization: `Bearer ${token}` };
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
