// What a court or a mirror tells its operator: for the log line, the metrics, the alarms and the misbehaviour reports.
// Nothing here is part of a protocol answer.

/** Something a cosigner did or saw. Times in seconds since the epoch. */
export type WitnessEvent =
  /** A checkpoint was cosigned; `timeSeconds` is the cosignatures' time. */
  | { readonly kind: 'cosigned'; readonly origin: string; readonly size: number; readonly timeSeconds: number }
  /**
   * The clock is `behindSeconds` behind the previous cosignature, whose time was used again. An alarm: the clock or an earlier one is wrong.
   * `count`: how often in a row. Whoever resends the latest checkpoint causes one more.
   */
  | { readonly kind: 'clock-behind'; readonly origin: string; readonly behindSeconds: number; readonly count: number }
  /**
   * A checkpoint with a valid log signature does not follow from ours. `request` and `latest` are all the bytes a report needs.
   * `conclusive`: the signed checkpoints contradict each other by themselves; otherwise only the proof is wrong, which whoever relayed a
   * genuine checkpoint may have caused. Not told of one that follows whatever the proof says, as our own does from itself.
   */
  | {
      readonly kind: 'inconsistent';
      readonly origin: string;
      readonly conclusive: boolean;
      /** The raw body of the request. */
      readonly request: Uint8Array;
      /** Our latest checkpoint as the log signed it; absent when there was none. */
      readonly latest?: string;
    };
