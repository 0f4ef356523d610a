/**
 * What the ledger tells its operator, passed on: to the event log (and with it to the metrics), to readiness, and, when it is
 * evidence of misbehaviour, to a file of its own that anyone can check.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexEncode, utf8Encode } from '../ledger/core/bytes.ts';
import { sha256 } from '../ledger/core/hash.ts';
import type { LogEvent } from '../ledger/log/events.ts';
import { REPORTS_FOLDER } from './config.ts';
import type { Readiness } from './health.ts';
import type { EventFields, EventLog } from './logging.ts';

const LEVELS = { info: 'info', warning: 'warn', alarm: 'alarm' } as const;

/** @param dir the platform's folder: reports go to a folder in it */
export function ledgerEvents(log: EventLog, readiness: Readiness, dir: string): (event: LogEvent) => void {
  return (event) => {
    if (event.kind === 'cosigned' || event.kind === 'question-answered') readiness.heard(event.cosigner, true);
    if (event.kind === 'cosigner-failed') readiness.heard(event.cosigner, false);
    if (event.kind === 'clock-back' || event.kind === 'clock-caught-up') readiness.sealed(event.kind === 'clock-back');
    log(isRoutine(event) ? 'debug' : LEVELS[event.severity], `ledger-${event.kind}`, fieldsOf(event, dir));
  };
}

/**
 * Every head and every cosignature is an event of a healthy ledger, told only to those who ask for detail. A cosigner that stays away
 * is told of at the 1st, 2nd, 4th, 8th… attempt.
 */
function isRoutine(event: LogEvent): boolean {
  if (event.kind === 'cosigner-failed') return (event.failures & (event.failures - 1)) !== 0;
  return event.kind === 'head' || event.kind === 'cosigned' || event.kind === 'published';
}

function fieldsOf(event: LogEvent, dir: string): EventFields {
  return {
    ...('size' in event ? { size: event.size } : {}),
    ...('entries' in event ? { count: event.entries } : {}),
    ...('cosigner' in event ? { member: event.cosigner } : {}),
    ...('error' in event ? { reason: event.error.message } : {}),
    ...('lastMs' in event ? { ms: event.lastMs - event.nowMs } : {}),
    ...('failures' in event ? { count: event.failures } : {}),
    ...('report' in event ? { report: writeReport(dir, event.report) } : {}),
  };
}

/** The name is the digest of the evidence: the same lie told twice is one file. */
function writeReport(dir: string, report: string): string {
  const folder = join(dir, REPORTS_FOLDER);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `misbehaviour-${hexEncode(sha256(utf8Encode(report))).slice(0, 32)}.txt`);
  writeFileSync(path, report);
  return path;
}
