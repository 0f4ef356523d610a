// What the entries of our own ledger must be: of a known form, and in the order of receipt. design: "received never decreases with the index".
// Not for logs that others wrote: their entries are their own.

import { parseEntry } from '../core/entry.ts';
import { LedgerError } from '../core/errors.ts';
import type { FsckProblem } from './fsck.ts';

/** Looks at all entries of a ledger, in order; see FsckOptions.inspect. */
export function entryOrder(): (first: number, entries: readonly Uint8Array[]) => FsckProblem[] {
  let last = '';
  return (first, entries) => {
    const problems: FsckProblem[] = [];
    for (const [i, bytes] of entries.entries()) {
      const detail = flawOf(bytes);
      if (detail !== undefined) problems.push({ path: `entry ${first + i}`, code: 'wrong', detail });
    }
    return problems;
  };

  function flawOf(bytes: Uint8Array): string | undefined {
    try {
      const { received } = parseEntry(bytes);
      // Against the one before it alone: behind one entry of a time to come, not every other is wrong.
      const before = last;
      last = received;
      return received < before ? `received ${received}, after one of ${before}` : undefined;
    } catch (error) {
      if (error instanceof LedgerError) return `${error.code}: ${error.message}`;
      throw error;
    }
  }
}
