/**
 * What the platform remembers about deposits, over one IndexStore. The only file that knows its keys:
 *
 *   deposit/<id>            who, when, what was promised (JSON below)
 *   record/<id>             the record, canonical bytes; never on the ledger
 *   pending/<id>            there until the ledger has sequenced the entry
 *   index/<id>              ledger index, from then on
 *   digest/<sha256>/<id>    for lookups by content
 *   key/<party and key>     the deposit that an Idempotency-Key made
 *   uncertified/<id>        a certificate is owed; there until it is stored
 *   certificate/<id>[/<n>]  the certificate (of file n alone)
 *   lost/<id>               an entry whose deposit this store does not know: it came back from a mirror (recovery/refill.ts)
 *   upload/<blob>           a blob that no deposit holds yet; deleted with its blob at the next start
 *
 * Ids are UUIDv7 made in received order (clock.ts), so key order is received order.
 * Every write is one atomic, durable batch: a crash leaves all of it or nothing. Trust: the platform's own folder.
 * Does not hold evidence bytes (BlobStore) and does not decide anything.
 */
import { hexEncode, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { formatEntry, parseEntry } from '../../ledger/core/entry.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import type { IndexStore } from '../../ledger/log/ports.ts';

/** `single`: certified by itself. `batch`: certified when the certificate is first asked for. */
export type DepositMode = 'single' | 'batch';

/** A deposit as it was taken in. Never changes. */
export interface Deposit {
  readonly id: string;
  /** YYYY-MM-DDTHH:MM:SS.mmmZ. */
  readonly received: string;
  /** Of the record, lower-case hex: what the entry says. */
  readonly commitment: string;
  readonly party: string;
  readonly mode: DepositMode;
  /** Holds the files' bytes one after the other; absent when only digests were given. */
  readonly blob?: string;
  /** SHA-256 of what was asked, to tell a retry from another deposit under the same Idempotency-Key. */
  readonly contentSha256: string;
}

/** What is written when a deposit becomes `pending`. */
export interface NewDeposit {
  readonly deposit: Deposit;
  readonly record: Uint8Array;
  /** Lower-case hex SHA-256 of each file. */
  readonly fileSha256s: readonly string[];
  /** From {@link idempotencyKey}. */
  readonly key?: string;
}

/** A certificate that exists. */
export interface StoredCertificate {
  readonly blob: string;
  readonly bytes: number;
  readonly sha256: string;
  /** How many revocations the trust bundle had when it was last found to hold; none when absent. */
  readonly revocations?: number;
  /** The one before, which a revocation has made worthless. Its bytes stay as long as the deposit's: somebody may have it, and ask. */
  readonly replaces?: StoredCertificate;
}

export interface LookupHit {
  readonly id: string;
  readonly index: number | undefined;
}

const NOTHING = new Uint8Array(0);
/** Above every character of an id or name: the end of a prefix scan. */
const END = '~';

/** The deposit's ledger entry: the same bytes each time. */
export function entryOf({ id, received, commitment }: Deposit): Uint8Array {
  return formatEntry({ kind: 'deposit', v: 1, id, received, commitment });
}

/** One name for (party, Idempotency-Key) that neither can forge for the other. */
export function idempotencyKey(party: string, key: string): string {
  return hexEncode(sha256(utf8Encode(JSON.stringify([party, key]))));
}

export class DepositStore {
  readonly #index: IndexStore;

  constructor(index: IndexStore) {
    this.#index = index;
  }

  /** Notes a blob before its bytes come, so that a crash leaves no bytes without an owner. */
  async beginBlob(blob: string): Promise<void> {
    await this.#index.write([[`upload/${blob}`, NOTHING]]);
  }

  /** Forgets a blob that was deleted. */
  async forgetBlob(blob: string): Promise<void> {
    await this.#index.write([[`upload/${blob}`, undefined]]);
  }

  /** Blobs that no deposit holds: cut uploads, and replays whose bytes were held already. */
  async orphanBlobs(): Promise<string[]> {
    return (await this.#keys('upload/')).map((key) => key.slice('upload/'.length));
  }

  /** Makes deposits `pending`, all of them or none, in one durable write. */
  async take(deposits: readonly NewDeposit[]): Promise<void> {
    await this.#index.write(deposits.flatMap(writesOf));
  }

  /**
   * Notes the ledger index of entries. Idempotent: a restarted ledger reports the same entries again.
   * @param first index of the first entry
   */
  async sequenced(first: number, entries: readonly Uint8Array[]): Promise<void> {
    await this.#index.write(
      entries.flatMap((bytes, i): Write[] => {
        const entry = parseEntry(bytes);
        // A change of policy is nobody's deposit.
        if (entry.kind !== 'deposit') return [];
        return [
          [`index/${entry.id}`, utf8Encode(String(first + i))],
          [`pending/${entry.id}`, undefined],
        ];
      }),
    );
  }

  /**
   * As {@link sequenced}, of entries that come from a mirror's copy: those whose deposit is not known are noted as lost.
   * @returns how many are lost
   */
  async refilled(first: number, entries: readonly Uint8Array[]): Promise<number> {
    await this.sequenced(first, entries);
    const ids = entries.map(parseEntry).flatMap((entry) => (entry.kind === 'deposit' ? [entry.id] : []));
    const known = await Promise.all(ids.map((id) => this.deposit(id)));
    const lost = ids.filter((_, i) => known[i] === undefined);
    await this.#index.write(lost.map((id) => [`lost/${id}`, NOTHING]));
    return lost.length;
  }

  /** Deposits whose entry the ledger has not sequenced, in received order. */
  async pending(): Promise<Deposit[]> {
    const found: Deposit[] = [];
    for (const key of await this.#keys('pending/')) found.push(await this.#known(key.slice('pending/'.length)));
    return found;
  }

  /** Ids that are owed a certificate, in received order. */
  async uncertified(): Promise<string[]> {
    return (await this.#keys('uncertified/')).map((key) => key.slice('uncertified/'.length));
  }

  /**
   * The newest id, or undefined when there is none: the clock may not go back behind it. Of an entry that came back without its deposit, too.
   */
  async latestId(): Promise<string | undefined> {
    const ids: string[] = [];
    for (const prefix of ['deposit/', 'index/']) {
      const range = { gte: prefix, lt: `${prefix}${END}`, limit: 1, reverse: true };
      for await (const [key] of this.#index.scan(range)) ids.push(key.slice(prefix.length));
    }
    return ids.sort().at(-1);
  }

  async deposit(id: string): Promise<Deposit | undefined> {
    return parse<Deposit>(await this.#index.get(`deposit/${id}`));
  }

  async record(id: string): Promise<Uint8Array> {
    const bytes = await this.#index.get(`record/${id}`);
    if (bytes === undefined) throw new Error(`invariant: deposit ${id} has a record`);
    return bytes;
  }

  /** Ledger index, or undefined while the deposit is `pending`. */
  async index(id: string): Promise<number | undefined> {
    return parse<number>(await this.#index.get(`index/${id}`));
  }

  /** The deposit that this key made. */
  async idOfKey(key: string): Promise<string | undefined> {
    return parse<string>(await this.#index.get(`key/${key}`));
  }

  /** The earliest deposits that hold a file of this digest. */
  async lookup(sha256Hex: string, limit: number): Promise<LookupHit[]> {
    const prefix = `digest/${sha256Hex}/`;
    const keys = await this.#keys(prefix, limit);
    return Promise.all(
      keys.map(async (key) => {
        const id = key.slice(prefix.length);
        return { id, index: await this.index(id) };
      }),
    );
  }

  /** @param file 1-based, for the certificate that shows this file alone */
  async certificate(id: string, file?: number): Promise<StoredCertificate | undefined> {
    return parse<StoredCertificate>(await this.#index.get(certificateKey(id, file)));
  }

  /** All certificates of a deposit, the whole one first; each is followed by those that it replaces. */
  async certificates(id: string): Promise<StoredCertificate[]> {
    const found: StoredCertificate[] = [];
    const prefix = certificateKey(id, undefined);
    // An id is as long as any other: no other one begins with it.
    for await (const [, value] of this.#index.scan({ gte: prefix, lt: `${prefix}${END}` })) {
      for (let one = parse<StoredCertificate>(value); one !== undefined; one = one.replaces) found.push(one);
    }
    return found;
  }

  /** Notes a certificate whose blob is stored, or what is known of it now. That of the whole deposit is what makes it `certified`. */
  async certified(id: string, file: number | undefined, certificate: StoredCertificate): Promise<void> {
    const writes: Write[] = [
      [certificateKey(id, file), utf8Encode(JSON.stringify(certificate))],
      [`upload/${certificate.blob}`, undefined],
    ];
    if (file === undefined) writes.push([`uncertified/${id}`, undefined]);
    await this.#index.write(writes);
  }

  async #known(id: string): Promise<Deposit> {
    const deposit = await this.deposit(id);
    if (deposit === undefined) throw new Error(`invariant: there is a deposit ${id}`);
    return deposit;
  }

  async #keys(prefix: string, limit?: number): Promise<string[]> {
    const keys: string[] = [];
    const range = { gte: prefix, lt: `${prefix}${END}`, ...(limit === undefined ? {} : { limit }) };
    for await (const [key] of this.#index.scan(range)) keys.push(key);
    return keys;
  }
}

type Write = readonly [key: string, value: Uint8Array | undefined];

function writesOf({ deposit, record, fileSha256s, key }: NewDeposit): Write[] {
  const { id, blob, mode } = deposit;
  const writes: Write[] = [
    [`deposit/${id}`, utf8Encode(JSON.stringify(deposit))],
    [`record/${id}`, record],
    [`pending/${id}`, NOTHING],
    ...[...new Set(fileSha256s)].map((sha256Hex): Write => [`digest/${sha256Hex}/${id}`, NOTHING]),
  ];
  if (key !== undefined) writes.push([`key/${key}`, utf8Encode(JSON.stringify(id))]);
  if (blob !== undefined) writes.push([`upload/${blob}`, undefined]);
  if (mode === 'single') writes.push([`uncertified/${id}`, NOTHING]);
  return writes;
}

function certificateKey(id: string, file: number | undefined): string {
  return file === undefined ? `certificate/${id}` : `certificate/${id}/${file}`;
}

/** Reads back JSON of our own writing; the store has checked its checksum. */
function parse<T>(bytes: Uint8Array | undefined): T | undefined {
  if (bytes === undefined) return undefined;
  const text = utf8Decode(bytes);
  if (text === undefined) throw new Error('invariant: a stored value is UTF-8');
  return JSON.parse(text) as T;
}
