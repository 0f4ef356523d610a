// T24: fork reports, real and forged. A stranger with the log's key confirms every real pair of checkpoints that cannot both be right, and
// refuses everything that anybody without that key can make: pairs of one history, other keys, changed roots, proofs that lead elsewhere.

import { randomFrom } from '../../fixtures/random.ts';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { base64Encode, equal, utf8Encode } from '../core/bytes.ts';
import { openCheckpoint } from '../core/checkpoint.ts';
import { LedgerError } from '../core/errors.ts';
import { checkForkReport, type Fork, formatForkReport, parseForkReport } from '../core/fork-report.ts';
import { parseNote } from '../core/note.ts';
import { compare, TreeReaders } from '../monitor/compare.ts';
import { tilesOfLog } from '../monitor/testing.ts';
import { ORIGIN, TestLog, testSigner } from '../witness/testing.ts';

const PAIRS = 100;
const SIZE_MAX = 700;
const LOG = new TestLog().grow(SIZE_MAX);
const KEYS = [LOG.signer.key];
const SEED = 24;
let die = randomFrom(SEED);

/** From `low` up to, not including, `high`. */
function between(low: number, high: number): number {
  return low + die(high - low);
}

/** Another history of the log, the same up to `from`. */
function forkFrom(from: number): TestLog {
  const fork = new TestLog().grow(from);
  for (let i = from; i < SIZE_MAX; i++) fork.append(utf8Encode(`fork ${i} ${from}`));
  return fork;
}

/** What a node that found two histories writes: made by the monitor's own comparison. */
async function realReport(): Promise<string> {
  const from = between(0, SIZE_MAX - 1);
  const older = between(from + 1, SIZE_MAX);
  const newer = between(older, SIZE_MAX);
  const fork = forkFrom(from);
  const [a, b] = die(2) === 0 ? [fork, LOG] : [LOG, fork];
  const comparison = await compare(await a.head(older), await b.head(newer), new TreeReaders([tilesOfLog(b)]), KEYS);
  if (comparison.outcome !== 'fork') throw new Error(`two histories from ${from} on are ${comparison.outcome}`);
  return comparison.report;
}

/** A report of two checkpoints of one history, which proves nothing. */
async function innocent(): Promise<Fork> {
  const older = between(1, SIZE_MAX - 1);
  const newer = between(older + 1, SIZE_MAX);
  const [o, n] = [await LOG.head(older), await LOG.head(newer)];
  return { older: o.note, newer: n.note, root: LOG.root(0, older), proof: LOG.consistency(older, newer) };
}

/** Made by whoever does not hold the log's key, from all that is public: the log, its notes, and keys of their own. */
const FORGERIES: Record<string, () => Promise<Fork | string>> = {
  'two checkpoints of one history': innocent,
  'one checkpoint twice': async () => {
    const { note, checkpoint } = await LOG.head(between(1, SIZE_MAX));
    return { older: note, newer: note, root: checkpoint.root, proof: [] };
  },
  'the older root changed': async () => {
    const fork = await innocent();
    return { ...fork, older: withRoot(fork.older, LOG.root(0, 1)) };
  },
  'the newer root changed': async () => {
    const fork = await innocent();
    return { ...fork, newer: withRoot(fork.newer, LOG.root(0, 1)) };
  },
  'the size changed': async () => {
    const fork = await innocent();
    return { ...fork, older: fork.older.replace(/\n\d+\n/, '\n1\n') };
  },
  'a history signed with another key of the same name': async () => {
    const fork = forkFrom(0);
    const { text } = parseNote((await fork.head(300)).note);
    const stranger = { ...testSigner('stranger.example', 0x01) };
    const signature = await stranger.sign(utf8Encode(text));
    const line = { name: ORIGIN, keyId: LOG.signer.key.id, signature };
    return { ...(await innocent()), older: noteOf(text, line) };
  },
  'a history of another log': async () => {
    const other = new TestLog('other.example').grow(300);
    const fork = await innocent();
    return { ...fork, older: (await other.head(1)).note };
  },
  'a root that is not the newer tree’s': async () => ({ ...(await innocent()), root: LOG.root(0, SIZE_MAX) }),
  'a proof that does not lead to the newer root': async () => {
    const fork = await innocent();
    return {
      ...fork,
      root: forkFrom(0).root(0, sizeOf(fork.older)),
      proof: forkFrom(0).consistency(sizeOf(fork.older), sizeOf(fork.newer)),
    };
  },
  'a proof with a hash more': async () => {
    const fork = await innocent();
    return { ...fork, root: LOG.root(0, 1), proof: [...fork.proof, LOG.root(0, 1)] };
  },
  'no proof at all': async () => ({ ...(await innocent()), root: LOG.root(0, SIZE_MAX), proof: [] }),
  'a suspicion, without a root': async () => {
    const { newer, older } = await innocent();
    return { newer, older, proof: [LOG.root(0, 1)] };
  },
  'the notes swapped': async () => {
    const fork = await innocent();
    return { ...fork, newer: fork.older, older: fork.newer };
  },
  'a real report, cut short': async () => {
    const report = await realReport();
    return report.slice(0, die(report.length));
  },
  'a real report with one character changed': async () => {
    const report = await realReport();
    // Inside the hashes and the signed texts: names of strangers' signatures may be anything.
    const at = report.indexOf('\\n', between(0, report.indexOf('\\n\\n'))) + 3;
    return report.slice(0, at) + (report[at] === 'A' ? 'B' : 'A') + report.slice(at + 1);
  },
  'a real report in another spelling': async () => ` ${await realReport()}`,
  'a real report with a field more': async () => (await realReport()).replace('{', '{"a":1,'),
  'a real report of the root that the log signed': async () => {
    const fork = parseForkReport(await realReport());
    return { ...fork, root: openCheckpoint(parseNote(fork.older), KEYS).root };
  },
};

function withRoot(note: string, root: Uint8Array): string {
  return note.replace(/\n[A-Za-z0-9+/]{43}=\n/, `\n${base64Encode(root)}\n`);
}

function noteOf(text: string, line: { name: string; keyId: number; signature: Uint8Array }): string {
  const id = new Uint8Array([24, 16, 8, 0].map((shift) => (line.keyId >>> shift) & 255));
  return `${text}\n— ${line.name} ${base64Encode(new Uint8Array([...id, ...line.signature]))}\n`;
}

function sizeOf(note: string): number {
  return openCheckpoint(parseNote(note), KEYS).size;
}

type Check = (report: string) => void;

/** Real reports that are refused, and forged ones that are confirmed. */
async function tell(check: Check): Promise<Tally> {
  die = randomFrom(SEED);
  const failures: string[] = [];
  const pairs = rounds(PAIRS);
  for (let i = 0; i < pairs; i++) {
    const refused = refusal(check, await realReport());
    if (refused !== undefined) failures.push(`a real pair was refused: ${refused}`);
  }
  const kinds = Object.entries(FORGERIES);
  const forged = Math.max(pairs, kinds.length);
  for (let i = 0; i < forged; i++) {
    const [name, forge] = kinds[i % kinds.length] as (typeof kinds)[number];
    const made = await forge();
    const report = typeof made === 'string' ? made : formatForkReport(made);
    if (refusal(check, report) === undefined) failures.push(`confirmed: ${name}: ${report}`);
  }
  return { n: pairs + forged, failures };
}

function refusal(check: Check, report: string): string | undefined {
  try {
    check(report);
    return undefined;
  } catch (error) {
    if (error instanceof LedgerError) return error.code;
    throw error;
  }
}

/** Two notes that say different things, and nothing more: what a reader without keys and proofs could look at. */
const believing: Check = (report) => {
  const fork = parseForkReport(report);
  const [older, newer] = [parseNote(fork.older).text, parseNote(fork.newer).text];
  if (older === newer || fork.root === undefined || equal(fork.root, new Uint8Array(32)))
    throw new LedgerError('report-unproven', '');
};

defineRig({
  id: 'T24',
  name: `${rounds(PAIRS)} real forks confirmed, as many forged ones of ${Object.keys(FORGERIES).length} kinds refused`,
  seed: SEED,
  run: () => tell((report) => checkForkReport(report, KEYS)),
  without: 'the signatures and the proof being checked',
  control: () => tell(believing),
});
