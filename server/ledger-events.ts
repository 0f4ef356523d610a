/**
 * What the ledger tells its operator, passed on: to the event log (and with it to the metrics), to readiness, and, when it is
 * evidence of misbehaviour, to an alarm with a report that anyone can check.
 */
import type { LogEvent } from '../ledger/log/events.ts';
import type { Alarm } from './alarms.ts';
import type { Readiness } from './health.ts';
import type { EventFields, EventLog } from './logging.ts';

const LEVELS = { info: 'info', warning: 'warn', alarm: 'alarm' } as const;

/** Passes the ledger's events on. */
export function ledgerEvents(log: EventLog, readiness: Readiness, alarm: Alarm): (event: LogEvent) => void {
  return (event) => {
    if (event.kind === 'cosigned' || event.kind === 'question-answered') readiness.heard(event.cosigner, true);
    if (event.kind === 'cosigner-failed') readiness.heard(event.cosigner, false);
    if (event.kind === 'question-settled') readiness.settled();
    if (event.kind === 'misbehaviour') {
      const { cosigner, report } = event;
      return alarm('fork', 'ledger-misbehaviour', { member: cosigner }, { subject: report, report });
    }
    log(isRoutine(event) ? 'debug' : LEVELS[event.severity], `ledger-${event.kind}`, fieldsOf(event));
  };
}

/** Every head and every cosignature is an event of a healthy ledger, told only to those who ask for detail. */
function isRoutine({ kind }: LogEvent): boolean {
  return kind === 'head' || kind === 'cosigned' || kind === 'published';
}

function fieldsOf(event: LogEvent): EventFields {
  return {
    ...('size' in event ? { size: event.size } : {}),
    ...('entries' in event ? { count: event.entries } : {}),
    ...('cosigner' in event ? { member: event.cosigner } : {}),
    ...('error' in event ? { reason: event.error.message } : {}),
    ...('lastMs' in event ? { ms: event.lastMs - event.nowMs } : {}),
    ...('failures' in event ? { count: event.failures } : {}),
  };
}
