/**
 * The `Http` port over node:http and node:https: kept connections, a limit on every answer, and one deadline per request by which it
 * settles, whatever the peer does; earlier when its signal says so.
 * A body may be a stream; an answer that comes before the stream is sent ends the sending (tlog-mirror answers so).
 * An answer may be under gzip, asked for or not: tlog-tiles lets logs and mirrors compress entry bundles so.
 * It never retries and never follows redirects: the callers own their retries.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Http } from '../../ledger/log/ports.ts';

export type HttpErrorCode = 'http-unreachable' | 'http-timeout' | 'http-answer-too-large' | 'http-malformed';

/** Nothing that may be used as an answer came back. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;

  constructor(code: HttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HttpError';
    this.code = code;
  }
}

/** Connections kept or open to one host. */
export const SOCKETS_PER_HOST = 64;
/** A kept connection unused for this long is closed by us, before the server would (http/server.ts keeps 30 s). */
const FREE_SOCKET_MS = 15_000;

type HttpRequest = Parameters<Http>[0];
type HttpResponse = Awaited<ReturnType<Http>>;

export interface HttpClient {
  readonly http: Http;
  /** Closes the kept connections; requests under way fail. */
  close(): void;
}

/** Opens a client with its own pool of connections. */
export function openHttpClient(): HttpClient {
  const options = { keepAlive: true, maxSockets: SOCKETS_PER_HOST, timeout: FREE_SOCKET_MS };
  const agents = { 'http:': new HttpAgent(options), 'https:': new HttpsAgent(options) };
  return {
    http: (request) => send(request, agents),
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

async function send(request: HttpRequest, agents: { 'http:': HttpAgent; 'https:': HttpsAgent }): Promise<HttpResponse> {
  const url = new URL(request.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new HttpError('http-malformed', `${url.protocol} is not a protocol this client speaks`);
  }
  const secure = url.protocol === 'https:';
  const { body, signal, timeoutMs } = request;
  signal?.throwIfAborted();
  const options: RequestOptions = {
    method: request.method,
    agent: agents[url.protocol],
    headers: {
      ...request.headers,
      ...(body instanceof Uint8Array ? { 'content-length': String(body.length) } : {}),
    },
  };
  const content = body === undefined || body instanceof Uint8Array ? body : Readable.from(body, { objectMode: false });

  const outgoing = secure ? httpsRequest(url, options) : httpRequest(url, options);
  let end: (error: unknown) => void = () => {};
  // It settles by itself: destroying a request that waits for a connection, or whose connection is gone, tells nobody.
  const ended = new Promise<never>((_resolve, reject) => {
    end = reject;
  });
  const timeout = new HttpError('http-timeout', `${url.host}: no whole answer in ${timeoutMs} ms`);
  const deadline = setTimeout(() => end(timeout), timeoutMs);
  const abort = (): void => end(signal?.reason);
  signal?.addEventListener('abort', abort);
  try {
    return await Promise.race([exchange(outgoing, content, request), ended]);
  } catch (cause) {
    outgoing.destroy();
    if (cause instanceof HttpError) throw cause;
    throw new HttpError('http-unreachable', `${url.host}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, {
      cause,
    });
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener('abort', abort);
    if (content instanceof Readable) content.destroy();
  }
}

async function exchange(
  outgoing: ClientRequest,
  content: Readable | Uint8Array | undefined,
  request: HttpRequest,
): Promise<HttpResponse> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    // A 101 is neither an answer nor an error: node:http closes a connection that nobody takes over, and tells no more of it.
    outgoing.once('close', () => reject(new HttpError('http-malformed', 'no answer, but another protocol')));
  });
  if (content instanceof Readable) content.on('error', (cause) => outgoing.destroy(cause)).pipe(outgoing);
  else outgoing.end(content);
  const response = await answered;
  const bytes = await collect(response, request);
  // The rest of a streamed body is of no use any more; a half-sent request cannot share its connection.
  if (!outgoing.writableFinished) outgoing.destroy();
  return { status: response.statusCode ?? 0, headers: flat(response), body: bytes };
}

/** The content of an answer, under its limit when it is plain: a small answer under gzip can be any size. */
async function collect(
  response: IncomingMessage,
  { responseBytesMax: bytesMax, onAnswerPart }: HttpRequest,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of plain(response)) {
    onAnswerPart?.();
    total += chunk.length;
    if (total > bytesMax) throw new HttpError('http-answer-too-large', `the answer is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
}

function plain(response: IncomingMessage): AsyncIterable<Uint8Array> {
  // RFC 9110 section 8.4.1: codings are case-insensitive, and x-gzip is gzip.
  const coding = response.headers['content-encoding']?.toLowerCase() || 'identity';
  if (coding === 'identity') return response;
  if (coding === 'gzip' || coding === 'x-gzip') return unzipped(response);
  throw new HttpError('http-malformed', `the answer is under ${coding}, which nobody asked for`);
}

async function* unzipped(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  const gunzip = pipeline(response, createGunzip(), () => undefined);
  try {
    yield* gunzip;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw cause;
    // No body, as of a 204, is no broken one.
    if (code === 'Z_BUF_ERROR' && gunzip.bytesWritten === 0) return;
    throw new HttpError('http-malformed', `the answer is broken gzip: ${code}`, { cause });
  }
}

function flat(response: IncomingMessage): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return out;
}
