// Reads what the command line names, within limits. Evidence is hashed while it streams: a file may be larger than memory.
// Complaints are CliErrors; what the bytes mean is the verifier's business.

import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Evidence } from '../core/check-evidence.ts';
import { CERTIFICATE_BYTES_MAX, TRUST_BYTES_MAX } from '../core/limits.ts';

/** Bytes of evidence in memory at once. */
const CHUNK_BYTES = 1 << 20;

/** Something about the command line or the files it names, for the person who typed it. */
export class CliError extends Error {}

/**
 * The bytes of a certificate.
 * @throws CliError no such file, a folder, not readable
 */
export async function readCertificate(path: string): Promise<Uint8Array> {
  const size = await sizeOf(path);
  // Too long to be one: the verifier says so by the length alone, so not a byte of it is read.
  if (size > CERTIFICATE_BYTES_MAX) return new Uint8Array(CERTIFICATE_BYTES_MAX + 1);
  return readFile(path).catch(refuse(path));
}

/** The bytes of a trust bundle. @throws CliError as above, and for a file too large to be one */
export async function readTrust(path: string): Promise<Uint8Array> {
  const size = await sizeOf(path);
  if (size > TRUST_BYTES_MAX) throw new CliError(`${path}: too large to be a trust bundle (${size} bytes)`);
  return readFile(path).catch(refuse(path));
}

/** Size and digests of a file of evidence. @throws CliError as above */
export async function hashEvidence(path: string): Promise<Evidence> {
  await sizeOf(path);
  const [sha256, sm3] = [createHash('sha256'), createHash('sm3')];
  let size = 0;
  const file = await open(path, 'r').catch(refuse(path));
  // One buffer for all of it: a large file needs no more memory than a small one.
  const buffer = new Uint8Array(CHUNK_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      size += bytesRead;
      sha256.update(chunk);
      sm3.update(chunk);
    }
  } catch (error) {
    refuse(path)(error);
  } finally {
    await file.close();
  }
  return { name: basename(path), size, sha256: sha256.digest('hex'), sm3: sm3.digest('hex') };
}

/** Bytes of an ordinary file. */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(refuse(path));
  if (found.isDirectory()) throw new CliError(`${path}: 是文件夹 is a folder, not a file`);
  if (!found.isFile()) throw new CliError(`${path}: 不是普通文件 is not an ordinary file`);
  return found.size;
}

/** Turns what the file system says into a complaint about the file named. */
function refuse(path: string): (error: unknown) => never {
  return (cause) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const why = code === 'ENOENT' ? '没有此文件 no such file' : `无法读取 cannot be read (${code})`;
    throw new CliError(`${path}: ${why}`, { cause });
  };
}
