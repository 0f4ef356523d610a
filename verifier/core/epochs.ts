// Epochs: which statement held for which checkpoints, and that each change was published before it counted.
// A change of policy is an entry of the ledger that names the next statement, the last entry of a checkpoint cosigned under the policy it
// ends. Checkpoints of larger size are judged by the next statement. FORMATS.md, "Trust bundle".
// That is no consent: cosigners do not read entries. Whether the members agreed is for whoever hands over the bundle to answer.
// A later statement cannot reach back: it holds for larger sizes only. That an epoch was left out shows in the digests, each of which
// holds the one before.

import { openCheckpoint } from '../../ledger/core/checkpoint.ts';
import { openCosigned } from '../../ledger/core/cosigned.ts';
import { parseEntry } from '../../ledger/core/entry.ts';
import { leafHash } from '../../ledger/core/hash.ts';
import type { Json } from '../../ledger/core/json.ts';
import { type Note, parseNote } from '../../ledger/core/note.ts';
import { evaluatePolicy, honestTime } from '../../ledger/core/policy.ts';
import { checkInclusion } from '../../ledger/core/proof.ts';
import { parseTlogProof } from '../../ledger/core/tlog-proof.ts';
import { type Fields, object, refuse, string } from './fields.ts';
import {
  GROUP_OF,
  readStatement,
  STATEMENT_KEYS,
  STATEMENT_OPTIONAL,
  type Statement,
  type StatementJson,
} from './statement.ts';

/** The JSON of an epoch that has ended. */
export interface EarlierEpoch extends StatementJson {
  /** `.tlog-proof` of the change that ended it, the entry as its extra data. */
  change: string;
}

/** A statement and the checkpoints it is for: of more than `above` entries, and up to and including `upTo`. */
export interface Epoch extends Statement {
  /** From 1. */
  readonly number: number;
  /** When it began: by then an honest court had cosigned the change, ms since epoch. Undefined for the first. */
  readonly sinceMs: number | undefined;
  /** The same by the platform's word: when it received the change as an entry. */
  readonly changeReceivedMs: number | undefined;
  readonly above: number;
  /** Infinity for the newest. */
  readonly upTo: number;
  /** The checkpoint that ended it, a signed note; undefined for the newest. */
  readonly lastNote: string | undefined;
}

/** What a change of policy says once it is proven. */
interface Change {
  readonly size: number;
  readonly sinceMs: number;
  readonly receivedMs: number;
  readonly note: string;
}

/**
 * Reads the epochs and checks that each change was made under the policy that it ended.
 * @param earlier epochs that have ended, oldest first
 * @param newest fields of the statement now in force
 * @throws VerifierError trust-malformed; LedgerError and CertError of what they hold
 */
export function readEpochs(earlier: readonly Json[], newest: Fields): Epoch[] {
  const ended = earlier.map((value) => object(value, 'an epoch', [...STATEMENT_KEYS, 'change'], STATEMENT_OPTIONAL));
  const statements: Statement[] = [];
  for (const fields of [...ended, newest]) statements.push(readStatement(fields, statements.at(-1)?.digest));
  const changes = ended.map((fields, i) =>
    readChange(string(fields, 'change'), statements[i] as Statement, statements[i + 1] as Statement),
  );
  return statements.map((statement, i) => {
    const [begun, over] = [changes[i - 1], changes[i]];
    const [above, upTo] = [begun?.size ?? 0, over?.size ?? Number.POSITIVE_INFINITY];
    if (upTo <= above) refuse(`the change to epoch ${i + 2} does not come after the one before it`);
    const began = { sinceMs: begun?.sinceMs, changeReceivedMs: begun?.receivedMs };
    return { ...statement, number: i + 1, ...began, above, upTo, lastNote: over?.note };
  });
}

function readChange(text: string, before: Statement, after: Statement): Change {
  requireFollows(before, after);
  const { extra, index, proof, checkpoint: noteText } = parseTlogProof(text);
  if (extra === undefined) refuse('a change does not carry its entry');
  const entry = parseEntry(extra);
  if (entry.kind !== 'policy') refuse('a change is no change of policy');
  if (entry.statement !== after.digest) refuse('a change is to another statement');
  const note = parseNote(noteText);
  const checkpoint = openCheckpoint(
    note,
    before.policy.logs.map(({ key }) => key),
  );
  // Whatever came behind it under the same checkpoint would have two policies.
  if (checkpoint.size !== index + 1) refuse('a change is not the last entry of its checkpoint');
  checkInclusion(proof, index, checkpoint.size, leafHash(extra), checkpoint.root);
  const sinceMs = cosignedMs(before, after, note) ?? refuse('a change is not cosigned under the policy that it ends');
  return { size: checkpoint.size, sinceMs, receivedMs: Date.parse(entry.received), note: noteText };
}

/**
 * What one statement must have of the one before it, whoever cosigns the change.
 * @throws VerifierError trust-malformed
 */
export function requireFollows(before: Statement, after: Statement): void {
  // Sizes are those of one log.
  const origins = new Set([before, after].flatMap(({ policy }) => policy.logs.map(({ key }) => key.name)));
  if (origins.size !== 1) refuse('a bundle with epochs is about one log');
  // A revocation is never taken back: whoever was warned once stays warned.
  const kept = before.revoked.every(({ key, at }, i) => after.revoked[i]?.key === key && after.revoked[i]?.at === at);
  if (!kept) refuse('a change takes a revocation back');
}

/**
 * When an honest court had cosigned the change, ms since epoch; undefined when the policy that it ends is not satisfied.
 * Keys that the change itself revokes do not vouch for it. Later revocations do not undo it, or the epochs after it would hang in the air.
 */
function cosignedMs({ policy }: Statement, { revoked }: Statement, note: Note): number | undefined {
  const { counting } = openCosigned(policy, note, revoked);
  const times = new Map(counting.map(({ witness, cosignature }) => [witness, cosignature.timeSeconds]));
  if (!evaluatePolicy(policy, new Set(times.keys())).satisfied) return undefined;
  const honest = honestTime(policy, GROUP_OF.court, (witness) => times.get(witness));
  if (honest === undefined) throw new Error('invariant: no quorum can do without the courts');
  return Number(honest) * 1000;
}
