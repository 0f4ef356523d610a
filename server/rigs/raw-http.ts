/**
 * A client of HTTP/1.1 that sends the bytes it is given, right or wrong, and reads what comes back. Nothing is mended: what a library would
 * refuse to send is what a server must survive.
 */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** A server that is silent for this long is hung: a finding. */
const HUNG_MS = 60_000;

/** One connection, kept as long as the server keeps it. */
export class KeptConnection {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * Sends one whole request and reads its answer. A kept connection may have been closed as idle just then: the request is sent again on a
   * new one (RFC 9112 section 9.3.1).
   * @param head the answer has no body, whatever its headers say
   * @returns undefined when a new connection was closed without a whole answer
   */
  async exchange(request: Uint8Array, head: boolean): Promise<RawAnswer | undefined> {
    const kept = this.#socket !== undefined;
    const answer = await this.#exchangeOnce(request, head);
    return answer === undefined && kept ? this.#exchangeOnce(request, head) : answer;
  }

  async #exchangeOnce(request: Uint8Array, head: boolean): Promise<RawAnswer | undefined> {
    const socket = this.#socket ?? (await open(this.#port));
    this.#socket = socket;
    const { answers, closed } = await collect(socket, request, (received) => parseAnswers(received, head, 1));
    const answer = answers[0];
    if (closed || answer?.headers.get('connection') === 'close') this.close();
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

/** Sends bytes on a connection of their own, ends it, and reads every answer until the server closes. */
export async function sendAlone(port: number, bytes: Uint8Array): Promise<RawAnswer[]> {
  const socket = await open(port);
  const { answers } = await collect(socket, bytes, () => [], true);
  socket.destroy();
  return answers;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function collect(
  socket: Socket,
  request: Uint8Array,
  parse: (received: Buffer) => RawAnswer[],
  alone = false,
): Promise<{ answers: RawAnswer[]; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const finish = (closed: boolean, answers: RawAnswer[]): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      // An error after the answer is nobody's: the connection is not used again.
      socket.on('error', () => {});
      resolve({ answers, closed });
    };
    const over = (): void => {
      const received = Buffer.concat(chunks);
      finish(true, alone ? parseAnswers(received, false, Number.POSITIVE_INFINITY) : parse(received));
    };
    const timer = setTimeout(() => reject(new Error(`no answer in ${HUNG_MS} ms`)), HUNG_MS);
    socket.removeAllListeners();
    socket.on('error', over).on('end', over).on('close', over);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const answers = parse(Buffer.concat(chunks));
      if (answers.length > 0) finish(false, answers);
    });
    if (alone) socket.end(request);
    else socket.write(request);
  });
}

/** The whole answers at the start of what was received, interim ones left out. */
function parseAnswers(received: Buffer, head: boolean, most: number): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received;
  while (answers.length < most) {
    const parsed = parseAnswer(rest, head);
    if (parsed === undefined) break;
    if (parsed.answer.status >= 200) answers.push(parsed.answer);
    rest = rest.subarray(parsed.length);
  }
  return answers;
}

function parseAnswer(bytes: Buffer, head: boolean): { answer: RawAnswer; length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`the server sent no HTTP: ${JSON.stringify(statusLine.slice(0, 100))}`);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const start = end + 4;
  const answer = (body: Buffer, length: number) => ({ answer: { status, headers, body }, length });
  if (head || status < 200 || status === 204 || status === 304) return answer(Buffer.alloc(0), start);
  if (headers.get('transfer-encoding') === 'chunked') {
    const chunked = parseChunks(bytes, start);
    return chunked === undefined ? undefined : answer(chunked.body, chunked.end);
  }
  const length = Number(headers.get('content-length') ?? 0);
  if (bytes.length < start + length) return undefined;
  return answer(bytes.subarray(start, start + length), start + length);
}

function parseChunks(bytes: Buffer, start: number): { body: Buffer; end: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { body: Buffer.concat(chunks), end: next };
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
