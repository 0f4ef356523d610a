/**
 * Test support: a running consortium as its users have it, `probata start` and its processes, on free ports and a folder of its own.
 * Runs the built program (dist/), as `npm start` does. Also for the bench. Not here: what must hold (consortium.slow.test.ts).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Http } from '../../ledger/log/ports.ts';
import { type HttpClient, openHttpClient } from '../http/client.ts';
import type { DepositView } from '../http/deposit-view.ts';

export const PROGRAM = fileURLToPath(new URL('../../dist/probata.js', import.meta.url));
export const VERIFIER = fileURLToPath(new URL('../../dist/probata-verify.js', import.meta.url));
/** The processes of the demonstration consortium, the platform first. */
export const NAMES = ['platform', 'court-1', 'court-2', 'court-3', 'court-4', 'arbitration-1', 'arbitration-2'];
/** How long anything may take on a machine that is busy with something else. */
const PATIENCE_MS = 240_000;

/** What a program did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of ours to its end. */
export function run(args: readonly string[], program = PROGRAM): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** The first port of a run of free ones. */
export async function freePorts(count = NAMES.length): Promise<number> {
  for (;;) {
    const base = randomInt(10_000, 28_000);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** Waits until something is found, and says what was waited for when it never is. */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | undefined> | T | false | undefined,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${patienceMs} ms in vain: ${what}`);
    await sleep(20);
  }
}

type Answer = Awaited<ReturnType<Http>>;

/** A consortium of processes. */
export class ProcessConsortium {
  readonly data: string;
  readonly port: number;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly #client: HttpClient = openHttpClient();
  readonly #alone: ChildProcess[] = [];
  #process: ChildProcess | undefined;
  #exit: Promise<number | string> = Promise.resolve(0);

  private constructor(data: string, port: number) {
    this.data = data;
    this.port = port;
  }

  /** A consortium that is ready, in a new folder. */
  static async start(): Promise<ProcessConsortium> {
    const data = mkdtempSync(join(tmpdir(), 'probata-consortium-'));
    const self = new ProcessConsortium(data, await freePorts());
    await self.begin();
    return self;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get token(): string {
    return readFileSync(join(this.data, 'token'), 'utf8').trim();
  }

  dir(name: string): string {
    return join(this.data, name);
  }

  /** `probata start`, until it says that it is ready. */
  async begin(): Promise<void> {
    const env = { ...process.env, PROBATA_DATA: this.data, PROBATA_PORT: String(this.port) };
    const child = spawn(process.execPath, [PROGRAM, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const before = this.stdout.length;
    createInterface({ input: child.stdout }).on('line', (line) => this.stdout.push(line));
    createInterface({ input: child.stderr }).on('line', (line) => this.stderr.push(line));
    this.#exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)));
    this.#process = child;
    const ended = this.#exit.then((code) => {
      throw new Error(`start ended with ${code}:\n${this.stderr.join('\n')}`);
    });
    ended.catch(() => {});
    const isReady = (line: string): boolean => line.startsWith('ready ');
    await Promise.race([ended, until('ready', () => this.stdout.slice(before).find(isReady))]);
  }

  /** Stops everything, as an operator does. @returns the exit code, or the signal that ended it */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    for (const child of this.#alone.splice(0)) child.kill('SIGTERM');
    this.#process?.kill(signal);
    return this.#exit;
  }

  /** Stops everything and deletes the folder. */
  async remove(): Promise<void> {
    await this.end();
    this.#client.close();
    await until('all stopped', () => this.running().length === 0);
    rmSync(this.data, { recursive: true, force: true });
  }

  /** The process of a member, as its pid file says. */
  pid(name: string): number {
    return Number(readFileSync(join(this.data, 'run', `${name}.pid`), 'utf8'));
  }

  /** The members whose process runs, by their pid files. */
  running(): string[] {
    return NAMES.filter((name) => existsSync(join(this.data, 'run', `${name}.pid`)) && isAlive(this.pid(name)));
  }

  /** Kills one member at once and waits until it is gone. */
  async kill(name: string): Promise<void> {
    const pid = this.pid(name);
    process.kill(pid, 'SIGKILL');
    await until(`${name} gone`, () => !isAlive(pid));
  }

  /** Starts one member by hand, as `npx probata court data/court-1` does, and waits until it answers. */
  async startAlone(role: 'platform' | 'court' | 'mirror', name: string): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, role, this.dir(name)], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (line) => this.stderr.push(line));
    this.#alone.push(child);
    await until(`${name} answers`, async () => (await this.get(`${this.urlOf(name)}/healthz`))?.status === 200);
  }

  /** Where a member listens. */
  urlOf(name: string): string {
    const { listen } = JSON.parse(readFileSync(join(this.dir(name), 'config.json'), 'utf8'));
    return `http://${listen.host}:${listen.port}`;
  }

  /** One request; undefined when nothing answers. */
  async get(url: string, headers: Record<string, string> = {}): Promise<Answer | undefined> {
    const limits = { timeoutMs: PATIENCE_MS, responseBytesMax: 1 << 26 };
    return this.#client.http({ method: 'GET', url, headers, ...limits }).catch(() => undefined);
  }

  /** A request to the platform's API with the demonstration token. */
  async api(path: string): Promise<Answer | undefined> {
    return this.get(this.url + path, { authorization: `Bearer ${this.token}` });
  }

  /** Posts to the platform's API with the demonstration token; undefined when nothing answers. */
  async post(path: string, contentType: string, body: string): Promise<Answer | undefined> {
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': contentType };
    const limits = { timeoutMs: PATIENCE_MS, responseBytesMax: 1 << 26 };
    const request = { method: 'POST' as const, url: this.url + path, headers, body: new Uint8Array(Buffer.from(body)) };
    return this.#client.http({ ...request, ...limits }).catch(() => undefined);
  }

  /** Deposits a random digest. @returns the id when the platform acknowledged it; else the status, or undefined without an answer */
  async deposit(): Promise<string | number | undefined> {
    const answer = await this.post('/api/v1/deposits', 'application/json', digestDeposit());
    return answer?.status === 202 ? JSON.parse(Buffer.from(answer.body).toString()).id : answer?.status;
  }

  /** Deposits a batch of random digests. @returns the ids that the platform acknowledged */
  async depositBatch(lines: number): Promise<string[]> {
    const body = Array.from({ length: lines }, digestDeposit).join('\n');
    const answer = await this.post('/api/v1/deposits/batch', 'application/x-ndjson', body);
    if (answer?.status !== 200) return [];
    const answers = Buffer.from(answer.body).toString().trim().split('\n');
    return answers
      .map((line) => JSON.parse(line))
      .filter(({ status }) => status === 202)
      .map(({ id }) => id);
  }

  /** Where a deposit stands. */
  async view(id: string): Promise<DepositView | undefined> {
    const answer = await this.api(`/api/v1/deposits/${id}`);
    return answer?.status === 200 ? JSON.parse(Buffer.from(answer.body).toString()) : undefined;
  }

  /** Waits until a deposit is in a state. */
  async reaches(id: string, state: DepositView['state']): Promise<DepositView> {
    return until(`${id} ${state}`, async () => {
      const view = await this.view(id);
      return view?.state === state ? view : undefined;
    });
  }
}

/** The JSON of a deposit of one random digest. */
export function digestDeposit(): string {
  const sha256 = randomBytes(32).toString('hex');
  return JSON.stringify({ files: [{ name: 'evidence.bin', size: 1, sha256 }], declaration: {} });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
