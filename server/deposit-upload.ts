/**
 * The files of `probata deposit`: hashed in one pass, sent in a second, never whole in memory.
 * The body is multipart/form-data with a known length: the declaration with all digests first, then the files in order.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { extendedValue } from './http/artefact.ts';
import { checkFileName } from './intake/declaration.ts';
import { Refusal } from './refusal.ts';

/** A file that cannot be deposited; the message is a sentence that names it. */
export class FileError extends Error {}

export interface HashedFile {
  readonly path: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Reads a file once.
 * @param onShare told how far it is, 0..1
 * @throws FileError
 */
export async function hashFile(path: string, onShare: (share: number) => void): Promise<HashedFile> {
  const name = basename(path);
  const { size, isFile } = await stat(path).then(
    (found) => ({ size: found.size, isFile: found.isFile() }),
    (cause) => {
      throw new FileError(`${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
    },
  );
  if (!isFile) throw new FileError(`${path} is not a file`);
  if (size === 0) throw new FileError(`${path} is empty`);
  try {
    checkFileName(name, 1);
  } catch (error) {
    if (error instanceof Refusal) throw new FileError(`${path}: its name cannot be deposited (${error.code})`);
    throw error;
  }
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunksOf(path)) {
    hash.update(chunk);
    bytes += chunk.length;
    onShare(bytes / size);
  }
  if (bytes !== size) throw new FileError(`${path} changed while it was read`);
  return { path, name, size, sha256: hash.digest('hex') };
}

export interface MultipartBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** @param onShare told how much of the whole is sent, 0..1 */
export function multipartBody(files: readonly HashedFile[], onShare: (share: number) => void): MultipartBody {
  const boundary = `probata-${randomBytes(16).toString('hex')}`;
  const declaration = JSON.stringify({ files: files.map(({ size, sha256 }) => ({ size, sha256 })) });
  const opening = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="declaration"\r\nContent-Type: application/json\r\n\r\n${declaration}`,
  );
  const heads = files.map(({ name }) =>
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Disposition: form-data; name="file"; ${filename(name)}\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
  );
  const closing = Buffer.from(`\r\n--${boundary}--\r\n`);
  const total = [opening, ...heads, closing].reduce((sum, { length }) => sum + length, 0) + bytesOf(files);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const chunk of allChunks(opening, heads, closing, files)) {
      yield chunk;
      sent += chunk.length;
      onShare(sent / total);
    }
  }
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'content-length': String(total) },
    chunks: chunks(),
  };
}

async function* allChunks(
  opening: Uint8Array,
  heads: readonly Uint8Array[],
  closing: Uint8Array,
  files: readonly HashedFile[],
): AsyncGenerator<Uint8Array> {
  yield opening;
  for (const [i, head] of heads.entries()) {
    yield head;
    yield* sameChunksOf(files[i] as HashedFile);
  }
  yield closing;
}

/** The bytes of a file, as many as were hashed: a length was promised to the platform. */
async function* sameChunksOf({ path, size }: HashedFile): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunksOf(path)) {
    bytes += chunk.length;
    if (bytes > size) break;
    yield chunk;
  }
  if (bytes !== size) throw new FileError(`${path} changed while it was sent`);
}

function bytesOf(files: readonly HashedFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

function chunksOf(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: CHUNK_BYTES });
}

/**
 * RFC 7578 section 4.2 with RFC 2045 quoting: the name as UTF-8, quote and backslash escaped. One that holds what browsers write
 * for a quote or a line break, and the platform reads so, is given without room for that.
 */
function filename(name: string): string {
  const plain = `filename="${name.replaceAll(/["\\]/g, '\\$&')}"`;
  return /%22|%0D|%0A/.test(name) ? `${plain}; filename*=${extendedValue(name)}` : plain;
}
