/**
 * Whom a start that makes a change is still waiting for, told to its operator: it serves nothing meanwhile, so nobody else would say it.
 * Not here: who must have cosigned (change.ts waits for the proof, whoever it comes from).
 */
import type { LogEvent } from '../../ledger/log/events.ts';
import type { EventLog } from '../logging.ts';

/** When it is first told, in ms, and how often at last: after 2 s, 4 s more, 8 s more … and then every 10 minutes. */
const FIRST_MS = 2000;
const AGAIN_MAX_MS = 600_000;

export class Missing {
  readonly #names: Set<string>;
  readonly #tell: EventLog;
  #timer: NodeJS.Timeout | undefined;

  /** @param members everybody who cosigns; nobody has answered yet */
  constructor(members: readonly string[], tell: EventLog) {
    this.#names = new Set(members);
    this.#tell = tell;
    this.#wait(FIRST_MS);
  }

  /** Takes in what the ledger says of its cosigners. */
  hear(event: LogEvent): void {
    if (event.kind === 'question-answered' || event.kind === 'cosigned') this.#names.delete(event.cosigner);
    if (event.kind === 'question-unanswered' || event.kind === 'cosigner-failed') this.#names.add(event.cosigner);
  }

  /** Tells no more. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      const names = [...this.#names].join(', ');
      const reason = names === '' ? 'everybody answers, and that is not enough yet' : `no answer from ${names}`;
      this.#tell('warn', 'epoch-waiting', { reason });
      this.#wait(Math.min(2 * ms, AGAIN_MAX_MS));
    }, ms);
  }
}
