/**
 * The platform as a process of its own beside cosigners that live in the test's process: its folder may be on another disk, its limits
 * may be others, and it may be harmed and end. It is the product's role, volume and stores, only started with given limits.
 * Not here: the faults, and what must hold (*.slow.test.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseBundle } from '../../ledger/core/bundle.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { parseDepositEntry } from '../../ledger/core/entry.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { formatTilePath } from '../../ledger/core/tile.ts';
import type { DepositView } from '../http/deposit-view.ts';
import { DEFAULT_LIMITS, type Limits } from '../intake/limits.ts';
import { volumeOf } from '../intake/space.ts';
import { digestDeposit, run, until } from '../processes/testing.ts';
import { openPlatformWith } from '../roles/platform.ts';
import { runRole } from '../roles/process.ts';

/** Exit code of a process that stopped itself after a failure. */
export const FAIL_STOP = 70;
const TILE_WIDTH = 256;

export interface PlatformPlace {
  readonly dir: string;
  readonly token: string;
  readonly limits?: Partial<Limits>;
  /** Command line that runs the process. */
  readonly inside?: readonly string[];
}

/** What a deposit was answered with. */
export interface DepositAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly retryAfter: string | null;
  /** Of the deposit, when it has a receipt. */
  readonly id?: string;
  /** Of the problem, when it was refused. */
  readonly code?: string;
}

/** The life of the process itself. */
export function livePlatform(dir: string, limits: Partial<Limits>): Promise<void> {
  const surroundings = { clock: Date.now, limits: { ...DEFAULT_LIMITS, ...limits }, volume: volumeOf(dir) };
  return runRole(dir, (place, context) => openPlatformWith(place, context, surroundings), process.env);
}

export class PlatformProcess {
  readonly url: string;
  readonly pid: number;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** True as soon as it has ended. */
  over = false;
  readonly #token: string;

  private constructor(url: string, pid: number, token: string, ended: Promise<number | string>) {
    this.url = url;
    this.pid = pid;
    this.ended = ended;
    this.#token = token;
    void ended.then(() => {
      this.over = true;
    });
  }

  /** Resolves when it listens; its log goes nowhere but to the error of a start that failed. */
  static async start({ dir, token, limits = {}, inside = [] }: PlatformPlace): Promise<PlatformProcess> {
    const code = `import { livePlatform } from ${JSON.stringify(import.meta.url)};
      await livePlatform(${JSON.stringify(dir)}, ${JSON.stringify(limits)});`;
    const node = [process.execPath, `--import=${import.meta.resolve('tsx')}`, '--input-type=module', '-e', code];
    const [command = '', ...args] = [...inside, ...node];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | string>((resolve, reject) => {
      child.once('error', reject).once('exit', (exit, signal) => resolve(signal ?? exit ?? -1));
    });
    const { url, pid } = await listening(child);
    return new PlatformProcess(url, pid, token, ended);
  }

  /** Tells it to stop. @returns as {@link ended} */
  async stop(): Promise<number | string> {
    if (!this.over) process.kill(this.pid, 'SIGTERM');
    return this.ended;
  }

  /** One deposit of a random digest; undefined when the connection broke. */
  async deposit(): Promise<DepositAnswer | undefined> {
    const answer = await this.#fetch('/api/v1/deposits', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: digestDeposit(),
    });
    const text = await answer?.text().catch(() => undefined);
    if (answer === undefined || text === undefined) return undefined;
    const { id, code } = JSON.parse(text) as { id?: string; code?: string };
    const { status, headers } = answer;
    const facts = { status, type: headers.get('content-type'), retryAfter: headers.get('retry-after') };
    return { ...facts, ...(id === undefined ? {} : { id }), ...(code === undefined ? {} : { code }) };
  }

  /** The bytes at a path; undefined unless it answers 200. */
  async get(path: string): Promise<Uint8Array | undefined> {
    const answer = await this.#fetch(path, {});
    const bytes = await answer?.arrayBuffer().catch(() => undefined);
    return answer?.status === 200 && bytes !== undefined ? new Uint8Array(bytes) : undefined;
  }

  /** Waits until a deposit has its certificate. */
  async certified(id: string): Promise<void> {
    await until(`${id} certified`, async () => {
      const view = await this.get(`/api/v1/deposits/${id}`);
      return view !== undefined && (JSON.parse(Buffer.from(view).toString()) as DepositView).state === 'certified';
    });
  }

  /** Where the newest entries are on the published ledger, and its size. */
  async newestTile(): Promise<{ size: number; path: string } | undefined> {
    const note = await this.get('/ledger/checkpoint');
    if (note === undefined) return undefined;
    const { size } = parseCheckpoint(parseNote(note).text);
    return { size, path: size === 0 ? '/ledger/checkpoint' : entriesPath(size, Math.floor((size - 1) / TILE_WIDTH)) };
  }

  /** Waits until all these deposits are on the published ledger. @returns those that are not there once nothing is outstanding */
  async missing(ids: readonly string[]): Promise<string[]> {
    await until('nothing outstanding', async () => (await this.outstanding()) === 0);
    let missing: string[] = [];
    await until('the head published', async () => {
      const listed = await this.#listed();
      missing = ids.filter((id) => !listed.has(id));
      return missing.length === 0 || listed.size >= (await this.#metric('probata_ledger_size'));
    });
    return missing;
  }

  /** Deposits that were taken in and are not on the ledger yet. */
  outstanding(): Promise<number> {
    return this.#metric('probata_deposits_outstanding');
  }

  async #metric(name: string): Promise<number> {
    if (this.over) throw new Error(`the platform has ended with ${await this.ended}`);
    const text = Buffer.from((await this.get('/metrics')) ?? []).toString();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  }

  /** The ids on the published ledger. */
  async #listed(): Promise<Set<string>> {
    const { size } = (await this.newestTile()) ?? { size: 0 };
    const ids = new Set<string>();
    for (let index = 0; index * TILE_WIDTH < size; index++) {
      const bundle = (await this.get(entriesPath(size, index))) ?? new Uint8Array();
      for (const entry of parseBundle(bundle, Math.min(TILE_WIDTH, size - index * TILE_WIDTH)))
        ids.add(parseDepositEntry(entry).id);
    }
    return ids;
  }

  #fetch(path: string, init: RequestInit): Promise<Response | undefined> {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${this.#token}` };
    return fetch(this.url + path, { ...init, headers }).catch(() => undefined);
  }
}

/** What fsck finds wrong in the folder of a process that has ended. */
export async function fsckFindings(dir: string): Promise<string[]> {
  const { code, stdout, stderr } = await run(['fsck', dir]);
  return code === 0 ? [] : [`fsck: ${stdout}${stderr}`];
}

function entriesPath(size: number, index: number): string {
  const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
  return `/ledger/${formatTilePath({ level: 'entries', index, width })}`;
}

async function listening(child: ChildProcess): Promise<{ url: string; pid: number }> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream })
      .on('line', (line) => {
        lines.push(line);
        if (line.includes('"listening"')) resolve(JSON.parse(line));
      })
      .on('close', () => reject(new Error(`the platform did not start:\n${lines.slice(-20).join('\n')}`)));
  });
}
