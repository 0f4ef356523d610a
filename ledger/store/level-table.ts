// LevelDB's tables (.ldb), checked with the CRC of every block: LevelDB itself does not look at them when classic-level reads.
//
//   blocks, one after the other, each: contents | compression (1) | masked CRC-32C of both (4)
//   footer (48): place of the metaindex block, place of the index block, padding, magic number
//
// A place is offset and length, each a varint. The blocks are the data blocks, the filter, the metaindex, the index, in this order.
// Does not read keys or values.

import { crc32c, masked } from './crc32c.ts';
import { Cursor } from './cursor.ts';

const TRAILER_BYTES = 5;
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;

/** Compression of a block. */
const PLAIN = 0;
const SNAPPY = 1;

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** True when every block of the table has its CRC, and nothing lies between them. */
export function isTableWhole(bytes: Uint8Array): boolean {
  try {
    const footerAt = bytes.length - FOOTER_BYTES;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (footerAt < 0 || view.getBigUint64(bytes.length - 8, true) !== MAGIC) return false;
    const footer = new Cursor(bytes, footerAt);
    const metaindex = placeAt(footer);
    const index = placeAt(footer);
    const data = placesIn(block(bytes, index));
    const filters = placesIn(block(bytes, metaindex));
    let end = 0;
    for (const place of [...data, ...filters, metaindex, index]) {
      if (place.offset !== end) return false;
      block(bytes, place);
      end += place.length + TRAILER_BYTES;
    }
    return end === footerAt;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function placeAt(cursor: Cursor): Place {
  return { offset: cursor.varint(), length: cursor.varint() };
}

/** The contents of a block. @throws RangeError when they are not those that were written */
function block(bytes: Uint8Array, { offset, length }: Place): { contents: Uint8Array; compression: number } {
  const sumAt = offset + length + 1;
  if (sumAt + 4 > bytes.length) throw new RangeError('a block past the end');
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(sumAt, true);
  if (masked(crc32c(bytes, offset, sumAt)) !== stored) throw new RangeError('a block without its CRC');
  return { contents: bytes.subarray(offset, offset + length), compression: bytes[offset + length] as number };
}

/** The places that an index block names: its entries are (shared key bytes, own key bytes, value bytes, key, value). */
function placesIn({ contents, compression }: { contents: Uint8Array; compression: number }): Place[] {
  if (compression !== PLAIN && compression !== SNAPPY) throw new RangeError('an unknown compression');
  const plain = compression === SNAPPY ? unsnap(contents) : contents;
  const restarts = new DataView(plain.buffer, plain.byteOffset).getUint32(plain.length - 4, true);
  const entries = new Cursor(plain.subarray(0, Math.max(0, plain.length - 4 - 4 * restarts)));
  const places: Place[] = [];
  while (!entries.done) {
    entries.varint();
    const keyBytes = entries.varint();
    const valueBytes = entries.varint();
    entries.take(keyBytes);
    places.push(placeAt(new Cursor(entries.take(valueBytes))));
  }
  return places;
}

/** Snappy's raw form: the length, then literals and copies of what came before. @throws RangeError */
function unsnap(bytes: Uint8Array): Uint8Array {
  const input = new Cursor(bytes);
  const output = new Uint8Array(input.varint());
  for (let at = 0; !input.done; ) {
    const tag = input.byte();
    const kind = tag & 3;
    const short = tag >>> 2;
    if (kind === 0) {
      const literal = input.take(1 + (short < 60 ? short : little(input, short - 59)));
      output.set(literal, at);
      at += literal.length;
      continue;
    }
    const length = kind === 1 ? (short & 7) + 4 : short + 1;
    const back = kind === 1 ? (tag >>> 5) * 256 + input.byte() : little(input, kind === 2 ? 2 : 4);
    if (back === 0 || back > at || at + length > output.length) throw new RangeError('a copy from nowhere');
    // Byte by byte: a copy may reach into itself.
    for (const end = at + length; at < end; at++) output[at] = output[at - back] as number;
  }
  return output;
}

function little(input: Cursor, bytes: number): number {
  return input.take(bytes).reduce((value, byte, i) => value + byte * 256 ** i, 0);
}
