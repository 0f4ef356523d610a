/**
 * Load on a running platform with verification of every answer. Writers deposit random digests through the API; one follower reads
 * every published checkpoint and every new entry, and finds each acknowledged deposit there; readers check inclusion of random entries
 * and the portable proofs of own deposits. An answer that does not verify is a failure, and so is a deposit that never appears.
 * Time, randomness and the network come in as arguments. It measures no speed worth quoting: server/bench does that.
 */
import { base64Encode, hexEncode, readUint32, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/checkpoint.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { parseDepositEntry, parseEntry } from '../core/entry.ts';
import { leafHash } from '../core/hash.ts';
import { parseNote } from '../core/note.ts';
import { evaluatePolicy, type Policy } from '../core/policy.ts';
import { checkConsistency, checkInclusion } from '../core/proof.ts';
import { formatTilePath } from '../core/tile.ts';
import { TileReader } from '../core/tile-reader.ts';
import { parseTlogProof } from '../core/tlog-proof.ts';

export interface HammerAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HammerOptions {
  /** One request to the platform; rejects only when there is no answer. */
  send(request: {
    method: 'GET' | 'POST';
    path: string;
    headers: Record<string, string>;
    body?: Uint8Array;
  }): Promise<HammerAnswer>;
  /** API token of a depositor. */
  readonly token: string;
  /** Who must have signed and cosigned. */
  readonly policy: Policy;
  /** Deposits under way at once, and readers beside them. */
  readonly writers: number;
  readonly readers: number;
  /** Deposits per second, all writers together; undefined: as fast as the platform takes them. */
  readonly rate: number | undefined;
  /** Deposits of one request; more than one go through the batch route, which owes no certificates. */
  readonly batch: number;
  /** How long writers write. */
  readonly seconds: number;
  /** After the writers stop, acknowledged deposits have this long to appear. */
  readonly graceSeconds: number;
  /** Stop as soon as this many deposits have been found on the ledger; fail when the time ends before. */
  readonly goal?: number;
  now(): number;
  sleep(ms: number): Promise<void>;
  random(bytes: number): Uint8Array;
  onProgress?(report: HammerReport): void;
}

export interface HammerReport {
  readonly seconds: number;
  readonly acknowledged: number;
  /** 503 with Retry-After: the platform asked for patience. Not a failure. */
  readonly pushedBack: number;
  /** Acknowledged deposits found on a ledger that the quorum has cosigned. */
  readonly found: number;
  readonly checkpoints: number;
  readonly entries: number;
  readonly inclusionChecks: number;
  readonly proofChecks: number;
  readonly size: number;
  /** Milliseconds from acknowledgement to having been found; undefined when nothing was. */
  readonly foundAfterMs: { readonly p50: number; readonly p99: number } | undefined;
  readonly goalReached: boolean;
  /** What did not verify, at most FAILURES_KEPT of them. */
  readonly failures: readonly string[];
}

const FAILURES_KEPT = 100;
const FOLLOW_EVERY_MS = 50;
const PROGRESS_EVERY_MS = 1000;
/** Entries read at once by the follower. */
const ENTRIES_STEP = 1024;

/** Runs the load to its end. Never rejects for what the platform answers: that is in `failures`. */
export async function hammer(options: HammerOptions): Promise<HammerReport> {
  const run = new Run(options);
  // What is on the ledger before the first deposit is not ours to find.
  await run.begin();
  const writers = Array.from({ length: options.writers }, () => run.write());
  const readers = Array.from({ length: options.readers }, () => run.read());
  const others = [run.follow(), run.tell(), ...readers];
  await Promise.all(writers);
  await run.waitForTheRest();
  await Promise.all(others);
  return run.report();
}

/** The newest checkpoint that verified, and the reader of its tree. */
interface Seen {
  readonly note: string;
  readonly checkpoint: Checkpoint;
  readonly tiles: TileReader;
}

class Run {
  readonly #o: HammerOptions;
  #startMs = 0;
  /** Acknowledged and not found yet: when it was acknowledged. */
  readonly #waiting = new Map<string, number>();
  /** Found before the acknowledgement came, or never ours. */
  readonly #unclaimed = new Set<string>();
  readonly #found: string[] = [];
  readonly #foundAfterMs: number[] = [];
  readonly #failures: string[] = [];
  #slots = 0;
  #acknowledged = 0;
  #pushedBack = 0;
  #checkpoints = 0;
  #entries = 0;
  #inclusionChecks = 0;
  #proofChecks = 0;
  #lastReceived = '';
  #seen: Seen | undefined;
  #over = false;

  constructor(options: HammerOptions) {
    this.#o = options;
  }

  /** Deposits at this writer's share of the rate until the time is up or the goal is reached. */
  async write(): Promise<void> {
    const { now, sleep, rate, seconds, batch } = this.#o;
    for (;;) {
      const slotMs = this.#startMs + (rate === undefined ? 0 : (this.#slots++ * batch * 1000) / rate);
      // Slots missed because the platform was slow are not made up for after the end.
      if (Math.max(slotMs, now()) > this.#startMs + seconds * 1000) return;
      if (slotMs > now()) await sleep(slotMs - now());
      if (this.#goalReached()) return;
      await this.#checked('deposit', () => this.#deposit());
    }
  }

  async #deposit(): Promise<void> {
    const { batch, token, sleep } = this.#o;
    const one = batch === 1;
    const answer = await this.#o.send({
      method: 'POST',
      path: one ? '/api/v1/deposits' : '/api/v1/deposits/batch',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': one ? 'application/json' : 'application/x-ndjson',
      },
      body: utf8Encode(Array.from({ length: batch }, () => this.#digest()).join('\n')),
    });
    if (answer.status === 503 && answer.headers['retry-after'] !== undefined) {
      this.#pushedBack += batch;
      return sleep(Number(answer.headers['retry-after']) * 1000);
    }
    if (answer.status !== (one ? 202 : 200))
      throw new Error(`answered ${answer.status}: ${textOf(answer).slice(0, 200)}`);
    if (one) return this.#acknowledge(JSON.parse(textOf(answer)));
    const lines = textOf(answer)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines) {
      if (line.status === 202) this.#acknowledge(line);
      else if (line.status === 503) this.#pushedBack += 1;
      else throw new Error(`a line was answered ${line.status}`);
    }
    if (lines.length !== batch) throw new Error(`${lines.length} answers to ${batch} lines`);
  }

  #digest(): string {
    const file = { name: 'hammer.bin', size: 1, sha256: hexEncode(this.#o.random(32)) };
    return JSON.stringify({ files: [file], declaration: {} });
  }

  #acknowledge({ id }: { id?: unknown }): void {
    if (typeof id !== 'string') throw new Error('the answer has no id');
    this.#acknowledged += 1;
    if (this.#unclaimed.delete(id)) this.#claim(id, 0);
    else this.#waiting.set(id, this.#o.now());
  }

  /** Reads the checkpoint that the run starts from, then starts its clock. */
  async begin(): Promise<void> {
    await this.#checked('follow', () => this.#followOnce());
    this.#startMs = this.#o.now();
  }

  /** Follows the published checkpoints: each must verify, extend the one before, and hold well-formed entries in received order. */
  async follow(): Promise<void> {
    while (!this.#over) {
      await this.#checked('follow', () => this.#followOnce());
      await this.#o.sleep(FOLLOW_EVERY_MS);
    }
  }

  async #followOnce(): Promise<void> {
    const answer = await this.#get('/ledger/checkpoint');
    const note = textOf(answer);
    if (note === this.#seen?.note) return;
    const checkpoint = this.#verified(note);
    const before = this.#seen?.checkpoint;
    if (before !== undefined && checkpoint.size < before.size)
      throw new Error(`went back from ${before.size} to ${checkpoint.size}`);
    if (before !== undefined && checkpoint.size === before.size) {
      if (hexEncode(before.root) !== hexEncode(checkpoint.root)) throw new Error(`two roots of size ${before.size}`);
      return;
    }
    const tiles = this.#tiles(checkpoint);
    if (before !== undefined && before.size > 0) {
      const proof = await tiles.consistencyProof(before.size);
      checkConsistency(proof, before.size, checkpoint.size, before.root, checkpoint.root);
    }
    const first = before?.size ?? checkpoint.size;
    for (let lo = first; lo < checkpoint.size; lo += ENTRIES_STEP) {
      for (const entry of await tiles.entries(lo, Math.min(lo + ENTRIES_STEP, checkpoint.size))) this.#take(entry);
    }
    this.#checkpoints += 1;
    this.#seen = { note, checkpoint, tiles };
  }

  #take(bytes: Uint8Array): void {
    const entry = parseEntry(bytes);
    const { received } = entry;
    if (received < this.#lastReceived)
      this.#fail('follow', `received goes back from ${this.#lastReceived} to ${received}`);
    this.#lastReceived = received;
    this.#entries += 1;
    if (entry.kind !== 'deposit') return;
    const { id } = entry;
    const sinceMs = this.#waiting.get(id);
    if (sinceMs === undefined) this.#unclaimed.add(id);
    else if (this.#waiting.delete(id)) this.#claim(id, this.#o.now() - sinceMs);
  }

  #claim(id: string, afterMs: number): void {
    this.#found.push(id);
    this.#foundAfterMs.push(afterMs);
  }

  /** Checks inclusion of random entries, and the portable proof of a random own deposit, one after the other. */
  async read(): Promise<void> {
    while (!this.#over) {
      const seen = this.#seen;
      if (seen === undefined || seen.checkpoint.size === 0) {
        await this.#o.sleep(FOLLOW_EVERY_MS);
        continue;
      }
      await this.#checked('inclusion', () => this.#checkEntry(seen));
      const id = this.#found[this.#below(this.#found.length)];
      if (id !== undefined) await this.#checked('proof', () => this.#checkProof(id));
    }
  }

  async #checkEntry({ checkpoint, tiles }: Seen): Promise<void> {
    const index = this.#below(checkpoint.size);
    const [[entry], proof] = await Promise.all([tiles.entries(index, index + 1), tiles.inclusionProof(index)]);
    if (entry === undefined) throw new Error('invariant: one entry was read');
    checkInclusion(proof, index, checkpoint.size, leafHash(entry), checkpoint.root);
    this.#inclusionChecks += 1;
  }

  async #checkProof(id: string): Promise<void> {
    const answer = await this.#get(`/api/v1/deposits/${id}/proof`);
    const { index, proof, checkpoint: note } = parseTlogProof(textOf(answer));
    const checkpoint = this.#verified(note);
    const [entry] = await this.#tiles(checkpoint).entries(index, index + 1);
    if (entry === undefined || parseDepositEntry(entry).id !== id)
      throw new Error(`the proof of ${id} is of another entry`);
    checkInclusion(proof, index, checkpoint.size, leafHash(entry), checkpoint.root);
    this.#proofChecks += 1;
  }

  /** The checkpoint of a note that the log signed and the quorum cosigned. */
  #verified(text: string): Checkpoint {
    const { policy } = this.#o;
    const note = parseNote(text);
    const checkpoint = openCheckpoint(
      note,
      policy.logs.map(({ key }) => key),
    );
    const keys = [...policy.witnesses.values()].map(({ key }) => key);
    const lines = new Set(openCosignatures(note, keys).map(({ key }) => base64Encode(key.publicKey)));
    const cosigned = [...policy.witnesses].filter(([, { key }]) => lines.has(base64Encode(key.publicKey)));
    if (!evaluatePolicy(policy, new Set(cosigned.map(([name]) => name))).satisfied) {
      throw new Error(`the quorum has not cosigned size ${checkpoint.size}`);
    }
    return checkpoint;
  }

  #tiles(checkpoint: Checkpoint): TileReader {
    return new TileReader(checkpoint, async (tile) => (await this.#get(`/ledger/${formatTilePath(tile)}`)).body);
  }

  async #get(path: string): Promise<HammerAnswer> {
    const headers = path.startsWith('/api/') ? { authorization: `Bearer ${this.#o.token}` } : {};
    const answer = await this.#o.send({ method: 'GET', path, headers });
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`);
    return answer;
  }

  /** Waits until every acknowledged deposit was found or the grace is over, then ends the others. */
  async waitForTheRest(): Promise<void> {
    const untilMs = this.#o.now() + this.#o.graceSeconds * 1000;
    while (this.#waiting.size > 0 && this.#o.now() < untilMs && !this.#goalReached())
      await this.#o.sleep(FOLLOW_EVERY_MS);
    if (!this.#goalReached()) {
      for (const id of this.#waiting.keys()) this.#fail('lost', `${id} was acknowledged and is not on the ledger`);
    }
    this.#over = true;
  }

  async tell(): Promise<void> {
    let nextMs = this.#startMs + PROGRESS_EVERY_MS;
    while (!this.#over) {
      await this.#o.sleep(FOLLOW_EVERY_MS);
      if (this.#o.now() < nextMs) continue;
      nextMs += PROGRESS_EVERY_MS;
      this.#o.onProgress?.(this.report());
    }
  }

  report(): HammerReport {
    return {
      seconds: (this.#o.now() - this.#startMs) / 1000,
      acknowledged: this.#acknowledged,
      pushedBack: this.#pushedBack,
      found: this.#found.length,
      checkpoints: this.#checkpoints,
      entries: this.#entries,
      inclusionChecks: this.#inclusionChecks,
      proofChecks: this.#proofChecks,
      size: this.#seen?.checkpoint.size ?? 0,
      foundAfterMs: percentiles(this.#foundAfterMs),
      goalReached: this.#goalReached(),
      failures: [...this.#failures],
    };
  }

  #goalReached(): boolean {
    return this.#o.goal !== undefined && this.#found.length >= this.#o.goal;
  }

  async #checked(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#fail(what, error instanceof Error ? error.message : String(error));
      // A platform that is down is not asked again at once.
      await this.#o.sleep(FOLLOW_EVERY_MS);
    }
  }

  #fail(what: string, why: string): void {
    if (this.#failures.length < FAILURES_KEPT) this.#failures.push(`${what}: ${why}`);
  }

  /** A random integer in [0, n), n < 2^32; the bias of the remainder is of no matter here. */
  #below(n: number): number {
    return n === 0 ? 0 : readUint32(this.#o.random(4), 0) % n;
  }
}

function textOf(answer: HammerAnswer): string {
  const text = utf8Decode(answer.body);
  if (text === undefined) throw new Error('the answer is not UTF-8');
  return text;
}

function percentiles(values: readonly number[]): HammerReport['foundAfterMs'] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number | undefined =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const p50 = at(0.5);
  const p99 = at(0.99);
  return p50 === undefined || p99 === undefined ? undefined : { p50, p99 };
}
