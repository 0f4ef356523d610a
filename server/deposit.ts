/**
 * `probata deposit`: hashes the files, sends them, waits until the deposit is certified, and writes what the platform gives for it.
 * Two passes over every file: the digests go ahead of the bytes, so that the platform refuses what changed on the way.
 * The idempotency key is made here, before anything is sent: a connection that breaks is tried again without a second deposit.
 * Done is said only when the certificate carries the digests computed here. Whether it is good is for probata-verify to say.
 *
 * Output: progress and sentences on stderr, nothing on stdout. Exit code 0 when the certificate is written, 1 otherwise.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readCertificatePdf } from '../certs/core/pdf-read.ts';
import { files as filesOf, header, parseRecord } from '../certs/core/record.ts';
import type { Http } from '../ledger/log/ports.ts';
import { CERTIFICATE_BYTES_MAX } from '../verifier/core/limits.ts';
import { FileError, type HashedFile, hashFile, multipartBody } from './deposit-upload.ts';
import { HttpError, openHttpClient } from './http/client.ts';
import type { DepositView } from './http/deposit-view.ts';
import { openProgress, type Progress } from './progress.ts';

export interface DepositOptions {
  readonly files: readonly string[];
  /** Of the platform; http://127.0.0.1:$PROBATA_PORT when not given. */
  readonly url?: string | undefined;
  /** $PROBATA_TOKEN, or the file `token` in $PROBATA_DATA, when not given. */
  readonly token?: string | undefined;
  /** Where the certificate goes; ./<id> when not given. */
  readonly out?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stderr: NodeJS.WriteStream;
}

/** Sending may take as long as it moves; the platform cuts connections that do not. */
const UPLOAD_TIMEOUT_MS = 24 * 60 * 60 * 1000;
const READ_TIMEOUT_MS = 30_000;
const VIEW_BYTES_MAX = 16 * 1024 * 1024;
/** Pauses between attempts when the platform cannot be reached or asks for patience. */
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
/** Between two questions whether it is certified: grows to the larger, so that a long wait asks little. */
const POLL_MIN_MS = 200;
const POLL_MAX_MS = 3000;
/** A platform that does not answer for this long while we wait ends the wait. */
const SILENCE_MS = 60_000;

const CERTIFICATE_FILE = 'certificate.pdf';
const PROOF_FILE = 'deposit.tlog-proof';

/** What ends the command: one sentence for the person at the terminal. */
class DepositError extends Error {}

/** Runs the command. @returns the exit code */
export async function deposit(options: DepositOptions): Promise<number> {
  const progress = openProgress(options.stderr);
  const client = openHttpClient();
  try {
    await run(options, client.http, progress);
    return 0;
  } catch (error) {
    if (!(error instanceof DepositError || error instanceof FileError)) throw error;
    progress.say(`probata: ${error.message}`);
    return 1;
  } finally {
    client.close();
  }
}

async function run(options: DepositOptions, http: Http, progress: Progress): Promise<void> {
  const { env } = options;
  const out = options.out;
  if (out !== undefined) refuseOverwrite(out);
  const platform: Remote = {
    http,
    url: (options.url ?? `http://127.0.0.1:${env['PROBATA_PORT'] ?? '8600'}`).replace(/\/+$/, ''),
    token: options.token ?? env['PROBATA_TOKEN'] ?? tokenFromData(env['PROBATA_DATA'] ?? 'data'),
  };
  const files: HashedFile[] = [];
  for (const [i, path] of options.files.entries()) {
    files.push(
      await hashFile(path, (share) => progress.bar(`hashing ${i + 1}/${options.files.length} ${path}`, share)),
    );
  }
  progress.say(`hashed ${files.length} ${files.length === 1 ? 'file' : 'files'}`);
  const view = await send(platform, files, progress);
  progress.say(`received by ${platform.url} as ${view.id}`);
  const folder = out ?? view.id;
  if (out === undefined) refuseOverwrite(folder);
  await waitCertified(platform, view, progress);
  const certificate = await fetchBytes(platform, view.links['certificate'], CERTIFICATE_BYTES_MAX);
  const proof = await fetchBytes(platform, view.links['proof'], VIEW_BYTES_MAX);
  checkCertificate(certificate, view.id, files);
  mkdirSync(folder, { recursive: true });
  writeWhole(join(folder, PROOF_FILE), proof);
  writeWhole(join(folder, CERTIFICATE_FILE), certificate);
  progress.say(`certified: ${join(folder, CERTIFICATE_FILE)}, ${join(folder, PROOF_FILE)}`);
}

/** The platform as this command talks to it. */
interface Remote {
  readonly http: Http;
  readonly url: string;
  readonly token: string;
}

type Answer = Awaited<ReturnType<Http>>;

async function send(platform: Remote, files: readonly HashedFile[], progress: Progress): Promise<DepositView> {
  const key = randomUUID();
  for (let attempt = 0; ; attempt += 1) {
    const body = multipartBody(files, (share) => progress.bar('sending', share));
    const outcome = await ask(platform, {
      method: 'POST',
      url: `${platform.url}/api/v1/deposits`,
      headers: { ...body.headers, 'idempotency-key': key },
      body: body.chunks,
      timeoutMs: UPLOAD_TIMEOUT_MS,
      responseBytesMax: VIEW_BYTES_MAX,
    });
    if (typeof outcome !== 'string' && (outcome.status === 202 || outcome.status === 201)) return json(outcome);
    const why = typeof outcome === 'string' ? outcome : problemText(outcome);
    const retryMs = RETRY_MS[attempt];
    if (retryMs === undefined || (typeof outcome !== 'string' && outcome.status !== 503)) throw new DepositError(why);
    progress.say(`${why}; trying again`);
    await pause(retryMs);
  }
}

async function waitCertified(platform: Remote, first: DepositView, progress: Progress): Promise<void> {
  const said = new Set<string>();
  let view = first;
  let heardMs = Date.now();
  for (let pollMs = POLL_MIN_MS; ; pollMs = Math.min(pollMs * 1.2, POLL_MAX_MS)) {
    const line = `${view.state}: ${view.message.en} ${view.message.zh}`;
    if (!said.has(line)) progress.say(line);
    said.add(line);
    if (view.state === 'certified') return;
    await pause(pollMs);
    const outcome = await ask(platform, {
      method: 'GET',
      url: `${platform.url}${first.links['self']}`,
      timeoutMs: READ_TIMEOUT_MS,
      responseBytesMax: VIEW_BYTES_MAX,
    });
    if (typeof outcome !== 'string' && outcome.status === 200) {
      view = json(outcome);
      heardMs = Date.now();
    } else if (typeof outcome !== 'string' && outcome.status < 500) {
      throw new DepositError(problemText(outcome));
    } else if (Date.now() - heardMs > SILENCE_MS) {
      throw new DepositError(`the platform does not answer; deposit ${first.id} is received and can be fetched later`);
    }
  }
}

async function fetchBytes(platform: Remote, path: string | undefined, bytesMax: number): Promise<Uint8Array> {
  const url = `${platform.url}${path}`;
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await ask(platform, { method: 'GET', url, timeoutMs: READ_TIMEOUT_MS, responseBytesMax: bytesMax });
    if (typeof outcome !== 'string' && outcome.status === 200) return outcome.body;
    const retryMs = RETRY_MS[attempt];
    const why = typeof outcome === 'string' ? outcome : problemText(outcome);
    if (retryMs === undefined || (typeof outcome !== 'string' && outcome.status < 500)) throw new DepositError(why);
    await pause(retryMs);
  }
}

/** One exchange; a sentence instead of an answer when there was none. */
async function ask({ http, token }: Remote, request: Parameters<Http>[0]): Promise<Answer | string> {
  try {
    return await http({ ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } });
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (error.cause instanceof FileError) throw error.cause;
    return `the platform cannot be reached (${error.message})`;
  }
}

function json(answer: Answer): DepositView {
  try {
    return JSON.parse(Buffer.from(answer.body).toString('utf8'));
  } catch (cause) {
    throw new DepositError('what answers there is not a Probata platform', { cause });
  }
}

function problemText(answer: Answer): string {
  const fallback = `the platform answered with status ${answer.status}`;
  if (!answer.headers['content-type']?.startsWith('application/problem+json')) return fallback;
  const { code, detail, reason, file } = json(answer) as unknown as Record<string, string | number | undefined>;
  const where = [file === undefined ? '' : ` (file ${file})`, reason === undefined ? '' : ` (${reason})`].join('');
  return `${detail}${where} [${code}]`;
}

/** The certificate is about these files: same digests, same order, same deposit. */
function checkCertificate(certificate: Uint8Array, id: string, files: readonly HashedFile[]): void {
  const record = parseRecord(readCertificatePdf(certificate).attachments['record.json']);
  const carried = filesOf(record).map(({ sha256 }) => sha256);
  const same = header(record).id === id && carried.join() === files.map(({ sha256 }) => sha256).join();
  if (!same)
    throw new DepositError(`the certificate of ${id} does not carry the digests of these files; it was not written`);
}

function tokenFromData(data: string): string {
  const path = join(data, 'token');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new DepositError(`no token: give --token, set PROBATA_TOKEN, or put one in ${path}`, { cause });
  }
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
