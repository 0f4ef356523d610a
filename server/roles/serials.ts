/**
 * Serial numbers of a court's timestamps: each larger than every one before, across restarts and kills (RFC 3161 section 2.4.2).
 * Numbers are reserved on disk a block at a time; a kill loses the rest of a block, which leaves a gap and never a repetition.
 */
import { utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import type { IndexStore } from '../../ledger/log/ports.ts';

const KEY = 'tsa/next-serial';
/** Numbers reserved by one write. */
export const SERIAL_BLOCK = 1000n;

/**
 * Opens the numbering.
 * @param index durable store of the court
 * @returns gives the next number; rejects when the store fails
 */
export async function openSerials(index: IndexStore): Promise<() => Promise<bigint>> {
  let next = await reserved(index);
  let end = next;
  let reserving: Promise<void> | undefined;
  const reserve = async (): Promise<void> => {
    await index.write([[KEY, utf8Encode(String(end + SERIAL_BLOCK))]]);
    end += SERIAL_BLOCK;
  };
  return async () => {
    while (next === end) {
      reserving ??= reserve().finally(() => {
        reserving = undefined;
      });
      await reserving;
    }
    return next++;
  };
}

async function reserved(index: IndexStore): Promise<bigint> {
  const bytes = await index.get(KEY);
  if (bytes === undefined) return 1n;
  const text = utf8Decode(bytes);
  if (text === undefined || !/^[1-9]\d*$/.test(text))
    throw new Error('invariant: the reserved serial number is a decimal');
  return BigInt(text);
}
