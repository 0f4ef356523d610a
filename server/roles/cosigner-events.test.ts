/** What strangers can make a court tell its operator: nothing of what everybody knows, little of a proof that is wrong, and every real fork. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkForkReport, type ProvenFork } from '../../ledger/core/fork-report.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { formatNote, parseNote, vkeyOf } from '../../ledger/core/note.ts';
import { type Signer, signNote } from '../../ledger/core/signature.ts';
import { formatAddCheckpoint } from '../../ledger/witness/request.ts';
import { bodyText, COURT, ORIGIN, testSigner, WitnessBench } from '../../ledger/witness/testing.ts';
import { openAlarms } from '../alarms.ts';
import { Metrics } from '../metrics.ts';
import { cosignerEvents } from './cosigner-events.ts';

const REPEATS = 20;

describe('server/roles/cosigner-events', () => {
  let dir: string;
  let court: WitnessBench;
  let metrics: Metrics;
  let lines: string[];
  let suspects: number;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'probata-events-'));
    court = await WitnessBench.open();
    metrics = new Metrics();
    lines = [];
    suspects = 0;
    await court.follow(0, 20);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Sends them, and passes on what the court tells of it. @returns the answers' statuses, each once */
  async function send(bodies: readonly Uint8Array[], keys = [court.log.signer.key]): Promise<number[]> {
    const alarm = openAlarms(dir, (level, event) => lines.push(`${level} ${event}`), metrics);
    const tell = cosignerEvents(
      (level, event) => level !== 'debug' && lines.push(`${level} ${event}`),
      alarm,
      [{ origin: ORIGIN, keys }],
      () => suspects++,
    );
    court.events.length = 0;
    const statuses = new Set<number>();
    for (const body of bodies) statuses.add((await court.witness.addCheckpoint(body)).status);
    for (const event of court.events) tell(event);
    return [...statuses];
  }

  const wrongProofs = (note: string): Uint8Array[] =>
    Array.from({ length: REPEATS }, (_, i) =>
      formatAddCheckpoint({ oldSize: 20, proof: [sha256(Uint8Array.of(i))], note }),
    );

  async function counted(kind: string): Promise<number> {
    return Number(new RegExp(`^probata_misbehaviour_total{kind="${kind}"} (.*)$`, 'm').exec(await metrics.text())?.[1]);
  }

  function reports(): string[] {
    try {
      return readdirSync(join(dir, 'reports'));
    } catch {
      return [];
    }
  }

  function proven(keys = [court.log.signer.key]): ProvenFork[] {
    return reports().map((name) => checkForkReport(readFileSync(join(dir, 'reports', name), 'utf8'), keys));
  }

  it('tells nothing of the court’s own public checkpoint, sent back with a proof that is not asked for', async () => {
    expect(await send(wrongProofs(bodyText(await court.monitor())))).deep.equal([422]);
    expect([lines, reports(), suspects]).deep.equal([[], [], 0]);
    expect([await counted('fork'), await counted('suspicion')]).deep.equal([0, 0]);
  });

  it('warns of an entry that changes the policy, and says which', () => {
    const told: unknown[] = [];
    const alarm = openAlarms(dir, () => undefined, metrics);
    const tell = cosignerEvents(
      (...event) => told.push(event),
      alarm,
      [],
      () => undefined,
    );
    tell({ kind: 'policy-entry', origin: ORIGIN, index: 7 });
    expect(told).deep.equal([['warn', 'policy-entry', { origin: ORIGIN, index: 7 }]]);
  });

  it('warns of a proof that is wrong at its 1st, 2nd, 4th, 8th, 16th time, and has the tiles asked each time', async () => {
    expect(await send(wrongProofs((await court.log.head(30)).note))).deep.equal([422]);
    expect(lines).deep.equal(Array(5).fill('warn checkpoint-inconsistent'));
    expect([await counted('fork'), await counted('suspicion')]).deep.equal([0, 5]);
    expect(reports().map((name) => name.replace(/-.*/, ''))).deep.equal(['suspicion']);
    expect(suspects).equal(REPEATS);
  });

  it('raises the alarm of real forks at their 1st, 2nd, 4th, 8th, 16th time, with one report for the checkpoint contradicted', async () => {
    const roots = Array.from({ length: REPEATS }, (_, i) => sha256(Uint8Array.of(i)));
    const notes = await Promise.all(roots.map((root) => court.log.head(20, [], root)));
    expect(await send(notes.map(({ note }) => formatAddCheckpoint({ oldSize: 20, proof: [], note })))).deep.equal([
      422,
    ]);
    expect(lines).deep.equal(Array(5).fill('alarm checkpoint-inconsistent'));
    expect([await counted('fork'), await counted('suspicion')]).deep.equal([5, 0]);
    const [{ older, newer } = expect.fail('a report'), ...more] = proven();
    expect([older.checkpoint, newer.checkpoint]).deep.equal([
      (await court.log.head(20)).checkpoint,
      notes[0]?.checkpoint,
    ]);
    expect(more).deep.equal([]);
  });

  it('tells of a clock that is behind at its 1st, 2nd, 4th, 8th, 16th time, whoever resends its checkpoint, and anew after it was right', async () => {
    const { note } = await court.log.head(20);
    const again = (times: number): Promise<number[]> =>
      send(Array.from({ length: times }, () => formatAddCheckpoint({ oldSize: 20, proof: [], note })));
    court.clock.ms -= 3_600_000;
    expect(await again(REPEATS)).deep.equal([200]);
    expect(lines.splice(0)).deep.equal(Array(5).fill('alarm clock-behind'));
    court.clock.ms += 3_600_000;
    expect(await again(1)).deep.equal([200]);
    expect(lines).deep.equal([]);
    court.clock.ms -= 60_000;
    expect(await again(3)).deep.equal([200]);
    expect(lines).deep.equal(Array(2).fill('alarm clock-behind'));
  });

  it('raises the alarm of a false tree of size 0, alone and beside the empty one', async () => {
    for (const before of [undefined, 0]) {
      court = await WitnessBench.open();
      if (before !== undefined) await court.follow(0, before);
      const { note } = await court.log.head(0, [], sha256(Uint8Array.of(before ?? 1)));
      expect(await send([formatAddCheckpoint({ oldSize: 0, proof: [], note })])).deep.equal([422]);
    }
    expect(lines).deep.equal(Array(2).fill('alarm checkpoint-inconsistent'));
    expect(proven()).lengthOf(2);
  });

  it('raises it also when the key that signed the court’s own checkpoint is no longer configured', async () => {
    const { key, sign } = testSigner('new.example', 0x01);
    const signer: Signer = { key: vkeyOf(ORIGIN, 0x01, key.publicKey), sign };
    await court.reopen(COURT, [signer.key]);
    const { text } = parseNote((await court.fork.head(20)).note);
    const note = formatNote({ text, signatures: [await signNote(text, signer)] });
    expect(await send([formatAddCheckpoint({ oldSize: 20, proof: [], note })], [signer.key])).deep.equal([422]);
    expect(lines).deep.equal(['alarm checkpoint-inconsistent']);
    expect(proven([signer.key, court.log.signer.key])).lengthOf(1);
  });
});
