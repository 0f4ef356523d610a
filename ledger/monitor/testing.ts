// Test support: nodes that show checkpoints and tiles, without sockets. What they show may be a lie; who reads it is the real monitor.

import { formatBundle } from '../core/bundle.ts';
import { concat, hexEncode, utf8Encode } from '../core/bytes.ts';
import { cosign } from '../core/cosignature.ts';
import type { DepositEntry } from '../core/entry.ts';
import { type Hash, leafHash, nodeHash, sha256 } from '../core/hash.ts';
import { TILE_WIDTH } from '../core/limits.ts';
import { formatNote, formatVkey, parseNote } from '../core/note.ts';
import type { OmissionTrust } from '../core/omission-report.ts';
import { type Policy, parsePolicy } from '../core/policy.ts';
import { formatReceiptText, receiptKeyName } from '../core/receipt.ts';
import { type Signer, signNote } from '../core/signature.ts';
import { parseTilePath } from '../core/tile.ts';
import type { FetchTile } from '../core/tile-reader.ts';
import type { Http, SignedHead } from '../log/ports.ts';
import { ORIGIN, TestLog, testClock, testCosigner, testSigner } from '../witness/testing.ts';
import type { MonitorEvent } from './events.ts';
import { Monitor } from './watch.ts';

/** The tiles and bundles of a log, from the bare definitions. Refuses what a tree of that size does not have. */
export function tilesOfLog(log: TestLog): FetchTile {
  return async ({ level, index, width }) => {
    const first = index * TILE_WIDTH;
    if (level === 'entries') return formatBundle(log.entries.slice(first, first + width));
    const span = TILE_WIDTH ** level;
    if ((first + width) * span > log.entries.length) throw new Error('no such tile');
    return concat(...Array.from({ length: width }, (_, i) => log.root((first + i) * span, (first + i + 1) * span)));
  };
}

/** The entry that a ledger without end repeats. */
const PADDING = utf8Encode('padding');

/** The log of nothing but padding. */
export function paddingLog(entries: number): TestLog {
  const log = new TestLog();
  for (let i = 0; i < entries; i++) log.append(PADDING);
  return log;
}

/** A {@link paddingLog} of 2^levels entries, as whoever keeps none of them can show it: tiles are computed when they are asked for. */
export async function endlessLog(levels: number): Promise<{ head: SignedHead; tiles: FetchTile }> {
  const roots = [leafHash(PADDING)];
  for (const root of roots) if (roots.length <= levels) roots.push(nodeHash(root, root));
  const head = await new TestLog().head(2 ** levels, [], roots[levels]);
  const tiles: FetchTile = async ({ level, width }) => {
    if (level === 'entries') return formatBundle(Array.from({ length: width }, () => PADDING));
    return concat(...Array.from({ length: width }, () => roots[8 * level] as Hash));
  };
  return { head, tiles };
}

/** The note of a log's checkpoint, cosigned by these keys at this time. */
export async function cosignedNote(
  log: TestLog,
  size: number,
  signers: readonly Signer[],
  timeSeconds = 1n,
): Promise<Uint8Array> {
  const { note, checkpoint } = await log.head(size);
  const { text, signatures } = parseNote(note);
  const cosignatures = await Promise.all(signers.map((signer) => cosign(checkpoint, timeSeconds, signer)));
  return utf8Encode(formatNote({ text, signatures: [...signatures, ...cosignatures] }));
}

/** A node as others see it: `http://<name>/…`. */
export class ShownNode {
  readonly name: string;
  /** None of the platform: it cosigns nothing. */
  readonly signers: readonly Signer[];
  note: Uint8Array | undefined;
  /** Whose tiles it serves, if any. */
  tiles: FetchTile | undefined;
  down = false;
  /** How long its tiles take to be refused; as good as the timeout of a real connection. */
  hangs: Promise<void> | undefined;

  constructor(name: string) {
    this.name = name;
    this.signers = name === 'platform' ? [] : testCosigner(`${name}.test.example`).slice(0, 1);
  }

  /** Shows a checkpoint of this size, cosigned. */
  async show(log: TestLog, size: number): Promise<void> {
    this.note = await cosignedNote(log, size, this.signers);
  }
}

/** A network of nodes, and a monitor in the place of one more. */
export class MonitorBench {
  readonly nodes: readonly ShownNode[];
  readonly events: MonitorEvent[] = [];
  readonly clock = testClock();
  readonly monitor: Monitor;
  /** Requests made, by URL. */
  readonly asked: string[] = [];
  own: Uint8Array | undefined;

  constructor(log: TestLog, names: readonly string[]) {
    this.nodes = names.map((name) => new ShownNode(name));
    this.monitor = new Monitor({
      logs: [{ origin: log.origin, keys: [log.signer.key], own: async () => this.own }],
      peers: this.nodes.map(({ name, signers }) => ({
        name,
        url: `http://${name}`,
        keys: signers.map(({ key }) => key),
      })),
      http: this.http,
      clock: this.clock,
      onEvent: (event) => this.events.push(event),
    });
  }

  node(name: string): ShownNode {
    const node = this.nodes.find((each) => each.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  readonly http: Http = async ({ url }) => {
    this.asked.push(url);
    const [, name = '', path = ''] = /^http:\/\/([^/]+)\/(.*)$/.exec(url) ?? [];
    const { note, tiles, down, hangs } = this.node(name);
    if (down) throw new Error('connection refused');
    if (hangs !== undefined && path !== 'checkpoint') {
      await hangs;
      throw new Error('timed out');
    }
    const body = path === 'checkpoint' ? note : await tiles?.(parseTilePath(path)).catch(() => undefined);
    return { status: body === undefined ? 404 : 200, headers: {}, body: body ?? new Uint8Array(0) };
  };

  /** Polls once. @returns what was told by it */
  async poll(): Promise<MonitorEvent[]> {
    const before = this.events.length;
    await this.monitor.poll();
    return this.events.slice(before);
  }
}

/** The key of the test log's receipts. */
export const RECEIPT_SIGNER = testSigner(receiptKeyName(ORIGIN), 0x01);

/** The entry of a deposit received at this time, ms since the epoch. */
export function depositEntry(number: number, receivedMs: number): DepositEntry {
  const id = `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`;
  const commitment = hexEncode(sha256(utf8Encode(String(number))));
  return { kind: 'deposit', v: 1, id, received: new Date(receivedMs).toISOString(), commitment };
}

/** A receipt as the platform gives it. */
export async function receiptOf(entry: DepositEntry, deadlineMs: number, signer = RECEIPT_SIGNER): Promise<string> {
  const text = formatReceiptText({ entry, deadline: new Date(deadlineMs).toISOString() });
  return formatNote({ text, signatures: [await signNote(text, signer)] });
}

/** Three courts of which two are needed, with their signers. */
export const RECEIPT_COURTS = ['court-1', 'court-2', 'court-3'].map((name) => testSigner(`${name}.test.example`, 0x04));

/** A policy of one log and three courts of which two are needed. */
export function receiptPolicy(log: Signer, courts: readonly Signer[]): Policy {
  return parsePolicy(
    [
      `log ${formatVkey(log.key)}`,
      ...courts.map(({ key }, i) => `witness court-${i + 1} ${formatVkey(key)}`),
      'group courts 2 court-1 court-2 court-3',
      'quorum courts',
      '',
    ].join('\n'),
  );
}

/** Believes this policy and this receipt key, as nothing has ever changed. */
export function receiptTrust(policy: Policy): OmissionTrust {
  const receiptKeys = [RECEIPT_SIGNER.key];
  const first = { sinceMs: undefined, changeReceivedMs: undefined };
  return { epochs: [{ policy, receiptKeys, revoked: [], ...first, upTo: Number.POSITIVE_INFINITY }] };
}

/** Believes the test log, those courts, and that receipt key. */
export const RECEIPT_TRUST = receiptTrust(receiptPolicy(testSigner(ORIGIN, 0x01), RECEIPT_COURTS));
