// Every number of the log's behaviour, with its unit and its source. Times are in milliseconds.

/** Entries in one step from head to head. Own choice: 1,024 entries took 37 ms on a replicated object store. */
export const BATCH_ENTRIES_MAX = 1024;

/** Entries accepted and not yet sequenced; above it `append` pushes back. The default of the Tessera library. */
export const OUTSTANDING_MAX = 4096;

/** How long a satisfied quorum waits for cosigners that were well at last sight, so that certificates carry as many as possible. */
export const PUBLISH_LINGER_MS = 200;

/** First pause after a cosigner failed; doubles up to RETRY_MAX_MS. */
export const RETRY_MIN_MS = 100;
export const RETRY_MAX_MS = 5000;

/** How often a stopped sequencer looks at the clock again. */
export const CLOCK_POLL_MS = 50;
