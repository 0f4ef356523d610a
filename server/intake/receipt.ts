/**
 * The receipt (回执): the platform's signed promise that it holds a deposit and will log it by a deadline. Not a proof.
 * A signed note (c2sp.org/signed-note, type 0x01, key name `<origin>/receipt`) whose text is three lines:
 *
 *   probata receipt v1
 *   {"commitment":…,"id":…,"kind":"deposit","received":…,"v":1}     the entry, JCS
 *   deadline 2026-11-23T07:42:00.000Z                               received + 24 h
 *
 * Ed25519 is deterministic: the same deposit has the same receipt each time it is asked for.
 */
import { parseDepositEntry } from '../../ledger/core/entry.ts';
import { formatNote } from '../../ledger/core/note.ts';
import { formatReceiptText } from '../../ledger/core/receipt.ts';
import { type Signer, signNote } from '../../ledger/core/signature.ts';
import { RECEIPT_DEADLINE_MS } from './limits.ts';

/**
 * Signs the receipt of an entry.
 * @param entryBytes canonical entry, as it will stand on the ledger
 * @param signer the platform's receipt key
 * @returns the whole signed note
 */
export async function signReceipt(entryBytes: Uint8Array, signer: Signer): Promise<string> {
  const entry = parseDepositEntry(entryBytes);
  const deadline = new Date(Date.parse(entry.received) + RECEIPT_DEADLINE_MS).toISOString();
  const text = formatReceiptText({ entry, deadline });
  return formatNote({ text, signatures: [await signNote(text, signer)] });
}
