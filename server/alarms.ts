/**
 * Misbehaviour of others, told in three ways at once: one line of the event log, a metric, and a file in the member's `reports/` folder
 * that anyone can check with `probata check-report`. OPERATIONS.md, "Alarms and reports".
 * A report is named after what it is about, so the same lie found again is one file; and the folder is bounded, so a liar fills no disk.
 * What a stranger can repeat is counted, and told at its 1st, 2nd, 4th, 8th … time.
 * Not here: who finds what (ledger/log, ledger/witness, ledger/monitor).
 */
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexEncode, utf8Encode } from '../ledger/core/bytes.ts';
import { sha256 } from '../ledger/core/hash.ts';
import { isTold } from '../ledger/core/told.ts';
import { REPORTS_FOLDER } from './config.ts';
import type { EventFields, EventLog } from './logging.ts';
import type { Metrics } from './metrics.ts';

/**
 * `fork`: the log signed two checkpoints that cannot both be right. `suspicion`: a signed checkpoint came with a proof that does not hold,
 * which whoever passed it on may have made up. `withheld`: nobody shows that a signed checkpoint continues another.
 * `rollback`: a member has forgotten what it cosigned: its store is an old copy.
 */
export type Misbehaviour = 'fork' | 'suspicion' | 'withheld' | 'rollback';

/** What goes into the file. */
export interface Evidence {
  /** What it is about: the same subject is one file. */
  readonly subject: string;
  readonly report: string;
}

/**
 * Tells of misbehaviour; of a suspicion as a warning, for nobody is blamed yet.
 * @param fields with a `count`, how often it has happened, it is told sparingly; the evidence is kept every time
 */
export type Alarm = (kind: Misbehaviour, event: string, fields: EventFields, evidence?: Evidence) => void;

/** Anyone can cause a suspicion, so they leave room for reports that prove something by themselves. */
const REPORTS_MAX: Readonly<Record<Misbehaviour, number>> = {
  suspicion: 1000,
  withheld: 1000,
  rollback: 1000,
  fork: 2000,
};

/** @param dir the member's folder */
export function openAlarms(dir: string, log: EventLog, metrics: Metrics): Alarm {
  return (kind, event, fields, evidence) => {
    const told = isTold(fields.count ?? 1);
    let report: string | undefined;
    try {
      if (evidence !== undefined) report = writeReport(join(dir, REPORTS_FOLDER), kind, evidence);
    } catch (error) {
      // A disk that is full must not turn somebody else's lie into our end: the alarm itself is still told.
      if (told) log('warn', 'report-not-written', { reason: (error as Error).message });
    }
    if (!told) return;
    metrics.misbehaviour(kind);
    log(kind === 'suspicion' ? 'warn' : 'alarm', event, { ...fields, ...(report === undefined ? {} : { report }) });
  };
}

/** @returns the file's path, or undefined when there are too many already */
function writeReport(folder: string, kind: Misbehaviour, { subject, report }: Evidence): string | undefined {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${kind}-${hexEncode(sha256(utf8Encode(subject))).slice(0, 32)}.json`);
  if (existsSync(path)) return path;
  if (readdirSync(folder).length >= REPORTS_MAX[kind]) return undefined;
  writeFileSync(`${path}.new`, report, { flush: true });
  renameSync(`${path}.new`, path);
  return path;
}
