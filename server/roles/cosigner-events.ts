/**
 * What a court or a mirror tells its operator, passed on: one line of the event log each, and an alarm with a report for what is evidence.
 */
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { formatForkReport } from '../../ledger/core/fork-report.ts';
import { EMPTY_ROOT, type Hash } from '../../ledger/core/hash.ts';
import { formatNote, isSignedBy, parseNote, type VerifierKey } from '../../ledger/core/note.ts';
import { isTold } from '../../ledger/core/told.ts';
import type { MirrorEvent } from '../../ledger/mirror/state.ts';
import { parseAddCheckpoint } from '../../ledger/witness/request.ts';
import type { Alarm, Evidence } from '../alarms.ts';
import type { EventLog } from '../logging.ts';

type Inconsistent = Extract<MirrorEvent, { kind: 'inconsistent' }>;

/** A log whose checkpoints are accepted. */
export interface TrustedLog {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
}

/** @param onSuspect is given a signed checkpoint that came with a proof that does not hold */
export function cosignerEvents(
  log: EventLog,
  alarm: Alarm,
  logs: readonly TrustedLog[],
  onSuspect: (note: Uint8Array) => void,
): (event: MirrorEvent) => void {
  const inconsistent = openInconsistent(alarm, onSuspect);
  return (event) => {
    const { origin } = event;
    switch (event.kind) {
      case 'cosigned':
      case 'pending':
        // Every step of a healthy log: told in detail only on request.
        return log('debug', `checkpoint-${event.kind}`, { origin, size: event.size });
      case 'entries':
        return log('debug', 'entries-kept', { origin, size: event.nextEntry });
      case 'policy-entry':
        return log('warn', 'policy-entry', { origin, index: event.index });
      case 'clock-behind':
        if (!isTold(event.count)) return;
        return log('alarm', 'clock-behind', { origin, ms: event.behindSeconds * 1000, count: event.count });
      case 'inconsistent':
        return inconsistent(event, logs.find((known) => known.origin === origin)?.keys ?? []);
    }
  };
}

/** Whoever has a signed checkpoint can send it again and again, so each kind is counted by origin. */
function openInconsistent(
  alarm: Alarm,
  onSuspect: (note: Uint8Array) => void,
): (event: Inconsistent, logKeys: readonly VerifierKey[]) => void {
  const counts = new Map<string, number>();
  return ({ origin, conclusive, latest, request }, logKeys) => {
    // The request was parsed and the signatures verified before the event: nothing can fail here.
    const submitted = parseAddCheckpoint(request);
    const note = withoutStrangers(submitted.note, logKeys);
    const [kind, reason, evidence] = conclusive
      ? (['fork', 'the log signed two checkpoints that contradict each other', fork(note, latest)] as const)
      : (['suspicion', 'the proof does not verify', suspicion(note, submitted.proof, latest)] as const);
    const count = (counts.get(`${kind} ${origin}`) ?? 0) + 1;
    counts.set(`${kind} ${origin}`, count);
    const { size } = parseCheckpoint(parseNote(note).text);
    alarm(kind, 'checkpoint-inconsistent', { origin, size, count, reason }, evidence);
    if (!conclusive) onSuspect(utf8Encode(note));
  };
}

/** The note with the log's signatures alone: nobody has verified the others, and they may be long. */
function withoutStrangers(note: string, logKeys: readonly VerifierKey[]): string {
  const { text, signatures } = parseNote(note);
  return formatNote({ text, signatures: signatures.filter((line) => logKeys.some((key) => isSignedBy(line, key))) });
}

/**
 * Another root at the size that we have; or a tree of size 0 that is not the empty one, which stands against itself.
 * One report for each checkpoint that is contradicted is enough. It is not checked once more: ours may be signed by a key that is no longer
 * trusted, and is a report all the same, for those who knew the key.
 */
function fork(note: string, latest = note): Evidence {
  const { size, root } = parseCheckpoint(parseNote(note).text);
  const [newer, older, shown] = size === 0 ? [latest, note, EMPTY_ROOT] : [note, latest, root];
  return { subject: parseNote(older).text, report: formatForkReport({ newer, older, root: shown, proof: [] }) };
}

function suspicion(note: string, proof: readonly Hash[], latest = note): Evidence {
  return { subject: parseNote(note).text, report: formatForkReport({ newer: note, older: latest, proof }) };
}
