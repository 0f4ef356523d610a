// The only decoders of text and bytes in the ledger: UTF-8, hex, base64, decimals, lines, big-endian integers.
// Each decoder accepts exactly one spelling of a value and returns undefined for everything else.
// The platform's own (atob, parseInt, Number, Buffer) accept many spellings, so two texts could carry one signed value.

import { INDEX_MAX } from './limits.ts';

// The two globals of the WHATWG Encoding standard, in every runtime we run in; pure folders have no lib that types them.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const HEX_DIGITS = '0123456789abcdef';
const BASE64_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** True when the text holds no lone surrogate, that is, when it has a UTF-8 form at all. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** True when the text holds a character below U+0020, other than the allowed ones. */
export function hasControl(text: string, allowed = ''): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) < 0x20 && !allowed.includes(text.charAt(i))) return true;
  }
  return false;
}

/** UTF-8 bytes of a well-formed text. A lone surrogate breaks an invariant: it would be replaced in silence. */
export function utf8Encode(text: string): Uint8Array {
  if (!isWellFormed(text)) throw new Error('invariant: text with a lone surrogate has no UTF-8 form');
  return new TextEncoder().encode(text);
}

/** Text of UTF-8 bytes, or undefined when they are not valid UTF-8. A byte order mark is kept, so bytes and text agree. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Lower-case hex. */
export function hexEncode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX_DIGITS.charAt(byte >> 4) + HEX_DIGITS.charAt(byte & 15);
  return text;
}

/**
 * Bytes of lower-case hex.
 * @param length how many bytes are expected; any even number of digits when absent
 */
export function hexDecode(text: string, length?: number): Uint8Array | undefined {
  if (text.length % 2 !== 0 || (length !== undefined && text.length !== length * 2)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = HEX_DIGITS.indexOf(text.charAt(2 * i));
    const low = HEX_DIGITS.indexOf(text.charAt(2 * i + 1));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

/** Standard base64 with padding, RFC 4648 section 4. */
export function base64Encode(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += BASE64_DIGITS.charAt(group >> 18) + BASE64_DIGITS.charAt((group >> 12) & 63);
    text += i + 1 < bytes.length ? BASE64_DIGITS.charAt((group >> 6) & 63) : '=';
    text += i + 2 < bytes.length ? BASE64_DIGITS.charAt(group & 63) : '=';
  }
  return text;
}

/** Value of each ASCII code as a base64 digit, 64 for all others. */
const BASE64_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = BASE64_DIGITS.indexOf(String.fromCharCode(code));
  return value < 0 ? 64 : value;
});

/** Bytes of standard base64, RFC 4648 section 4: padding required, unused bits zero, nothing else in the text. */
export function base64Decode(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0; // not yet written, in the low `count` bits
  let count = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const value = BASE64_VALUES[text.charCodeAt(i)] ?? 64;
    if (value === 64) return undefined;
    bits = ((bits << 6) | value) & 0xfff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = (bits >> count) & 0xff;
    }
  }
  // Left over: 0, 2 or 4 bits that no byte took. Were they free, two texts would decode to the same bytes.
  return (bits & ((1 << count) - 1)) === 0 ? bytes : undefined;
}

/** An ASCII decimal without leading zeros, 0..INDEX_MAX. */
export function decimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  // Sixteen digits may exceed 2^53 - 1; rounding never brings such a value back below it.
  const value = Number(text);
  return value <= INDEX_MAX ? value : undefined;
}

/** The lines of a text, each of which ends in a newline; undefined when the last one does not (or there is none). */
export function lines(text: string): string[] | undefined {
  return text.endsWith('\n') ? text.slice(0, -1).split('\n') : undefined;
}

/** All parts, one after the other, in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Same length and same bytes. Not constant time: everything compared in the ledger is public. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Two bytes, big-endian, of an integer 0..2^16-1. */
export function uint16(value: number): Uint8Array {
  return bigEndian(BigInt(value), 2);
}

/** Four bytes, big-endian, of an integer 0..2^32-1. */
export function uint32(value: number): Uint8Array {
  return bigEndian(BigInt(value), 4);
}

/** Eight bytes, big-endian, of an integer 0..2^64-1. */
export function uint64(value: number | bigint): Uint8Array {
  return bigEndian(BigInt(value), 8);
}

function bigEndian(value: bigint, length: number): Uint8Array {
  if (value < 0n || value >= 1n << BigInt(8 * length)) throw new Error(`invariant: ${value} in ${length} bytes`);
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** The big-endian integer in bytes [at, at + 2). Reading past the end throws: the caller has checked the length. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return view(bytes).getUint16(at);
}

/** The big-endian integer in bytes [at, at + 4). Reading past the end throws: the caller has checked the length. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return view(bytes).getUint32(at);
}

/** The big-endian integer in bytes [at, at + 8). Reading past the end throws: the caller has checked the length. */
export function readUint64(bytes: Uint8Array, at: number): bigint {
  return view(bytes).getBigUint64(at);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
