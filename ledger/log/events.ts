// What the log tells its operator: one closed list, for the log line, the metrics and the alarms. Carries no entry and no person.

/** `alarm`: a person must look now. `warning`: a person should look today. */
export type Severity = 'info' | 'warning' | 'alarm';

export type LogEvent =
  /** Open found this head; `reapplied` says that a crash had come between swap and apply. */
  | { readonly kind: 'recovered'; readonly severity: 'info'; readonly size: number; readonly reapplied: boolean }
  /** A new head was signed and applied. */
  | { readonly kind: 'head'; readonly severity: 'info'; readonly size: number; readonly entries: number }
  /** The clock shows less than it did before: nothing is sealed until it has caught up. */
  | { readonly kind: 'clock-back'; readonly severity: 'alarm'; readonly nowMs: number; readonly lastMs: number }
  | { readonly kind: 'clock-caught-up'; readonly severity: 'info' }
  /** A cosigner answered the start-up question; size 0 when it has never seen the log. */
  | { readonly kind: 'question-answered'; readonly severity: 'info'; readonly cosigner: string; readonly size: number }
  /** A cosigner did not answer the start-up question usably; it is asked again. */
  | {
      readonly kind: 'question-unanswered';
      readonly severity: 'warning';
      readonly cosigner: string;
      readonly error: Error;
    }
  /** Enough cosigners have answered: signing begins. */
  | { readonly kind: 'question-settled'; readonly severity: 'info' }
  /** A cosigner holds a signed checkpoint of this log that is larger than ours: `note`, verbatim. */
  | { readonly kind: 'cosigner-ahead'; readonly severity: 'alarm'; readonly cosigner: string; readonly note: string }
  /** Two signed checkpoints that cannot both be right. `report` is self-contained evidence: keep the bytes. */
  | { readonly kind: 'misbehaviour'; readonly severity: 'alarm'; readonly cosigner: string; readonly report: string }
  /** A cosigner's lines over the head of this size were verified. */
  | { readonly kind: 'cosigned'; readonly severity: 'info'; readonly cosigner: string; readonly size: number }
  | {
      readonly kind: 'cosigner-failed';
      readonly severity: 'warning';
      readonly cosigner: string;
      readonly size: number;
      /** In a row, this one included; told for 1, 2, 4, 8 and so on. */
      readonly failures: number;
      readonly error: Error;
    }
  /** Our own store did not give what a cosigner needs of the tree of this size: no fault of the cosigner's. A restart checks the store. */
  | {
      readonly kind: 'store-failed';
      readonly severity: 'alarm';
      readonly cosigner: string;
      readonly size: number;
      /** Attempts in a row, this one included; told for 1, 2, 4, 8 and so on. */
      readonly failures: number;
      readonly error: Error;
    }
  | {
      readonly kind: 'published';
      readonly severity: 'info';
      readonly size: number;
      readonly cosigners: readonly string[];
    };
