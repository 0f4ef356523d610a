/**
 * Serial numbers of a court's timestamps: each larger than every one before, across restarts, kills and restores (RFC 3161 section 2.4.2).
 * Numbers are reserved on disk a block at a time; a kill loses the rest of a block, which leaves a gap and never a repetition.
 * What an old copy of the disk has forgotten is not given again either: each start goes on from the present time in microseconds. No number of an
 * earlier start has passed that: a court signs far fewer than one token a microsecond. That holds while its clock is not behind, which its
 * timestamps rest on anyway; a clock that was ahead once is remembered by what is reserved.
 */
import { utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import type { IndexStore } from '../../ledger/log/ports.ts';

const KEY = 'tsa/next-serial';
const US_PER_MS = 1000n;
/** Numbers reserved by one write. A start takes longer than as many microseconds: what it loses of a block does not outrun the time. */
export const SERIAL_BLOCK = 1000n;

/**
 * Opens the numbering.
 * @param index durable store of the court
 * @param nowMs the present, ms since the epoch
 * @returns gives the next number; rejects when the store fails
 */
export async function openSerials(index: IndexStore, nowMs: number): Promise<() => Promise<bigint>> {
  const nowUs = BigInt(nowMs) * US_PER_MS;
  const unused = await reserved(index);
  let next = unused > nowUs ? unused : nowUs;
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
  if (bytes === undefined) return 0n;
  const text = utf8Decode(bytes);
  if (text === undefined || !/^[1-9]\d*$/.test(text))
    throw new Error('invariant: the reserved serial number is a decimal');
  return BigInt(text);
}
