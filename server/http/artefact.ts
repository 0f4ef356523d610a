/**
 * Private artefacts as answers: always a download, never cached, never interpreted, whatever a stranger put in them.
 * Stored bytes are compared with their digest on the way out: of bytes that are not the ones once taken in, the last part is
 * withheld and the connection broken, so that a reader can never take them for the original.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Context } from 'koa';

export interface Artefact {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: number;
}

/** Answers with bytes at hand. */
export function sendBytes(ctx: Context, name: string, contentType: string, body: Uint8Array | string): void {
  const buffer = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length);
  send(ctx, { name, contentType, bytes: buffer.length }, buffer);
}

/**
 * Answers with stored bytes, checked as they pass.
 * @param sha256 lower-case hex, of all of them
 */
export function sendStored(ctx: Context, artefact: Artefact, chunks: AsyncIterable<Uint8Array>, sha256: string): void {
  send(ctx, artefact, Readable.from(checked(chunks, sha256), { objectMode: false }));
}

function send(ctx: Context, { name, contentType, bytes }: Artefact, body: Buffer | Readable): void {
  ctx.status = 200;
  ctx.body = body;
  ctx.type = contentType;
  ctx.length = bytes;
  ctx.set({
    'Cache-Control': 'no-store',
    'Content-Disposition': contentDisposition(name),
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
}

/** The chunks, the last one only once the digest of all is right. */
async function* checked(chunks: AsyncIterable<Uint8Array>, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | undefined;
  for await (const chunk of chunks) {
    if (held !== undefined) yield held;
    hash.update(chunk);
    held = chunk;
  }
  if (hash.digest('hex') !== sha256) throw new Error('stored bytes do not have their digest');
  if (held !== undefined) yield held;
}

/**
 * RFC 6266: an ASCII name every client understands, and the true one in UTF-8 (RFC 8187). Neither can end the header.
 */
export function contentDisposition(name: string): string {
  const ascii = name.replaceAll(/[^A-Za-z0-9 ._-]/g, '_');
  return `attachment; filename="${ascii}"; filename*=${extendedValue(name)}`;
}

/** RFC 8187 section 3.2.1: a text as the value of a parameter whose name ends in `*`. */
export function extendedValue(text: string): string {
  return `UTF-8''${encodeURIComponent(text).replaceAll(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`;
}
