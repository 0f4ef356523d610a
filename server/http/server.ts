/**
 * One HTTP server for every role: node:http around a request handler (a koa callback), with every limit named here.
 * Refuses what Node would silently mend: more than 100 headers is 431 before anything reads one of them
 * (Node drops the excess, an Authorization among them). Slow senders are cut by a minimum rate, not by a total time,
 * so that a large honest upload may take as long as it moves.
 * Errors below HTTP are answered as raw problem+json (RFC 9457). Not here: routes, codes of the application.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { StartError } from '../start-error.ts';

/** More header lines than this is 431. */
export const HEADERS_MAX = 100;
/** All header lines of a request together, in bytes; more is 431. */
export const HEADER_BYTES_MAX = 16_384;
/** Open connections; more are closed at once. */
const CONNECTIONS_MAX = 4096;
/** The headers of a request must have arrived after this time. */
const HEADERS_TIMEOUT_MS = 20_000;
/** A kept connection is closed after this time without a request. */
const KEEP_ALIVE_MS = 30_000;
/** A connection on which nothing moves either way is closed after this time. */
const IDLE_TIMEOUT_MS = 120_000;
/**
 * A request body must bring at least BODY_WINDOW_BYTES_MIN in every window of this length. It is as long as nothing at all may come, so that
 * a telephone may stand still in a tunnel and make up for it afterwards; whoever only drips has the same rate to keep over a longer time.
 */
const BODY_WINDOW_MS = IDLE_TIMEOUT_MS;
const BODY_WINDOW_BYTES_MIN = 16_384;
/** After close() is called, requests in flight have this long to finish. */
const CLOSE_DEADLINE_MS = 10_000;

const IDLE_POLL_MS = 50;

export interface ListenOptions {
  readonly host: string;
  /** 0 asks the system for a free port. */
  readonly port: number;
  readonly handler: (request: IncomingMessage, response: ServerResponse) => unknown;
  /** Length of the window in which a body must bring its minimum, for tests; BODY_WINDOW_MS when not given. */
  readonly bodyWindowMs?: number;
}

export interface HttpServer {
  /** `http://host:port` as it is listening now. */
  readonly url: string;
  readonly port: number;
  /**
   * Stops accepting, closes idle connections, lets requests in flight finish, then closes what is left.
   * @param deadlineMs how long requests in flight may take; CLOSE_DEADLINE_MS when not given
   */
  close(deadlineMs?: number): Promise<void>;
}

/**
 * Starts listening.
 * @throws StartError `port-in-use`, `listen-failed`
 */
export async function listen(options: ListenOptions): Promise<HttpServer> {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // The rate guard below replaces the total time, which would cut an honest large upload.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 5000,
    requireHostHeader: true,
  });
  // All header lines are kept so that they can be counted; their bytes are limited by maxHeaderSize.
  server.maxHeadersCount = 0;
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(IDLE_TIMEOUT_MS, (socket: Socket) => socket.destroy());
  server.on('clientError', answerClientError);

  const guard = rateGuard(options.bodyWindowMs ?? BODY_WINDOW_MS);
  let closing = false;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.rawHeaders.length / 2 > HEADERS_MAX) {
      refuse(response, HEADERS_TOO_MANY);
      return;
    }
    // Nothing is upgraded here. Node's parser, when it has passed over an Upgrade, may leave the next request of the connection unanswered.
    if (closing || request.headers.upgrade !== undefined) response.setHeader('connection', 'close');
    guard.watch(request);
    options.handler(request, response);
  });

  await bind(server, options.host, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    close: (deadlineMs = CLOSE_DEADLINE_MS) => {
      closing = true;
      return closeGracefully(server, deadlineMs).finally(guard.stop);
    },
  };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      const inUse = cause.code === 'EADDRINUSE';
      const message = inUse
        ? `${where} is already in use by another process`
        : `cannot listen on ${where}: ${cause.code}`;
      reject(new StartError(inUse ? 'port-in-use' : 'listen-failed', message, { cause }));
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function closeGracefully(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    // A connection becomes idle when its answer is done: Node closes only those that are idle already.
    const poll = setInterval(() => server.closeIdleConnections(), IDLE_POLL_MS);
    const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
    server.close(() => {
      clearInterval(poll);
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/**
 * Closes the connection of a request whose body arrives more slowly than the minimum. Time in which bytes wait for us,
 * because a disk is slow, is not held against the sender.
 */
function rateGuard(windowMs: number): { watch(request: IncomingMessage): void; stop(): void } {
  const open = new Map<IncomingMessage, number>();
  const timer = setInterval(() => {
    for (const [request, bytesBefore] of open) {
      const bytesNow = request.socket.bytesRead;
      const waitsForUs = request.readableLength > 0;
      if (request.complete) open.delete(request);
      else if (bytesNow - bytesBefore >= BODY_WINDOW_BYTES_MIN || waitsForUs) open.set(request, bytesNow);
      else request.socket.destroy();
    }
  }, windowMs);
  timer.unref();
  return {
    watch(request) {
      // Every request gets one whole window of its own: it starts with the minimum of a window in hand.
      open.set(request, request.socket.bytesRead - BODY_WINDOW_BYTES_MIN);
      request.once('close', () => open.delete(request));
    },
    stop: () => clearInterval(timer),
  };
}

interface RawProblem {
  readonly status: 400 | 408 | 431;
  readonly code: string;
  readonly detail: string;
}

const REASONS = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' };

const HEADERS_TOO_MANY: RawProblem = {
  status: 431,
  code: 'headers-too-many',
  detail: `请求头超过 ${HEADERS_MAX} 行。 There are more than ${HEADERS_MAX} header lines.`,
};
const HEADERS_TOO_LARGE: RawProblem = {
  status: 431,
  code: 'headers-too-large',
  detail: `请求头超过 ${HEADER_BYTES_MAX} 字节。 The header lines have more than ${HEADER_BYTES_MAX} bytes.`,
};
const REQUEST_TIMEOUT: RawProblem = {
  status: 408,
  code: 'request-timeout',
  detail: '请求头未在规定时间内到达。 The header lines did not arrive in time.',
};
const REQUEST_MALFORMED: RawProblem = {
  status: 400,
  code: 'request-malformed',
  detail: '这不是有效的 HTTP/1.1 请求。 This is not an HTTP/1.1 request.',
};

/** The same shape as the application's own problems (problem.ts). */
function problemBody({ status, code, detail }: RawProblem): string {
  const type = `urn:probata:problem:${code}`;
  return `${JSON.stringify({ type, title: code.replaceAll('-', ' '), status, code, detail })}\n`;
}

function refuse(response: ServerResponse, problem: RawProblem): void {
  response.writeHead(problem.status, { 'content-type': 'application/problem+json', connection: 'close' });
  response.end(problemBody(problem));
}

/** Answers what the HTTP parser refused, on the raw socket, and closes it. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const problem = clientProblem(error.code);
  const body = problemBody(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${REASONS[problem.status]}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function clientProblem(code: string | undefined): RawProblem {
  if (code === 'HPE_HEADER_OVERFLOW') return HEADERS_TOO_LARGE;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? REQUEST_TIMEOUT : REQUEST_MALFORMED;
}
