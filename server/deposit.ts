/**
 * `probata deposit`: hashes the files, sends them, waits until the deposit is certified, and writes what the platform gives for it.
 * Two passes over every file: the digests go ahead of the bytes, so that the platform refuses what changed on the way.
 * The idempotency key is made of what is sent: a connection that breaks is tried again, and the command given again, without a second deposit.
 * Done is said only when the certificate carries the digests computed here. Whether it is good is for probata-verify to say.
 *
 * Output: progress and sentences on stderr, nothing on stdout. Exit code 0 when the certificate is written, 1 otherwise.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readCertificatePdf } from '../certs/core/pdf-read.ts';
import { files as filesOf, header, parseRecord } from '../certs/core/record.ts';
import { CERTIFICATE_BYTES_MAX } from '../verifier/core/limits.ts';
import { DepositError, IDLE_MS, jsonOf, type Platform, post, read } from './deposit-exchange.ts';
import { FileError, type HashedFile, hashFile, multipartBody } from './deposit-upload.ts';
import { depositorToken } from './depositor-token.ts';
import { type HttpClient, openHttpClient } from './http/client.ts';
import { DEPOSITS_PATH, type DepositView } from './http/deposit-view.ts';
import { isIdempotencyKey } from './http/request.ts';
import { openProgress, type Progress } from './progress.ts';
import { StartError } from './start-error.ts';

export interface DepositOptions {
  readonly files: readonly string[];
  /** Of the platform; http://127.0.0.1:$PROBATA_PORT when not given. */
  readonly url?: string | undefined;
  /** As depositor-token.ts finds it when not given. */
  readonly token?: string | undefined;
  /** Where the certificate goes; ./<id> when not given. */
  readonly out?: string | undefined;
  /** Idempotency-Key; made of the files when not given. */
  readonly key?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stderr: NodeJS.WriteStream;
}

const VIEW_BYTES_MAX = 16 * 1024 * 1024;
/** Between two questions whether it is certified: grows to the larger, so that a long wait asks little. */
const POLL_MIN_MS = 200;
const POLL_MAX_MS = 3000;

const CERTIFICATE_FILE = 'certificate.pdf';
const PROOF_FILE = 'deposit.tlog-proof';

/** Runs the command. @returns the exit code */
export async function deposit(options: DepositOptions): Promise<number> {
  const progress = openProgress(options.stderr);
  const client = openHttpClient();
  try {
    await run(options, client, progress);
    return 0;
  } catch (error) {
    if (!(error instanceof DepositError || error instanceof FileError || error instanceof StartError)) throw error;
    progress.say(`probata: ${error.message}`);
    return 1;
  } finally {
    client.close();
  }
}

async function run(options: DepositOptions, { http }: HttpClient, progress: Progress): Promise<void> {
  const { env, key, out } = options;
  if (out !== undefined) refuseOverwrite(out);
  if (key !== undefined && !isIdempotencyKey(key)) {
    throw new DepositError('a --key is 1 to 255 visible ASCII characters');
  }
  const platform: Platform = {
    http,
    idleMs: IDLE_MS,
    pause,
    say: (text) => progress.say(text),
    url: (options.url ?? `http://127.0.0.1:${env['PROBATA_PORT'] ?? '8600'}`).replace(/\/+$/, ''),
    token: depositorToken(options.token, env),
  };
  const files: HashedFile[] = [];
  for (const [i, path] of options.files.entries()) {
    files.push(
      await hashFile(path, (share) => progress.bar(`hashing ${i + 1}/${options.files.length} ${path}`, share)),
    );
  }
  progress.say(`hashed ${files.length} ${files.length === 1 ? 'file' : 'files'}`);
  const view = await send(platform, files, key ?? keyOf(files), progress);
  progress.say(`received by ${platform.url} on ${view.received} as ${view.id}`);
  const folder = out ?? view.id;
  if (out === undefined) refuseOverwrite(folder);
  await waitCertified(platform, view, progress);
  const { body: certificate } = await read(platform, linkOf(view, 'certificate'), CERTIFICATE_BYTES_MAX);
  const { body: proof } = await read(platform, linkOf(view, 'proof'), VIEW_BYTES_MAX);
  checkCertificate(certificate, view.id, files);
  mkdirSync(folder, { recursive: true });
  writeWhole(join(folder, PROOF_FILE), proof);
  writeWhole(join(folder, CERTIFICATE_FILE), certificate);
  progress.say(`certified: ${join(folder, CERTIFICATE_FILE)}, ${join(folder, PROOF_FILE)}`);
}

/**
 * The same for the same files in the same order, whoever runs the command and when: an answer that was lost is not answered by a second
 * deposit. The platform keeps keys for each party, and for ever.
 */
function keyOf(files: readonly HashedFile[]): string {
  const named = files.map(({ name, size, sha256 }) => [name, size, sha256]);
  return createHash('sha256')
    .update(JSON.stringify(['probata deposit', 1, named]))
    .digest('hex');
}

async function send(
  platform: Platform,
  files: readonly HashedFile[],
  key: string,
  progress: Progress,
): Promise<DepositView> {
  progress.say(`sending under the key ${key}`);
  const answer = await post(platform, () => {
    const body = multipartBody(files, (share) => progress.bar('sending', share));
    const headers = { ...body.headers, 'idempotency-key': key };
    return { path: DEPOSITS_PATH, headers, body: body.chunks, responseBytesMax: VIEW_BYTES_MAX };
  });
  return jsonOf(answer);
}

async function waitCertified(platform: Platform, first: DepositView, progress: Progress): Promise<void> {
  const said = new Set<string>();
  let view = first;
  for (let pollMs = POLL_MIN_MS; ; pollMs = Math.min(pollMs * 1.2, POLL_MAX_MS)) {
    const line = `${view.state}: ${view.message.en} ${view.message.zh}`;
    if (!said.has(line)) progress.say(line);
    said.add(line);
    if (view.state === 'certified') return;
    await pause(pollMs);
    view = jsonOf(await read(platform, linkOf(first, 'self'), VIEW_BYTES_MAX));
  }
}

function linkOf({ links }: DepositView, name: string): string {
  const path = links[name];
  if (path === undefined) throw new DepositError(`the platform names no ${name} of this deposit`);
  return path;
}

/** The certificate is about these files: same digests, same order, same deposit. */
function checkCertificate(certificate: Uint8Array, id: string, files: readonly HashedFile[]): void {
  const record = parseRecord(readCertificatePdf(certificate).attachments['record.json']);
  const carried = filesOf(record).map(({ sha256 }) => sha256);
  const same = header(record).id === id && carried.join() === files.map(({ sha256 }) => sha256).join();
  if (!same)
    throw new DepositError(`the certificate of ${id} does not carry the digests of these files; it was not written`);
}

function refuseOverwrite(folder: string): void {
  const path = join(folder, CERTIFICATE_FILE);
  if (existsSync(path)) throw new DepositError(`${path} exists; choose another folder with --out`);
}

/** A file that is there is whole. */
function writeWhole(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.part`, bytes);
  renameSync(`${path}.part`, path);
}
