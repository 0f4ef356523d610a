// Entry bundles: entries, each after its length as a big-endian uint16. c2sp.org/tlog-tiles, "Log entries".
// What the entries say is entry.ts's task; that they belong to the tree is checked by tile-reader.ts.

import { concat, readUint16, uint16 } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { ENTRY_BYTES_MAX } from './limits.ts';

/**
 * Splits a bundle into its entries, which share its memory.
 * @param count how many entries the tree says it has
 * @throws LedgerError bundle-malformed when the bytes are not exactly `count` entries
 */
export function parseBundle(bytes: Uint8Array, count: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < count) {
    if (at + 2 > bytes.length)
      throw new LedgerError('bundle-malformed', `ends after ${entries.length} of ${count} entries`);
    const end = at + 2 + readUint16(bytes, at);
    if (end > bytes.length) throw new LedgerError('bundle-malformed', `ends inside entry ${entries.length}`);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (at !== bytes.length) throw new LedgerError('bundle-malformed', `bytes after ${count} entries`);
  return entries;
}

/**
 * The bundle of the entries.
 * @throws LedgerError bundle-malformed for an entry of more than ENTRY_BYTES_MAX bytes
 */
export function formatBundle(entries: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX) throw new LedgerError('bundle-malformed', `an entry of ${entry.length} bytes`);
    parts.push(uint16(entry.length), entry);
  }
  return concat(...parts);
}
