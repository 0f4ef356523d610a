// Varints and runs of bytes, read front to back, as LevelDB's files have them. Says nothing about what they mean.

/** Reads varints and runs of bytes, front to back. @throws RangeError at the end */
export class Cursor {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError('past the end');
    return byte;
  }

  /** At most 2^53 - 1: LevelDB numbers files and counts bytes with them. */
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a varint is too large');
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new RangeError('past the end');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
