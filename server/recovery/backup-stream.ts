/**
 * A backup as one stream of bytes: a line that says what it is, then items, then the end.
 *
 *   probata-backup/v1 <role> <name of the member, spaces and all> <when it was taken, ISO time>
 *   {"bytes":1704,"kind":"file","mode":384,"path":"keys/log.pem"}      one line, then the bytes, then the chain (32 bytes)
 *   {"bytes":96,"kind":"row","key":"heads!ledger!0000000000000000"}    a row of the store, without the store's own checksum
 *   {"items":42,"kind":"end"}                                          and the chain; nothing may follow
 *
 * The chain is SHA-256 over every byte of the stream before it. So a bit that flipped anywhere is found where the item ends, and a
 * stream that was cut off or had items taken out is found too. It is no signature: who can write the file can make the chain anew.
 * Not here: which files and rows there are, and where they go.
 */
import { createHash, type Hash } from 'node:crypto';
import { equal } from '../../ledger/core/bytes.ts';
import { canonicalJson } from '../../ledger/core/json.ts';
import { StartError } from '../start-error.ts';

const MAGIC = 'probata-backup/v1';
const HEAD = new RegExp(`^${MAGIC} (\\S+) (.*) (\\S+)$`, 's');
const LINE_BYTES_MAX = 8192;
const CHAIN_BYTES = 32;
const NEWLINE = 0x0a;

/** Whose backup it is. */
export interface BackupHead {
  readonly role: string;
  readonly name: string;
  /** ISO time. */
  readonly taken: string;
}

export type ItemHead =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly bytes: number }
  | { readonly kind: 'row'; readonly key: string; readonly bytes: number };

/** One file or row; its chunks must be read to their end before the next item. */
export interface Item {
  readonly head: ItemHead;
  readonly chunks: AsyncIterable<Uint8Array>;
}

type Line = ItemHead | { readonly kind: 'end'; readonly items: number };

/**
 * The bytes of a backup.
 * @throws StartError `backup-damaged` when an item has not as many bytes as its head says: the file changed while it was read;
 *   `backup-refused` when the member's name has a line break
 */
export async function* writeBackup(head: BackupHead, items: AsyncIterable<Item>): AsyncGenerator<Uint8Array> {
  if (head.name.includes('\n'))
    throw new StartError('backup-refused', `a folder whose name has a line break is not backed up: rename it`);
  const chain = createHash('sha256');
  const passed = (bytes: Uint8Array): Uint8Array => {
    chain.update(bytes);
    return bytes;
  };
  yield passed(Buffer.from(`${MAGIC} ${head.role} ${head.name} ${head.taken}\n`));
  let count = 0;
  for await (const item of items) {
    yield passed(lineOf(item.head));
    let bytes = 0;
    for await (const chunk of item.chunks) {
      bytes += chunk.length;
      yield passed(chunk);
    }
    if (bytes !== item.head.bytes) throw damaged(`${nameOf(item.head)} changed while it was read`);
    yield passed(digestOf(chain));
    count += 1;
  }
  yield passed(lineOf({ kind: 'end', items: count }));
  yield digestOf(chain);
}

/** Reads a backup: its head at once, then item after item, each checked when it has been read to its end. */
export class BackupReader {
  readonly head: BackupHead;
  readonly #source: Source;

  private constructor(head: BackupHead, source: Source) {
    this.head = head;
    this.#source = source;
  }

  /** @throws StartError `backup-damaged` */
  static async open(bytes: AsyncIterable<Uint8Array>): Promise<BackupReader> {
    const source = new Source(bytes);
    const line = (await source.line()).toString('utf8');
    const [, role, name, taken] = HEAD.exec(line) ?? [];
    if (role === undefined || name === undefined || taken === undefined) throw damaged('it is no backup of a member');
    return new BackupReader({ role, name, taken }, source);
  }

  /**
   * The items, to the end of the stream.
   * @throws StartError `backup-damaged`; then nothing of the last item may be used
   */
  async *items(): AsyncGenerator<Item> {
    for (let count = 0; ; count++) {
      const head = parseLine(await this.#source.line());
      if (head.kind === 'end') {
        await this.#source.checkChain('the end');
        if (head.items !== count) throw damaged(`it has ${count} items, and says ${head.items}`);
        if (!(await this.#source.isAtEnd())) throw damaged('bytes follow its end');
        return;
      }
      yield { head, chunks: this.#source.take(head.bytes) };
      await this.#source.checkChain(nameOf(head));
    }
  }
}

/** The bytes of a backup as they come, and the chain over all that was taken. */
class Source {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #chain: Hash = createHash('sha256');
  #held: Uint8Array = new Uint8Array(0);

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  async line(): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let length = 0; length <= LINE_BYTES_MAX; ) {
      if (!(await this.#hasMore())) throw damaged('it is cut off');
      const end = this.#held.indexOf(NEWLINE);
      const part = this.#advance(end < 0 ? this.#held.length : end + 1);
      parts.push(part);
      length += part.length;
      if (end >= 0) return Buffer.concat(parts).subarray(0, -1);
    }
    throw damaged('a line has no end');
  }

  async *take(bytes: number): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0; ) {
      if (!(await this.#hasMore())) throw damaged('it is cut off');
      const chunk = this.#advance(Math.min(left, this.#held.length));
      left -= chunk.length;
      yield chunk;
    }
  }

  async checkChain(what: string): Promise<void> {
    const expected = digestOf(this.#chain);
    const parts: Uint8Array[] = [];
    for await (const part of this.take(CHAIN_BYTES)) parts.push(part);
    if (!equal(Buffer.concat(parts), expected))
      throw damaged(`its bytes are not those that were written, up to ${what}`);
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#hasMore());
  }

  #advance(length: number): Uint8Array {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    this.#chain.update(taken);
    return taken;
  }

  async #hasMore(): Promise<boolean> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#held = next.value;
    }
    return true;
  }
}

function lineOf(line: Line): Uint8Array {
  const bytes = Buffer.from(`${canonicalJson({ ...line })}\n`);
  if (bytes.length > LINE_BYTES_MAX) throw damaged(`the line of an item has ${bytes.length} bytes`);
  return bytes;
}

/** Accepts exactly what lineOf writes. */
function parseLine(bytes: Buffer): Line {
  try {
    const line = JSON.parse(bytes.toString('utf8'));
    const { kind, path, mode, key, items } = line;
    const isFile = kind === 'file' && typeof path === 'string' && Number.isSafeInteger(mode);
    const isCounted = Number.isSafeInteger(line.bytes) && line.bytes >= 0;
    const isItem = isCounted && (isFile || (kind === 'row' && typeof key === 'string'));
    const isEnd = kind === 'end' && Number.isSafeInteger(items);
    if ((isItem || isEnd) && bytes.equals(lineOf(line).subarray(0, -1))) return line;
  } catch (error) {
    if (error instanceof StartError) throw error;
  }
  throw damaged('a line of it is malformed');
}

/** The digest so far, without ending the chain. */
function digestOf(chain: Hash): Uint8Array {
  return new Uint8Array(chain.copy().digest());
}

function nameOf(head: ItemHead): string {
  return head.kind === 'file' ? head.path : `row ${head.key}`;
}

function damaged(why: string): StartError {
  return new StartError('backup-damaged', `the backup cannot be used: ${why}`);
}
