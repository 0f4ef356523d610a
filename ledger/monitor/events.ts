// What a node that watches the others tells its operator: for the log line, the metrics, the alarms and the report files.

/** Sparing by construction. */
export type MonitorEvent =
  /** Two checkpoints signed by one log cannot both be right; `peer` shows one of them. `report` is self-contained: keep the bytes. */
  | {
      readonly kind: 'fork';
      readonly origin: string;
      readonly peer: string;
      /** Text of the checkpoint that is not continued: one report for each is enough. */
      readonly subject: string;
      readonly report: string;
    }
  /**
   * Nobody has shown for `openMs` milliseconds that a checkpoint signed by the log continues another. `withheld`: the log's own ledger
   * answers, and does not show it. `unanswered`: it does not answer at all.
   */
  | {
      readonly kind: 'withheld' | 'unanswered';
      readonly origin: string;
      readonly peer: string;
      readonly size: number;
      readonly openMs: number;
      /** Peers that did not answer, or not with a checkpoint that the log signed. */
      readonly silent: readonly string[];
      readonly reason: string;
    }
  /** A peer did not answer, or not with a checkpoint that the log signed. `failures` in a row, this one included. */
  | { readonly kind: 'peer-failed'; readonly peer: string; readonly failures: number; readonly reason: string }
  /** A peer shows a checkpoint without a good cosignature of its own. */
  | { readonly kind: 'peer-unsigned'; readonly peer: string; readonly failures: number; readonly reason: string }
  /**
   * Watching itself broke on this peer or origin, for the `failures`th time: our own mistake, or our own note is not one of the log that
   * we watch.
   */
  | { readonly kind: 'failed'; readonly about: string; readonly failures: number; readonly reason: string };
