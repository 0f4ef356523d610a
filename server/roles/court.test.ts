/** A court on its own folder: what it keeps between starts, what it refuses to start on, and the evidence it writes of a lying log. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatCheckpoint } from '../../ledger/core/checkpoint.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { checkForkReport } from '../../ledger/core/fork-report.ts';
import { leafHash } from '../../ledger/core/hash.ts';
import { formatNote, parseNote } from '../../ledger/core/note.ts';
import { type Signer, signNote } from '../../ledger/core/signature.ts';
import { memoryStores } from '../../ledger/store/memory.ts';
import { formatAddCheckpoint, originHash } from '../../ledger/witness/request.ts';
import { KEY_FILES } from '../config.ts';
import { type HttpClient, openHttpClient } from '../http/client.ts';
import { readSigner } from '../keys.ts';
import type { EventFields } from '../logging.ts';
import { freePorts } from '../processes/testing.ts';
import { openCourt } from './court.ts';
import { initConsortium } from './init.ts';
import type { RoleContext, RunningRole } from './process.ts';
import { openSerials, SERIAL_BLOCK } from './serials.ts';

const ORIGIN = 'ledger.demo.example';

describe('server/roles/court', () => {
  let data: string;
  let dir: string;
  let client: HttpClient;
  let log: Signer;
  let events: { event: string; fields: EventFields | undefined }[];
  let court: RunningRole | undefined;
  const context: RoleContext = {
    log: (_level, event, fields) => void events.push({ event, fields }),
    fatal: (error) => {
      throw error;
    },
  };

  before(async () => {
    data = mkdtempSync(join(tmpdir(), 'probata-court-'));
    dir = join(data, 'court-1');
    const port = await freePorts(3);
    await initConsortium({ data, port, courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now() });
    log = readSigner(join(data, 'platform', KEY_FILES.log), ORIGIN, 0x01);
    client = openHttpClient();
  });
  after(() => {
    client.close();
    rmSync(data, { recursive: true });
  });
  beforeEach(async () => {
    events = [];
    court = await openCourt(dir, context);
  });
  afterEach(() => court?.close());

  /** A checkpoint of one leaf, signed by the log. */
  async function note(leaf: string): Promise<string> {
    const root = leafHash(new TextEncoder().encode(leaf));
    const text = formatCheckpoint({ origin: ORIGIN, size: 1, root, extensions: [] });
    return formatNote({ text, signatures: [await signNote(text, log)] });
  }

  async function submit(oldSize: number, checkpoint: string): Promise<{ status: number; text: string }> {
    const body = formatAddCheckpoint({ oldSize, proof: [], note: checkpoint });
    const url = `${court?.url}/witness/add-checkpoint`;
    const answer = await client.http({ method: 'POST', url, body, timeoutMs: 10_000, responseBytesMax: 100_000 });
    return { status: answer.status, text: Buffer.from(answer.body).toString() };
  }

  it('remembers over a restart what it has cosigned, and never goes back', async () => {
    const first = await note('a');
    expect((await submit(0, first)).status).equal(200);
    await court?.close();
    court = await openCourt(dir, context);
    expect(await submit(0, first)).deep.equal({ status: 409, text: '1\n' });
    const url = `${court.url}/witness/${originHash(ORIGIN)}/checkpoint`;
    const shown = await client.http({ method: 'GET', url, timeoutMs: 10_000, responseBytesMax: 100_000 });
    expect(parseNote(shown.body).text).equal(parseNote(first).text);
  });

  it('writes one self-contained report of a log that signs two histories, and cosigns only the first', async () => {
    const fork = await note('b');
    for (let i = 0; i < 2; i++) expect((await submit(1, fork)).status).equal(422);
    const reports = readdirSync(join(dir, 'reports'));
    expect(reports).lengthOf(1);
    const report = readFileSync(join(dir, 'reports', reports[0] ?? ''), 'utf8');
    const { newer, older } = checkForkReport(report, [log.key]);
    expect([newer.checkpoint.size, older.checkpoint.size]).deep.equal([1, 1]);
    expect([older.note.text, newer.note.text]).deep.equal([parseNote(await note('a')).text, parseNote(fork).text]);
    const alarms = events.filter(({ event }) => event === 'checkpoint-inconsistent');
    expect(alarms.map(({ fields }) => fields?.report)).deep.equal(
      alarms.map(() => join(dir, 'reports', reports[0] ?? '')),
    );
    const metrics = await client.http({
      method: 'GET',
      url: `${court?.url}/metrics`,
      timeoutMs: 10_000,
      responseBytesMax: 1_000_000,
    });
    expect(Buffer.from(metrics.body).toString()).contain('probata_misbehaviour_total{kind="fork"} 2');
  });

  it('keeps a checkpoint whose proof does not hold as a suspicion, without what strangers wrote on it, and never as a proven fork', async () => {
    const text = formatCheckpoint({ origin: ORIGIN, size: 3, root: leafHash(new Uint8Array(3)), extensions: [] });
    const strange = { name: ORIGIN, keyId: 7, signature: new Uint8Array(5000) };
    const submitted = formatNote({ text, signatures: [strange, await signNote(text, log)] });
    expect((await submit(1, submitted)).status).equal(422);
    const names = readdirSync(join(dir, 'reports')).filter((name) => name.startsWith('suspicion-'));
    const report = readFileSync(join(dir, 'reports', names[0] ?? ''), 'utf8');
    expect(names).lengthOf(1);
    expect(report.length).below(3000);
    expect(() => checkForkReport(report, [log.key]))
      .throw(LedgerError)
      .property('code', 'report-unproven');
  });

  it('is refused a folder that another process has open, or whose key others may read', async () => {
    const refused = async (): Promise<unknown> => openCourt(dir, context).catch((error) => error.code);
    expect(await refused()).equal('data-locked');
    await court?.close();
    court = undefined;
    const key = join(dir, KEY_FILES.mlDsa44);
    chmodSync(key, 0o644);
    expect(await refused()).equal('key-exposed');
    chmodSync(key, 0o600);
    court = await openCourt(dir, context);
  });

  it('refuses to start on a store in which one bit has rotted', async () => {
    await court?.close();
    court = undefined;
    const level = join(dir, 'store', 'level');
    const file = join(level, readdirSync(level).find((name) => name.endsWith('.ldb')) ?? '');
    const bytes = readFileSync(file);
    const flip = (): void => writeFileSync(file, bytes.fill((bytes[20] ?? 0) ^ 1, 20, 21));
    flip();
    const refused = await openCourt(dir, context).catch((error) => error);
    expect(refused.code).equal('data-corrupt');
    flip();
    court = await openCourt(dir, context);
  });
});

describe('server/roles/serials', () => {
  const NOW_MS = Date.UTC(2026, 0, 1);
  const NOW_US = BigInt(NOW_MS) * 1000n;

  it('never gives a number twice, over restarts and kills, and each is larger than the one before', async () => {
    const index = memoryStores().index('serials');
    const seen: bigint[] = [];
    for (let life = 0; life < 4; life++) {
      const next = await openSerials(index, NOW_MS);
      const many = await Promise.all(Array.from({ length: 700 }, () => next()));
      seen.push(...many.sort((a, b) => (a < b ? -1 : 1)));
      // A kill: nothing is written on the way out.
    }
    expect(seen.every((serial, i) => i === 0 || serial > (seen[i - 1] as bigint))).equal(true);
    expect(seen[0]).equal(NOW_US);
    expect(seen[700]).equal(NOW_US + SERIAL_BLOCK);
  });

  it('goes on from the present time, behind all that a lost disk may have given, and never back with the clock', async () => {
    const index = memoryStores().index('serials');
    const firstAt = async (nowMs: number): Promise<bigint> => (await openSerials(index, nowMs))();
    expect(await firstAt(NOW_MS)).equal(NOW_US);
    expect(await firstAt(NOW_MS + 60_000)).equal(NOW_US + 60_000_000n);
    expect(await firstAt(NOW_MS)).equal(NOW_US + 60_000_000n + SERIAL_BLOCK);
  });

  it('gives no number that is not reserved on disk', async () => {
    const index = memoryStores().index('serials');
    const next = await openSerials({ ...index, write: () => Promise.reject(new Error('disk')) }, NOW_MS);
    const failures = await Promise.all([next(), next()].map((promise) => promise.catch((error) => error.message)));
    expect(failures).deep.equal(['disk', 'disk']);
  });
});
