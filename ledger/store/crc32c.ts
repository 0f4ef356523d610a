// CRC-32C (Castagnoli polynomial), as LevelDB writes it behind each record and block. Eight bytes a step.
// Finds rot, not forgery: nothing is trusted because its CRC is right.

const POLYNOMIAL = 0x82f63b78;

/** T0[b]: what byte b leaves in the sum; Tk[b]: what it leaves when k more bytes follow it in the same step. */
const T0 = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  return crc;
});
const T1 = oneFurther(T0);
const T2 = oneFurther(T1);
const T3 = oneFurther(T2);
const T4 = oneFurther(T3);
const T5 = oneFurther(T4);
const T6 = oneFurther(T5);
const T7 = oneFurther(T6);

function oneFurther(table: Uint32Array): Uint32Array {
  return table.map((crc) => (crc >>> 8) ^ of(T0, crc));
}

/** The table's value for the lowest byte. */
function of(table: Uint32Array, word: number): number {
  return table[word & 0xff] as number;
}

/** The sum of bytes[start, end). */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = 0xffffffff;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const a = crc ^ view.getUint32(at, true);
    const b = view.getUint32(at + 4, true);
    crc = of(T7, a) ^ of(T6, a >>> 8) ^ of(T5, a >>> 16) ^ of(T4, a >>> 24);
    crc ^= of(T3, b) ^ of(T2, b >>> 8) ^ of(T1, b >>> 16) ^ of(T0, b >>> 24);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ of(T0, crc ^ (bytes[at] as number));
  return (crc ^ 0xffffffff) >>> 0;
}

/** The form in which LevelDB stores a sum, so that sums over bytes that hold sums stay useful. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
