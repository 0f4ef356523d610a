// The text of a receipt (回执): the platform's promise that it holds a deposit and that this very entry will be on the ledger by the deadline.
// A signed note (c2sp.org/signed-note, type 0x01, key name `<origin>/receipt`) of three lines; FORMATS.md, "Receipt". Not a proof.
// Whether the promise was kept is ledger/monitor's question, and that it was not is omission-report.ts's.

import { lines, utf8Decode, utf8Encode } from './bytes.ts';
import { type DepositEntry, formatEntry, isUtcMilliseconds, parseDepositEntry } from './entry.ts';
import { LedgerError } from './errors.ts';
import { openNote, parseNote, type VerifierKey } from './note.ts';

/** What a receipt says. */
export interface Receipt {
  readonly entry: DepositEntry;
  /** The leaf as it must stand on the ledger. */
  readonly entryBytes: Uint8Array;
  /** YYYY-MM-DDTHH:MM:SS.mmmZ. */
  readonly deadline: string;
}

const FIRST_LINE = 'probata receipt v1';
const DEADLINE = 'deadline ';

/** The text to be signed. */
export function formatReceiptText({ entry, deadline }: Pick<Receipt, 'entry' | 'deadline'>): string {
  return `${FIRST_LINE}\n${utf8Decode(formatEntry(entry))}\n${DEADLINE}${deadline}\n`;
}

/** Name of the key that signs the receipts of a log. */
export function receiptKeyName(origin: string): string {
  return `${origin}/receipt`;
}

/**
 * Reads a receipt and checks who signed it.
 * @param keys receipt keys, type 0x01
 * @throws LedgerError note-malformed | receipt-malformed | entry-malformed | entry-newer-format | signature-bad | note-not-signed
 */
export function openReceipt(text: string, keys: readonly VerifierKey[]): Receipt {
  const note = parseNote(text);
  const receipt = parseReceiptText(note.text);
  openNote(note, keys);
  return receipt;
}

function parseReceiptText(text: string): Receipt {
  const [first, entryText = '', last = '', ...rest] = lines(text) ?? [];
  const deadline = last.slice(DEADLINE.length);
  if (first !== FIRST_LINE || !last.startsWith(DEADLINE) || !isUtcMilliseconds(deadline) || rest.length > 0) {
    throw new LedgerError('receipt-malformed', 'not the three lines of a receipt');
  }
  const entryBytes = utf8Encode(entryText);
  return { entry: parseDepositEntry(entryBytes), entryBytes, deadline };
}
