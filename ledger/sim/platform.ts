// The platform of the simulation: the real log, and its owner as the real one is: deposits are durable before a receipt leaves,
// and are fed to the ledger, in order, after every start, until the ledger has sequenced them (server/intake).

import { DepositStore, entryOf } from '../../server/intake/deposit-store.ts';
import { Feeder } from '../../server/intake/feeder.ts';
import { hexEncode, utf8Encode } from '../core/bytes.ts';
import { sha256 } from '../core/hash.ts';
import { Log } from '../log/log.ts';
import type { Cosigner } from '../log/ports.ts';
import { recover } from '../log/recovery.ts';
import { mirrorCosigner } from '../mirror/client.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { witnessCosigner } from '../witness/client.ts';
import { COURTS, LOG_SIGNER, ORIGIN } from './keys.ts';
import type { Life } from './life.ts';
import { SimNode, type World } from './node.ts';
import { DEPOSITS_PREFIX, LOG_PREFIX, PLATFORM } from './oracle.ts';

/** What one life of the platform has open. */
interface Opened {
  readonly life: Life;
  readonly log: Log;
  readonly store: DepositStore;
  readonly feeder: Feeder;
  /** Received times must be above this: another life may have used it. */
  readonly usedUpMs: number;
  readonly fatal: (error: Error) => never;
}

/** How long the operator takes to restart a platform whose store has failed. */
const OPERATOR_MS = 1000;

export class PlatformNode extends SimNode {
  #opened: Opened | undefined;
  /** The log of a start that is not through yet. */
  #log: Log | undefined;
  /** Entries by deposit id: all that were ever made. */
  readonly #entries: Map<string, Uint8Array>;
  #receivedMs = 0;
  /** Deposits are made durable one group after the other. */
  #taking: Promise<void> = Promise.resolve();

  /** @param from the platform whose disk this one goes on with */
  constructor(world: World, from: PlatformNode | undefined) {
    super(PLATFORM, world);
    this.#entries = new Map(from === undefined ? [] : from.#entries);
  }

  /** The log that runs now. */
  get log(): Log | undefined {
    return this.#opened?.log;
  }

  /** Some submitters come at once. While the platform is down, or its clock is back, they go away. */
  submit(count: number): void {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#taking = this.#taking.then(() => this.#take(opened, count)).catch(opened.fatal);
  }

  protected override async open(stores: KeyedStores, life: Life, fatal: (error: Error) => never): Promise<void> {
    const { timeline, oracle, variant, network, consortium } = this.world;
    const store = new DepositStore(stores.index(DEPOSITS_PREFIX));
    const http = network.http(life);
    const index = stores.index(LOG_PREFIX);
    const cosigners = [...consortium.signers].map(([name, signers]): Cosigner => {
      const keys = signers.map(({ key }) => key);
      const options = { name, url: `http://${name}`, keys, logKey: LOG_SIGNER.key, http, index };
      const cosigner = COURTS.includes(name) ? witnessCosigner(options) : mirrorCosigner(options);
      return variant.cosigner?.(cosigner) ?? cosigner;
    });
    const log = await Log.open({
      origin: ORIGIN,
      signer: LOG_SIGNER,
      ...this.#applyTarget(stores),
      heads: stores.heads(LOG_PREFIX),
      index,
      cosigners,
      policy: consortium.policy,
      clock: this.clock,
      onPublished: ({ note }) => life.alive && oracle.note('published is', note),
      onEvent: ({ kind }) => {
        if (!life.alive) return;
        timeline.note(`${PLATFORM} ${kind}`);
        if (kind === 'store-failed') timeline.after(OPERATOR_MS, () => life.alive && this.crash('its operator'));
      },
      fatal,
    });
    if (!life.alive) return void log.close();
    this.#log = log;
    const latest = await store.latestId();
    const feeder = new Feeder({
      append: (entry) => life.fence(variant.append?.(log, entry) ?? log.append(entry)),
      onIntegrated: (id, at) => life.alive && oracle.acknowledged(at, this.#entries.get(id)),
      fatal,
    });
    const usedUpMs = latest === undefined ? -1 : Date.parse((await store.deposit(latest))?.received ?? '');
    for (const deposit of await store.pending()) feeder.push(deposit.id, entryOf(deposit));
    this.#receivedMs = usedUpMs;
    if (life.alive) this.#opened = { life, log, store, feeder, usedUpMs, fatal };
  }

  /** A dead log's timers must not go on for ever. */
  protected override forget(): void {
    this.#opened?.feeder.close();
    void this.#log?.close();
    this.#opened = undefined;
    this.#log = undefined;
    this.#taking = Promise.resolve();
  }

  override async recover(stores: KeyedStores): Promise<void> {
    const heads = stores.heads(LOG_PREFIX);
    await recover({ origin: ORIGIN, logKey: LOG_SIGNER.key, ...this.#applyTarget(stores), heads });
  }

  #applyTarget(stores: KeyedStores) {
    const store = new DepositStore(stores.index(DEPOSITS_PREFIX));
    const { variant } = this.world;
    return {
      tiles: stores.tiles(LOG_PREFIX),
      onSequenced: (first: number, entries: readonly Uint8Array[]) =>
        variant.sequenced?.(store, stores, first, entries) ?? store.sequenced(first, entries),
    };
  }

  async #take({ life, store, feeder, usedUpMs }: Opened, count: number): Promise<void> {
    const { variant, oracle, timeline } = this.world;
    const nowMs = this.clock();
    if (!life.alive || nowMs < this.#receivedMs || nowMs <= usedUpMs) return;
    this.#receivedMs = nowMs;
    const deposits = Array.from({ length: count }, () => {
      const text = String(this.#entries.size).padStart(12, '0');
      const deposit = {
        id: `01900000-0000-7000-8000-${text}`,
        received: new Date(nowMs).toISOString(),
        commitment: hexEncode(sha256(utf8Encode(text))),
        party: 'somebody',
        mode: 'batch' as const,
        contentSha256: '',
      };
      this.#entries.set(deposit.id, entryOf(deposit));
      return deposit;
    });
    const made = deposits.map((deposit) => ({ deposit, record: new Uint8Array(0), fileSha256s: [] }));
    await (variant.take?.(store, made) ?? store.take(made));
    if (!life.alive) return;
    timeline.note(`${PLATFORM} receipts ${deposits.length}`);
    for (const deposit of deposits) {
      oracle.receipted(deposit.id, entryOf(deposit), this.disk);
      feeder.push(deposit.id, entryOf(deposit));
    }
  }
}
