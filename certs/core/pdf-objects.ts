// PDF objects: a strict parser for the one way our renderer writes them.
// ISO 32000-1 section 7.3, narrowed: white space is space and line feed, no comments, no octal escapes, no nested parentheses,
// lower-case hexadecimal, names escaped only where they must be, no key twice. Linear time, bounded depth.
// Not here: how objects make up a file (pdf-file.ts), what they may say (pdf-profile.ts).

import { hexDecode } from '../../ledger/core/bytes.ts';
import { CertError } from './errors.ts';

/** Deepest nesting of arrays and dictionaries. Ours stay below 10. */
export const PDF_DEPTH_MAX = 64;
/** Longest name, in bytes (ISO 32000-1 annex C). */
export const PDF_NAME_BYTES_MAX = 127;

/** Longest string, in bytes: a signature placeholder, and everything else, fits. */
export const PDF_STRING_BYTES_MAX = 65_536;
/** Most values, nested ones included. A certificate that lists as many files as its pages can (100) has some 7,000. */
export const PDF_VALUES_MAX = 500_000;

export type PdfDict = ReadonlyMap<string, PdfValue>;

/** `start` and `end` are offsets in the file: of the first byte, and after the last. */
export type PdfValue =
  | { readonly type: 'null' }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'name'; readonly value: string }
  | { readonly type: 'string'; readonly bytes: Uint8Array }
  | { readonly type: 'hex'; readonly bytes: Uint8Array; readonly start: number; readonly end: number }
  | { readonly type: 'array'; readonly items: readonly PdfValue[] }
  | { readonly type: 'dict'; readonly entries: PdfDict }
  | { readonly type: 'ref'; readonly number: number };

const LF = 0x0a;
const SPACE = 0x20;
const BACKSLASH = 0x5c;

/** What may stand after a backslash in a literal string, and the byte it means. */
const ESCAPES: ReadonlyMap<number, number> = new Map(
  [...'nrtbf()\\'].map((c, i) => [c.charCodeAt(0), [0x0a, 0x0d, 0x09, 0x08, 0x0c, 0x28, 0x29, 0x5c][i] as number]),
);
/** Bytes that end a token (ISO 32000-1 table 2), `#` besides: they cannot stand in a name as themselves. */
const SPECIAL = new Set([...'()<>[]{}/%#'].map((c) => c.charCodeAt(0)));

/** Reads a PDF file from front to back. Every method throws CertError pdf-not-ours when the next bytes are something else. */
export class PdfScanner {
  readonly bytes: Uint8Array;
  /** Offset of the next byte. */
  at = 0;
  private values = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether this ASCII text comes next. */
  sees(text: string): boolean {
    for (let i = 0; i < text.length; i += 1) if (this.bytes[this.at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Steps over exactly this ASCII text. */
  skip(text: string): void {
    if (!this.sees(text)) this.refuse(`expected ${JSON.stringify(text)}`);
    this.at += text.length;
  }

  /** Steps over a run of bytes. */
  skipBytes(length: number): Uint8Array {
    const run = this.bytes.subarray(this.at, this.at + length);
    if (run.length !== length) this.refuse('the file ends too early');
    this.at += length;
    return run;
  }

  /** A decimal without sign or leading zero, at most 10 digits as in a cross-reference table. */
  integer(): number {
    const text = this.run(isDigit, 10);
    if (text === '' || (text.length > 1 && text.startsWith('0'))) this.refuse('expected a number');
    return Number(text);
  }

  /** One object. */
  value(depth = 0): PdfValue {
    this.values += 1;
    if (depth > PDF_DEPTH_MAX) this.refuse(`nested deeper than ${PDF_DEPTH_MAX}`);
    if (this.values > PDF_VALUES_MAX) this.refuse(`more than ${PDF_VALUES_MAX} values`);
    if (this.sees('<<')) return { type: 'dict', entries: this.dict(depth) };
    const first = this.bytes[this.at];
    switch (first) {
      case 0x5b:
        return { type: 'array', items: this.array(depth) };
      case 0x2f:
        return { type: 'name', value: this.name() };
      case 0x28:
        return { type: 'string', bytes: this.string() };
      case 0x3c:
        return this.hex();
      default:
        return isDigit(first) || first === 0x2d ? this.numberOrRef() : this.keyword();
    }
  }

  /** @throws always: CertError pdf-not-ours naming the place */
  refuse(why: string): never {
    throw new CertError('pdf-not-ours', `PDF: ${why} at byte ${this.at}`);
  }

  private run(accepts: (byte: number | undefined) => boolean, max: number): string {
    const start = this.at;
    while (accepts(this.bytes[this.at])) {
      this.at += 1;
      if (this.at - start > max) this.refuse('a token is too long');
    }
    return String.fromCharCode(...this.bytes.subarray(start, this.at));
  }

  private skipSpace(): void {
    while (this.bytes[this.at] === SPACE || this.bytes[this.at] === LF) this.at += 1;
  }

  private keyword(): PdfValue {
    for (const [text, value] of [
      ['true', true],
      ['false', false],
    ] as const) {
      if (this.sees(text)) {
        this.skip(text);
        return { type: 'boolean', value };
      }
    }
    this.skip('null');
    return { type: 'null' };
  }

  private numberOrRef(): PdfValue {
    const text = this.run((byte) => isDigit(byte) || byte === 0x2d || byte === 0x2e, 24);
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)) this.refuse('a number in another form than ours');
    if (this.sees(' 0 R')) {
      this.skip(' 0 R');
      if (!/^[1-9]\d{0,9}$/.test(text)) this.refuse('a reference to no object number');
      return { type: 'ref', number: Number(text) };
    }
    return { type: 'number', value: Number(text) };
  }

  private name(): string {
    this.skip('/');
    let name = '';
    for (;;) {
      const byte = this.bytes[this.at];
      if (byte === 0x23) name += this.escapedNameByte();
      else if (byte !== undefined && byte > SPACE && byte < 0x7f && !SPECIAL.has(byte)) {
        name += String.fromCharCode(byte);
        this.at += 1;
      } else break;
      if (name.length > PDF_NAME_BYTES_MAX) this.refuse('a name is too long');
    }
    return name === '' ? this.refuse('an empty name') : name;
  }

  /** `#2F`: a second spelling of an ordinary character would be a second form of the same name. */
  private escapedNameByte(): string {
    const hex = String.fromCharCode(...this.bytes.subarray(this.at + 1, this.at + 3));
    const [byte] = hexDecode(hex.toLowerCase(), 1) ?? [];
    if (byte === undefined || byte === 0 || (byte > SPACE && byte < 0x7f && !SPECIAL.has(byte))) {
      this.refuse('an escape in a name that is wrong or not needed');
    }
    this.at += 3;
    return String.fromCharCode(byte);
  }

  private string(): Uint8Array {
    this.skip('(');
    const bytes: number[] = [];
    for (;;) {
      const byte = this.bytes[this.at];
      this.at += 1;
      if (byte === 0x29) return Uint8Array.from(bytes);
      if (byte === undefined || byte === 0x28 || byte === LF || byte === 0x0d)
        this.refuse('a string that is not escaped');
      if (bytes.length === PDF_STRING_BYTES_MAX) this.refuse('a string is too long');
      if (byte !== BACKSLASH) bytes.push(byte);
      else {
        bytes.push(ESCAPES.get(this.bytes[this.at] ?? -1) ?? this.refuse('an escape in a string that is not ours'));
        this.at += 1;
      }
    }
  }

  private hex(): PdfValue {
    const start = this.at;
    const close = this.bytes.indexOf(0x3e, start);
    if (close < 0) this.refuse('a hexadecimal string without end');
    const digits = this.bytes.subarray(start + 1, close);
    if (digits.length % 2 !== 0 || digits.length > 2 * PDF_STRING_BYTES_MAX)
      this.refuse('a hexadecimal string without form');
    const bytes = new Uint8Array(digits.length / 2);
    for (let i = 0; i < bytes.length; i += 1)
      bytes[i] = 16 * this.hexDigit(digits[2 * i]) + this.hexDigit(digits[2 * i + 1]);
    this.at = close + 1;
    return { type: 'hex', bytes, start, end: this.at };
  }

  private hexDigit(byte: number | undefined): number {
    if (isDigit(byte)) return (byte as number) - 0x30;
    if (byte !== undefined && byte >= 0x61 && byte <= 0x66) return byte - 0x57;
    return this.refuse('a digit that is not lower-case hexadecimal');
  }

  private array(depth: number): PdfValue[] {
    this.skip('[');
    const items: PdfValue[] = [];
    for (;;) {
      this.skipSpace();
      if (this.sees(']')) break;
      items.push(this.value(depth + 1));
    }
    this.skip(']');
    return items;
  }

  private dict(depth: number): PdfDict {
    this.skip('<<');
    const entries = new Map<string, PdfValue>();
    for (;;) {
      this.skipSpace();
      if (this.sees('>>')) break;
      const key = this.name();
      if (entries.has(key)) this.refuse(`the key ${key} occurs twice`);
      this.skipSpace();
      entries.set(key, this.value(depth + 1));
    }
    this.skip('>>');
    return entries;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
