/**
 * HTTP requests as data, and what a bad sender makes of them: another body, path, header or method inside sound framing, or framing that
 * is itself broken. Not here: the messages inside (mutator.ts), what may be answered (bad-input.ts).
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { mutate, pick, type Random } from './mutator.ts';

export interface Message {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Without Host, Content-Length and Transfer-Encoding. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** What was changed decides what may be answered. */
export type MutantClass = 'body' | 'path' | 'header' | 'framing';

export interface Mutant {
  readonly class: MutantClass;
  readonly method: string;
  readonly path: string;
  /** The bytes that go on the wire. */
  readonly bytes: Buffer;
  /** The body, as the receiver should understand it; that of a broken framing is anybody's guess. */
  readonly body: Uint8Array;
}

/** Headers that stay: without its key, a changed deposit would be a new one (bad-input.ts). */
const KEPT = new Set(['idempotency-key']);

const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'];
const HEADERS: readonly (readonly [string, string])[] = [
  ['Expect', '100-continue'],
  ['Expect', 'the unexpected'],
  ['Content-Encoding', 'gzip'],
  ['Content-Encoding', 'br'],
  ['Content-Encoding', 'gzip, gzip'],
  ['Content-Type', 'text/plain'],
  ['Content-Type', 'multipart/form-data'],
  ['Content-Type', `multipart/form-data; boundary=${'x'.repeat(300)}`],
  ['Content-Type', ''],
  ['Accept-Encoding', 'gzip;q=0, *;q=0.001'],
  ['Accept-Encoding', 'q=q=q;;;'],
  ['Range', 'bytes=0-0,1-1,-99999999999999999999'],
  ['If-None-Match', '*'],
  ['If-Modified-Since', 'yesterday'],
  ['Prefer', 'wait=99999999999999999999'],
  ['Authorization', 'Bearer'],
  ['Authorization', `Bearer ${'a'.repeat(4000)}`],
  ['Authorization', 'Basic Zm9vOmJhcg=='],
  ['Cookie', 'a=b; '.repeat(200)],
  ['X-Forwarded-For', '127.0.0.1'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['Upgrade', 'h2c'],
  ['Connection', 'close'],
  ['Connection', 'keep-alive, Upgrade'],
  ['Origin', 'null'],
  ['X-Long', 'x'.repeat(17_000)],
  ['X-Latin', 'ÿþ'],
];

/** The bytes of a request with sound framing. */
export function encodeRequest(message: {
  readonly method: string;
  readonly path: string;
  readonly headers: Message['headers'];
  readonly body: Uint8Array;
}): Buffer {
  const { method, path, headers, body } = message;
  const length = method === 'GET' && body.length === 0 ? [] : [['Content-Length', String(body.length)] as const];
  const lines = [['Host', '127.0.0.1'] as const, ...headers, ...length].map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** One mutant of one of the messages. */
export function mutantOf(messages: readonly Message[], random: Random): Mutant {
  const message = pick(random, messages);
  const dice = random(100);
  if (dice < 4) return framingMutant(message, random);
  if (dice < 14) return headerMutant(message, random);
  return message.method === 'GET' ? pathMutant(messages, message, random) : bodyMutant(messages, message, random);
}

function sound(kind: MutantClass, message: Omit<Message, 'method'> & { method: string }): Mutant {
  return { class: kind, method: message.method, path: message.path, bytes: encodeRequest(message), body: message.body };
}

function bodyMutant(messages: readonly Message[], message: Message, random: Random): Mutant {
  const others = messages.filter(({ method }) => method === message.method).map(({ body }) => Buffer.from(body));
  const body = mutate(message.body, random, others);
  if (message.path.endsWith('/add-entries') && random(4) === 0) return compressed(message, body, random);
  return sound('body', { ...message, body });
}

/** The body under gzip, sound or damaged; a damaged one ends where it breaks. */
function compressed(message: Message, plain: Buffer, random: Random): Mutant {
  const whole = gzipSync(plain, { level: 1 });
  const body = random(2) === 0 ? whole : mutate(whole, random, [whole]);
  const headers = [...message.headers, ['Content-Encoding', 'gzip'] as const];
  return { ...sound('body', { ...message, headers, body }), body: unzipped(body) ?? plain };
}

/** What a changed stream holds after all: a member that stands in it twice is its text twice. */
function unzipped(body: Buffer): Buffer | undefined {
  try {
    return gunzipSync(body);
  } catch {
    return undefined;
  }
}

function pathMutant(messages: readonly Message[], message: Message, random: Random): Mutant {
  const others = messages.map(({ path }) => Buffer.from(path));
  const path = mutate(Buffer.from(message.path), random, others).toString('latin1');
  // What ends the request line, or makes it another protocol, is broken framing.
  const isSound = /^\/[\x21-\x7e\x80-\xff]*$/.test(path);
  const mutant = sound('path', { ...message, path });
  return isSound ? mutant : { ...mutant, class: 'framing' };
}

function headerMutant(message: Message, random: Random): Mutant {
  const headers = message.headers.filter(([name]) => KEPT.has(name.toLowerCase()) || random(8) > 0);
  switch (random(6)) {
    case 0:
      return sound('header', { ...message, headers: [...headers, pick(random, HEADERS), pick(random, HEADERS)] });
    case 1:
      return sound('header', {
        ...message,
        headers: [...headers, ...Array.from({ length: 95 + random(20) }, (_, i) => [`X-${i}`, 'y'] as const)],
      });
    case 2: {
      const method = pick(random, METHODS);
      return sound('header', { ...message, method });
    }
    case 3: {
      const [name, value] = pick(random, HEADERS);
      return sound('header', { ...message, headers: [[name, value], ...headers] });
    }
    case 4:
      return sound('header', {
        ...message,
        path: `${message.path}${pick(random, ['/', '?', '?a=b', '//', '/..', '%00', ';'])}`,
      });
    default:
      return chunkedMutant({ ...message, headers }, random);
  }
}

/** The same body in chunks: another framing of the same message. */
function chunkedMutant(message: Message, random: Random): Mutant {
  const chunks: Buffer[] = [];
  for (let at = 0; at < message.body.length; ) {
    const chunk = message.body.subarray(at, at + 1 + random(2000));
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), Buffer.from(chunk), Buffer.from('\r\n'));
    at += chunk.length;
  }
  const headers = [...message.headers, ['Transfer-Encoding', 'chunked'] as const];
  const lines = [['Host', '127.0.0.1'] as const, ...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const start = Buffer.from(`${message.method} ${message.path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  const bytes = Buffer.concat([start, ...chunks, Buffer.from('0\r\n\r\n')]);
  return { class: 'header', method: message.method, path: message.path, bytes, body: message.body };
}

function framingMutant(message: Message, random: Random): Mutant {
  const bytes = encodeRequest(message);
  const text = bytes.toString('latin1');
  const broken = (changed: string): Mutant => ({
    class: 'framing',
    method: message.method,
    path: message.path,
    bytes: Buffer.from(changed, 'latin1'),
    body: message.body,
  });
  const length = `Content-Length: ${message.body.length}`;
  switch (random(10)) {
    case 0:
      return broken(text.slice(0, random(text.length)));
    case 1:
      return broken(text.replace(length, `Content-Length: ${message.body.length + 1 + random(1000)}`));
    case 2:
      return broken(text.replace(length, `Content-Length: ${random(message.body.length + 1)}`));
    case 3:
      return broken(text.replace(length, `${length}\r\nContent-Length: 3`));
    case 4:
      return broken(text.replace(length, `${length}\r\nTransfer-Encoding: chunked`));
    case 5:
      return broken(text.replace('\r\n\r\n', '\r\nTransfer-Encoding: xchunked\r\n\r\n'));
    case 6:
      return broken(text.replaceAll('\r\n', '\n'));
    case 7:
      return broken(text.replace('Host: 127.0.0.1\r\n', pick(random, ['', 'Host: a\r\nHost: b\r\n', 'Host : a\r\n'])));
    case 8:
      return broken(
        text.replace('HTTP/1.1', pick(random, ['HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1 ', 'http/1.1', 'RTSP/1.0'])),
      );
    default:
      return broken(text.replace(' ', pick(random, ['  ', '\t', '\0', ' /\r\nX: '])));
  }
}
