/**
 * The consortium at which bad input is thrown: real processes with a ledger of some length, whose valid messages have all been answered
 * already. What the messages need of the ledger is read from it, over HTTP.
 */
import { createHash } from 'node:crypto';
import { parseBundle } from '../../ledger/core/bundle.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { type Hash, leafHash, treeRoot } from '../../ledger/core/hash.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { consistencySubtrees, type Subtree, subtreeConsistencySubtrees } from '../../ledger/core/proof.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { ProcessConsortium, until } from '../processes/testing.ts';
import type { Target } from './bad-input.ts';
import { KeptConnection } from './raw-http.ts';
import { encodeRequest, type Message } from './requests.ts';

/** Entries beyond the first tile, so that full and partial tiles are there. */
const BATCH_LINES = 300;
const FILE = 'evidence, page 1\n第一页\n';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export class Scene {
  readonly consortium: ProcessConsortium;
  /** What was deposited, and its ids, in the order of `deposits`. */
  readonly deposits: { readonly json: Message; readonly multipart: Message; readonly batch: Message };
  readonly ids: { json: string; multipart: string; batch: ReadonlySet<string> };
  /** The checkpoint after the first deposit. */
  #early = '';

  private constructor(consortium: ProcessConsortium) {
    this.consortium = consortium;
    this.deposits = depositMessages(consortium.token);
    this.ids = { json: '', multipart: '', batch: new Set() };
  }

  static async start(): Promise<Scene> {
    const scene = new Scene(await ProcessConsortium.start());
    const { deposits, ids, consortium } = scene;
    ids.json = (await scene.post(deposits.json)).id;
    await consortium.reaches(ids.json, 'certified');
    scene.#early = await scene.text(`${consortium.url}/ledger/checkpoint`);
    ids.multipart = (await scene.post(deposits.multipart)).id;
    const lines = (await scene.send(deposits.batch)).toString().trim().split('\n');
    ids.batch = new Set(lines.map((line) => JSON.parse(line).id));
    await scene.settle();
    return scene;
  }

  /** Waits until everything that was deposited is certified and every member has seen it. */
  async settle(): Promise<void> {
    const { consortium } = this;
    for (const id of [this.ids.json, this.ids.multipart]) await consortium.reaches(id, 'certified');
    await until('all members at one size', async () => {
      const sizes = await Promise.all(['court-1', 'arbitration-1'].map(async (name) => this.sizeAt(name)));
      const { size } = await this.ledger();
      return size > BATCH_LINES && sizes.every((one) => one === size);
    });
  }

  /** Changes what every member holds: one deposit more, certified. */
  async harm(): Promise<void> {
    const id = await this.consortium.deposit();
    await this.consortium.reaches(String(id), 'certified');
    await this.settle();
  }

  target(name: string): Target {
    return { pid: this.consortium.pid(name), port: Number(new URL(this.consortium.urlOf(name)).port) };
  }

  async text(url: string): Promise<string> {
    const answer = await this.consortium.get(url);
    return Buffer.from(answer?.body ?? []).toString();
  }

  /** The ledger as the platform serves it, with its leaf hashes. */
  async ledger(): Promise<Ledger> {
    const note = await this.text(`${this.consortium.url}/ledger/checkpoint`);
    const { size, origin } = parseCheckpoint(parseNote(note).text);
    const entries: Uint8Array[] = [];
    for (let start = 0; start < size; start += 256) {
      const width = Math.min(256, size - start);
      const path = `tile/entries/${String(start / 256).padStart(3, '0')}${width < 256 ? `.p/${width}` : ''}`;
      const answer = await this.consortium.get(`${this.consortium.url}/ledger/${path}`);
      entries.push(...parseBundle(new Uint8Array(answer?.body ?? []), width));
    }
    return new Ledger({ origin, size, note, entries, early: this.#early });
  }

  /** The newest checkpoint that a cosigner shows, and its size. */
  async monitoring(name: string): Promise<string> {
    const service = name.startsWith('court') ? 'witness' : 'mirror';
    const { origin } = parseCheckpoint(parseNote(this.#early).text);
    return this.text(`${this.consortium.urlOf(name)}/${service}/${originHash(origin)}/checkpoint`);
  }

  async sizeAt(name: string): Promise<number> {
    return parseCheckpoint(parseNote(await this.monitoring(name)).text).size;
  }

  async post(message: Message): Promise<{ id: string }> {
    return JSON.parse((await this.send(message)).toString());
  }

  async send(message: Message): Promise<Buffer> {
    const connection = new KeptConnection(this.consortium.port);
    const answer = await connection.exchange(encodeRequest(message), false);
    connection.close();
    if (answer === undefined || answer.status >= 300) throw new Error(`a valid message is refused: ${answer?.status}`);
    return answer.body;
  }

  async end(): Promise<void> {
    await this.consortium.remove();
  }
}

/** A ledger with its proofs. */
export class Ledger {
  readonly origin: string;
  readonly size: number;
  /** The cosigned checkpoint. */
  readonly note: string;
  /** An older one, of size 1. */
  readonly early: string;
  readonly entries: readonly Uint8Array[];
  readonly #hashes: readonly Hash[];

  constructor(o: { origin: string; size: number; note: string; early: string; entries: readonly Uint8Array[] }) {
    this.origin = o.origin;
    this.size = o.size;
    this.note = o.note;
    this.early = o.early;
    this.entries = o.entries;
    this.#hashes = o.entries.map(leafHash);
  }

  root({ lo, hi }: Subtree): Hash {
    return treeRoot(this.#hashes.slice(lo, hi));
  }

  consistency(oldSize: number): Hash[] {
    return consistencySubtrees(oldSize, this.size).map((subtree) => this.root(subtree));
  }

  subtreeProof(lo: number, hi: number): Hash[] {
    return subtreeConsistencySubtrees(lo, hi, this.size).map((subtree) => this.root(subtree));
  }
}

/** Three deposits, each with an Idempotency-Key: sent again they are the same deposit, and changed they are refused. */
function depositMessages(token: string): Scene['deposits'] {
  const base = (contentType: string, key: string): [string, string][] => [
    ['Authorization', `Bearer ${token}`],
    ['Content-Type', contentType],
    ['Idempotency-Key', key],
  ];
  const declaration = { source: '微信聊天记录', generation: 'exported 2026-11-01', storage: 'phone 1' };
  const digest = (name: string): object => ({ name, size: name.length, sha256: sha256(name) });
  const json = JSON.stringify({ files: [digest('a.pdf'), digest('合同.docx')], declaration });
  const part = (head: string, text: string): string =>
    `--edge\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
  const multipart = `${[
    part('name="declaration"', JSON.stringify(declaration)),
    part('name="file"; filename="page-1.txt"\r\nContent-Type: text/plain', FILE),
    part('name="file"; filename="第二页.bin"\r\nContent-Type: application/octet-stream', '\x01\x02\x03'),
  ].join('')}--edge--\r\n`;
  const lines = Array.from({ length: BATCH_LINES }, (_, i) =>
    JSON.stringify({ files: [digest(`line ${i}`)], declaration: {} }),
  );
  const post = (path: string, headers: [string, string][], body: string): Message => ({
    ...{ method: 'POST', path, headers },
    body: Buffer.from(body),
  });
  const api = '/api/v1/deposits';
  return {
    json: post(api, base('application/json', 'bad-input-json'), json),
    multipart: post(api, base('multipart/form-data; boundary=edge', 'bad-input-multipart'), multipart),
    batch: post(`${api}/batch`, base('application/x-ndjson', 'bad-input-batch'), lines.join('\n')),
  };
}
