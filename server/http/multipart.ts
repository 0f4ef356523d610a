/**
 * Reads a multipart/form-data deposit (RFC 7578): one optional `declaration` part (JSON), any number of `file` parts, in any
 * order. Files go on, chunk by chunk, to the sink; they are handled strictly one after the other.
 * The request is read no faster than files are handled, so memory stays bounded however many small files come.
 * The request stream is left undestroyed: an answer must still be possible on its connection.
 */

import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import { FILES_MAX } from '../intake/limits.ts';
import { Refusal } from '../refusal.ts';
import { boundaryOf, PartHeads } from './part-heads.ts';
import { bodyChunks } from './request.ts';

export interface MultipartFile {
  /** As the client means it. */
  readonly name: string;
  /** As the client sent it, with its parameters. */
  readonly mediaType: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface MultipartOptions {
  readonly jsonBytesMax: number;
  /** Takes one file; the next one comes when it resolves. */
  readonly onFile: (file: MultipartFile, number: number) => Promise<void>;
}

/** Files waiting to be handled before the request is read on. */
const BACKLOG_MAX = 64;

/**
 * @returns the bytes of the declaration, or undefined when there is none
 * @throws Refusal multipart-malformed, body-truncated, unknown-field, declaration-repeated, body-too-large, utf8-invalid,
 *   file-missing, files-too-many, name-missing; whatever `onFile` throws
 */
export async function readMultipart(
  request: IncomingMessage,
  options: MultipartOptions,
): Promise<Uint8Array | undefined> {
  const boundary = boundaryOf(request.headers['content-type'] ?? '');
  const heads = new PartHeads(boundary);
  const parts = new Parts(options, heads);
  const parser = openParser(boundary, options.jsonBytesMax);
  parser.on('file', (field, stream, { filename }) => parts.file(field, stream, filename));
  parser.on('field', (field, value, { valueTruncated }) => parts.field(field, value, valueTruncated));
  parser.on('filesLimit', () => parts.fail(new Refusal('files-too-many', { limit: FILES_MAX })));
  parser.on('partsLimit', () => parts.fail(new Refusal('files-too-many', { limit: FILES_MAX })));
  parser.on('error', (cause) => parts.fail(malformed(cause)));
  try {
    await Promise.race([pump(request, parser, parts, heads), parts.failed]);
    await Promise.race([parts.handled(), parts.failed]);
  } finally {
    parser.destroy();
    await parts.handled().catch(() => {});
  }
  if (parts.seen !== heads.count) {
    throw new Refusal('multipart-malformed', { reason: 'a part has no usable Content-Disposition' });
  }
  if (parts.files === 0) throw new Refusal('file-missing');
  return parts.declaration;
}

function openParser(boundary: string, jsonBytesMax: number): busboy.Busboy {
  return busboy({
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    // Names are data, not paths: kept whole. RFC 7578 section 5.1: sent as UTF-8 without an encoding of their own.
    preservePath: true,
    defParamCharset: 'utf8',
    limits: { files: FILES_MAX + 1, fields: 2, fieldSize: jsonBytesMax + 1, parts: FILES_MAX + 4 },
  });
}

function malformed(cause: unknown): Refusal {
  return new Refusal('multipart-malformed', { reason: (cause as Error).message }, { cause });
}

async function pump(request: IncomingMessage, parser: busboy.Busboy, parts: Parts, heads: PartHeads): Promise<void> {
  const closed = new Promise<void>((resolve) => parser.once('close', resolve));
  for await (const chunk of bodyChunks({ req: request })) {
    if (parser.destroyed) return;
    heads.take(chunk);
    if (!parser.write(chunk)) {
      await Promise.race([new Promise<void>((resolve) => parser.once('drain', resolve)), parts.failed]);
    }
    if (parts.backlog > BACKLOG_MAX) await Promise.race([parts.earlier(), parts.failed]);
  }
  parser.end();
  await closed;
}

/** How browsers, and after them others, write `"`, CR and LF in a name (HTML, multipart/form-data encoding algorithm). They escape nothing else. */
const FORM_ESCAPE = /%22|%0D|%0A/g;

/** What has come so far. Every handler only queues; the first failure is the answer. */
class Parts {
  declaration: Uint8Array | undefined;
  files = 0;
  /** Parts of any kind. */
  seen = 0;
  backlog = 0;
  readonly failed: Promise<never>;
  readonly #options: MultipartOptions;
  readonly #heads: PartHeads;
  #reject: (error: unknown) => void = () => {};
  #failed = false;
  #earlier: Promise<void> = Promise.resolve();
  #last: Promise<void> = Promise.resolve();

  constructor(options: MultipartOptions, heads: PartHeads) {
    this.#options = options;
    this.#heads = heads;
    this.failed = new Promise((_resolve, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => {});
  }

  fail(error: unknown): void {
    this.#failed = true;
    this.#reject(error);
  }

  /** Resolves when every file but the newest is handled; the newest may still need more of the request. */
  earlier(): Promise<void> {
    return this.#earlier;
  }

  /** Resolves when every part seen so far is handled. */
  handled(): Promise<void> {
    return this.#last;
  }

  field(field: string, value: string, truncated: boolean): void {
    const { isUtf8 } = this.#heads.next();
    this.seen += 1;
    // A file without a name comes as a field.
    if (field === 'file') this.fail(new Refusal('name-missing', { file: this.files + 1 }));
    else if (field !== 'declaration') this.fail(new Refusal('unknown-field', { field }));
    else if (truncated) this.fail(new Refusal('body-too-large', { limit: this.#options.jsonBytesMax }));
    // The parser has read it by the charset of its head, and JSON is UTF-8 (RFC 8259 section 8.1).
    else if (!isUtf8) this.fail(new Refusal('utf8-invalid', { field }));
    // It replaces what is not UTF-8; a text with the replacement in it is damaged either way.
    else if (value.includes('\uFFFD')) this.fail(new Refusal('utf8-invalid', { field }));
    else this.#declare(Buffer.from(value, 'utf8'));
  }

  file(field: string, stream: Readable, filename: string | undefined): void {
    stream.on('error', (cause) => this.fail(malformed(cause)));
    const head = this.#heads.next();
    const name = head.hasExtendedName ? filename : filename?.replaceAll(FORM_ESCAPE, decodeURIComponent);
    // RFC 7578 section 4.4: text/plain when nothing is said.
    const mediaType = head.contentType ?? 'text/plain';
    if (field !== 'file' && field !== 'declaration') this.fail(new Refusal('unknown-field', { field }));
    if (field === 'declaration' && !head.isUtf8) this.fail(new Refusal('utf8-invalid', { field }));
    this.seen += 1;
    this.backlog += 1;
    const number = field === 'file' ? ++this.files : 0;
    this.#earlier = this.#last;
    this.#last = this.#last.then(async () => {
      this.backlog -= 1;
      try {
        if (this.#failed) throw new Error('the deposit is refused already');
        if (field === 'declaration') this.#declare(await collect(stream, this.#options.jsonBytesMax));
        else await this.#take(stream, name, mediaType, number);
      } catch (error) {
        this.fail(error);
        stream.destroy();
      }
    });
  }

  async #take(stream: Readable, name: string | undefined, mediaType: string, number: number): Promise<void> {
    if (number > FILES_MAX) throw new Refusal('files-too-many', { limit: FILES_MAX });
    if (name === undefined || name === '') throw new Refusal('name-missing', { file: number });
    await this.#options.onFile({ name, mediaType, chunks: stream }, number);
  }

  #declare(bytes: Uint8Array): void {
    if (this.declaration !== undefined) this.fail(new Refusal('declaration-repeated'));
    this.declaration = bytes;
  }
}

async function collect(stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Refusal('body-too-large', { limit: bytesMax });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
