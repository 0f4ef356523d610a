/**
 * What a court or a mirror tells its operator, passed on: one line of the event log each, and an alarm with a report for what is evidence.
 */
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { forkReport, formatForkReport } from '../../ledger/core/fork-report.ts';
import { EMPTY_ROOT } from '../../ledger/core/hash.ts';
import { formatNote, isSignedBy, parseNote, type VerifierKey } from '../../ledger/core/note.ts';
import type { MirrorEvent } from '../../ledger/mirror/state.ts';
import { parseAddCheckpoint } from '../../ledger/witness/request.ts';
import type { Alarm } from '../alarms.ts';
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
  return (event) => {
    const { origin } = event;
    switch (event.kind) {
      case 'cosigned':
      case 'pending':
        // Every step of a healthy log: told in detail only on request.
        return log('debug', `checkpoint-${event.kind}`, { origin, size: event.size });
      case 'entries':
        return log('debug', 'entries-kept', { origin, size: event.nextEntry });
      case 'clock-behind':
        return log('alarm', 'clock-behind', { origin, ms: event.behindSeconds * 1000 });
      case 'inconsistent':
        return inconsistent(event, alarm, logs.find((known) => known.origin === origin)?.keys ?? [], onSuspect);
    }
  };
}

/** The request was parsed and the note's signature verified before the event: neither can fail here. */
function inconsistent(
  { origin, conclusive, latest, request }: Inconsistent,
  alarm: Alarm,
  logKeys: readonly VerifierKey[],
  onSuspect: (note: Uint8Array) => void,
): void {
  const submitted = parseAddCheckpoint(request);
  const { text, signatures } = parseNote(submitted.note);
  // Without the lines of strangers: nobody has verified them, and they may be long.
  const note = formatNote({
    text,
    signatures: signatures.filter((line) => logKeys.some((key) => isSignedBy(line, key))),
  });
  const { size, root } = parseCheckpoint(text);
  const older = latest ?? note;
  if (conclusive) {
    // Another root at the size that we have; or a tree of size 0 that is not the empty one, which stands against itself.
    const fork = size === 0 ? { newer: note, older: note, root: EMPTY_ROOT } : { newer: note, older, root };
    const reason = 'the log signed two checkpoints that contradict each other';
    // What we have may be signed by a key that is no longer trusted: a report all the same, for those who knew the key.
    const known = parseNote(fork.older).signatures.some((line) => logKeys.some((key) => isSignedBy(line, key)));
    const report = known ? forkReport({ ...fork, proof: [] }, logKeys) : formatForkReport({ ...fork, proof: [] });
    alarm('fork', 'checkpoint-inconsistent', { origin, size, reason }, { subject: text, report });
  } else {
    const reason = 'the proof does not verify';
    const report = formatForkReport({ newer: note, older, proof: submitted.proof });
    alarm('suspicion', 'checkpoint-inconsistent', { origin, size, reason }, { subject: text, report });
    onSuspect(utf8Encode(note));
  }
}
