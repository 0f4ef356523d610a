/**
 * What a court or a mirror tells its operator, passed on: one line of the event log each, and a file for what is evidence.
 */
import type { MirrorEvent } from '../../ledger/mirror/state.ts';
import type { EventLog } from '../logging.ts';
import { writeReport } from './reports.ts';

/** @param dir the member's folder: reports go to a folder in it */
export function cosignerEvents(
  log: EventLog,
  dir: string,
  logs: readonly { readonly origin: string; readonly vkeys: readonly string[] }[],
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
      case 'inconsistent': {
        const vkeys = logs.find((known) => known.origin === origin)?.vkeys ?? [];
        const report = writeReport(dir, event, vkeys, Date.now());
        const reason = event.conclusive
          ? 'the log signed two checkpoints that contradict each other'
          : 'the proof does not verify';
        return log('alarm', 'checkpoint-inconsistent', { origin, reason, ...(report === undefined ? {} : { report }) });
      }
    }
  };
}
