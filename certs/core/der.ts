// DER: the one strict reader, shared by everything that reads ASN.1.
// ITU-T X.690 section 10 and 11: minimal definite lengths, minimal integers, booleans 00 or FF, sorted SET OF, times in Z.
// An element has exactly one accepted form, so bytes that parse are bytes that re-encode to themselves.
// Not here: writing (der-write.ts); what the elements mean (x509.ts, cms.ts, timestamp.ts).

import { equal, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { compareBytes, encodeGeneralizedTime, TAG } from './der-write.ts';
import { CertError } from './errors.ts';

export { TAG } from './der-write.ts';

/** Longest DER input in bytes: a CMS with a foreign timestamp token is about 12,000. */
export const DER_BYTES_MAX = 256 * 1024;
/** Deepest nesting. A token with certificates inside a signature stays below 30. */
export const DER_DEPTH_MAX = 64;

/** One element. All views are into the input. */
export interface Der {
  /** Identifier octet. */
  readonly tag: number;
  /** The whole element: identifier, length, content. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
  /** Elements inside a constructed element; empty for a primitive one. */
  readonly children: readonly Der[];
}

/**
 * Reads exactly one element that fills the whole input.
 * @throws CertError der-malformed
 */
export function parseDer(bytes: Uint8Array): Der {
  if (bytes.length > DER_BYTES_MAX) refuse(`longer than ${DER_BYTES_MAX} bytes`);
  const der = readElement(bytes, 0, 0);
  if (der.bytes.length !== bytes.length) refuse('bytes after the element');
  return der;
}

/** The length in bytes of the element that starts the input, for inputs padded behind it. */
export function derLength(bytes: Uint8Array): number {
  const { contentStart, length } = readHeader(bytes, 0);
  return contentStart + length;
}

/** The same content under the universal tag that an IMPLICIT context tag stands for (X.690 8.14). */
export function implicit(der: Der, tag: number): Der {
  const plain: Der = { ...der, tag };
  checkElement(plain);
  return plain;
}

/** Takes the fields of a SEQUENCE (or of any constructed element) one after the other. */
export class Fields {
  private readonly children: readonly Der[];
  private readonly what: string;
  private at = 0;

  /** @throws CertError der-malformed when the element has another tag */
  constructor(der: Der, what: string, tag: number = TAG.sequence) {
    if (der.tag !== tag) refuse(`${what} has tag ${der.tag}, expected ${tag}`);
    this.children = der.children;
    this.what = what;
  }

  /** The next field; without `tag`, any. */
  take(tag?: number): Der {
    const next = this.children[this.at];
    if (next === undefined) refuse(`${this.what} ends too early`);
    if (tag !== undefined && next.tag !== tag) refuse(`${this.what} has tag ${next.tag}, expected ${tag}`);
    this.at += 1;
    return next;
  }

  /** The next field if it has this tag. */
  takeIf(tag: number): Der | undefined {
    if (this.children[this.at]?.tag !== tag) return undefined;
    return this.take(tag);
  }

  /** All remaining fields. */
  rest(): readonly Der[] {
    const rest = this.children.slice(this.at);
    this.at = this.children.length;
    return rest;
  }

  /** @throws CertError der-malformed when a field is left over */
  end(): void {
    if (this.at !== this.children.length) refuse(`${this.what} has more fields than known`);
  }
}

/** The one field of an element that wraps another one, such as an EXPLICIT tag. */
export function only(der: Der, what: string, tag: number): Der {
  const fields = new Fields(der, what, tag);
  const field = fields.take();
  fields.end();
  return field;
}

// ---- values ------------------------------------------------------------------------------------------------------

/** INTEGER as a bigint. */
export function readInteger(der: Der): bigint {
  expect(der, TAG.integer);
  let value = BigInt.asIntN(8, BigInt(der.content[0] as number));
  for (const byte of der.content.subarray(1)) value = (value << 8n) | BigInt(byte);
  return value;
}

/** INTEGER that is a count of 0..2^31-1, such as a version. */
export function readCount(der: Der): number {
  const value = readInteger(der);
  if (value < 0n || value > 0x7fffffffn) refuse('an INTEGER is out of range');
  return Number(value);
}

/** BOOLEAN. */
export function readBoolean(der: Der): boolean {
  expect(der, TAG.boolean);
  return der.content[0] === 0xff;
}

/** OBJECT IDENTIFIER in dotted decimal. */
export function readOid(der: Der): string {
  expect(der, TAG.oid);
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of der.content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if ((byte & 0x80) === 0) {
      arcs.push(arc);
      arc = 0n;
    }
  }
  const first = arcs[0] as bigint;
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...arcs.slice(1)].join('.');
}

/** OCTET STRING. */
export function readOctets(der: Der): Uint8Array {
  expect(der, TAG.octetString);
  return der.content;
}

/** BIT STRING made of whole bytes: keys and signatures. */
export function readBits(der: Der): Uint8Array {
  expect(der, TAG.bitString);
  if (der.content[0] !== 0) refuse('a BIT STRING is not made of whole bytes');
  return der.content.subarray(1);
}

/** BIT STRING with named bits (X.690 11.2.2: no trailing zero bits); returns the numbers of the set bits. */
export function readNamedBits(der: Der): number[] {
  expect(der, TAG.bitString);
  const bytes = der.content.subarray(1);
  const bits = [...bytes].flatMap((byte, i) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((b) => byte & (0x80 >> b)).map((b) => 8 * i + b),
  );
  const length = 8 * bytes.length - (der.content[0] as number);
  if (length !== (bits.at(-1) ?? -1) + 1) refuse('named bits end in a zero bit');
  return bits;
}

/** UTCTime or GeneralizedTime in ms since epoch; fractions finer than a millisecond are cut off. */
export function readTime(der: Der): number {
  const text = ascii(der.content);
  if (der.tag === TAG.utcTime) {
    // RFC 5280 4.1.2.5.1: YY >= 50 is 19YY, otherwise 20YY.
    return timeMs(`${Number(text.slice(0, 2)) >= 50 ? '19' : '20'}${text}`);
  }
  expect(der, TAG.generalizedTime);
  return timeMs(text);
}

// ---- strictness --------------------------------------------------------------------------------------------------

function refuse(why: string): never {
  throw new CertError('der-malformed', `DER: ${why}`);
}

function expect(der: Der, tag: number): void {
  if (der.tag !== tag) refuse(`tag ${der.tag}, expected ${tag}`);
}

function readHeader(bytes: Uint8Array, at: number): { tag: number; contentStart: number; length: number } {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) refuse('ends too early');
  if ((tag & 0x1f) === 0x1f) refuse('a tag number above 30');
  if (first < 0x80) return { tag, contentStart: at + 2, length: first };
  const size = first - 0x80;
  // X.690 10.1: definite lengths of the fewest bytes. 0x80 would be the indefinite form.
  if (size === 0 || size > 3) refuse('an indefinite or oversized length');
  let length = 0;
  for (let i = 0; i < size; i += 1) length = length * 256 + (bytes[at + 2 + i] ?? refuse('ends too early'));
  if (length < 0x80 || length < 2 ** (8 * (size - 1))) refuse('a length that is not minimal');
  return { tag, contentStart: at + 2 + size, length };
}

function readElement(bytes: Uint8Array, at: number, depth: number): Der {
  if (depth > DER_DEPTH_MAX) refuse(`nested deeper than ${DER_DEPTH_MAX}`);
  const { tag, contentStart, length } = readHeader(bytes, at);
  const end = contentStart + length;
  if (end > bytes.length) refuse('an element longer than what holds it');
  const content = bytes.subarray(contentStart, end);
  const children: Der[] = [];
  if ((tag & 0x20) !== 0) {
    for (let next = 0; next < content.length; ) {
      const child = readElement(content, next, depth + 1);
      children.push(child);
      next += child.bytes.length;
    }
  }
  const der: Der = { tag, bytes: bytes.subarray(at, end), content, children };
  checkElement(der);
  return der;
}

/** What the content of each universal type must be. A type that is not here is refused. */
const CHECKS: ReadonlyMap<number, (content: Uint8Array, children: readonly Der[]) => void> = new Map([
  [TAG.boolean, checkBoolean],
  [TAG.integer, checkInteger],
  [0x0a, checkInteger], // ENUMERATED
  [TAG.bitString, checkBitString],
  [TAG.octetString, anything],
  [TAG.null, checkNull],
  [TAG.oid, checkOid],
  [TAG.utf8String, checkUtf8],
  [0x12, ascii], // NumericString
  [0x13, ascii], // PrintableString
  [0x14, anything], // TeletexString, in old names
  [0x16, ascii], // IA5String
  [0x1a, ascii], // VisibleString
  [0x1c, anything], // UniversalString
  [0x1e, anything], // BMPString
  [TAG.utcTime, checkUtcTime],
  [TAG.generalizedTime, checkGeneralizedTime],
  [TAG.sequence, anything],
  [TAG.set, checkSorted],
]);

function checkElement({ tag, content, children }: Der): void {
  if ((tag & 0xc0) === 0x80) return; // context-specific: its type is known to whoever asked for it
  const check = CHECKS.get(tag) ?? refuse(`unexpected tag ${tag}`);
  check(content, children);
}

function anything(): void {}

function checkBoolean(content: Uint8Array): void {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) refuse('a BOOLEAN that is not 00 or FF');
}

function checkNull(content: Uint8Array): void {
  if (content.length !== 0) refuse('a NULL with content');
}

function checkUtf8(content: Uint8Array): void {
  if (utf8Decode(content) === undefined) refuse('a UTF8String that is not UTF-8');
}

function checkUtcTime(content: Uint8Array): void {
  if (!/^\d{12}Z$/.test(ascii(content))) refuse('a UTCTime that is not YYMMDDHHMMSSZ');
}

/** X.690 11.7: seconds present, Z, no trailing zeros in the fraction. */
function checkGeneralizedTime(content: Uint8Array): void {
  if (!/^\d{14}(\.\d{0,8}[1-9])?Z$/.test(ascii(content))) refuse('a GeneralizedTime that is not canonical');
}

/** X.690 11.6; elements that occur twice have no use in any of our formats. */
function checkSorted(_content: Uint8Array, children: readonly Der[]): void {
  children.forEach((child, i) => {
    const previous = children[i - 1];
    if (previous !== undefined && compareBytes(previous.bytes, child.bytes) >= 0) refuse('a SET OF that is not sorted');
  });
}

/** X.690 8.3.2: the first nine bits are neither all zero nor all one. */
function checkInteger(content: Uint8Array): void {
  const [first, second = 0] = content;
  if (first === undefined) refuse('an INTEGER without content');
  if (content.length === 1) return;
  if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) refuse('an INTEGER that is not minimal');
}

/** X.690 11.2.1: unused bits are zero. */
function checkBitString(content: Uint8Array): void {
  const [unused] = content;
  const last = content.at(-1) ?? 0;
  if (unused === undefined || unused > 7 || (content.length === 1 && unused !== 0)) refuse('a BIT STRING without form');
  if (content.length > 1 && (last & ((1 << unused) - 1)) !== 0) refuse('a BIT STRING with unused bits set');
}

/** X.690 8.19.2: each subidentifier has the fewest bytes. At most 19 bytes each: the size of a 128-bit UUID arc. */
function checkOid(content: Uint8Array): void {
  let start = 0;
  content.forEach((byte, i) => {
    if (i === start && byte === 0x80) refuse('an OBJECT IDENTIFIER that is not minimal');
    if (i - start >= 19) refuse('an OBJECT IDENTIFIER with an oversized arc');
    if ((byte & 0x80) === 0) start = i + 1;
  });
  if (content.length === 0 || start !== content.length) refuse('an OBJECT IDENTIFIER that is cut off');
}

function ascii(content: Uint8Array): string {
  const text = utf8Decode(content);
  if (text === undefined || text.length !== content.length) refuse('a character string that is not ASCII');
  return text;
}

/** YYYYMMDDHHMMSS[.f]Z, already checked for its form, to ms; refuses 30 February and the like. */
function timeMs(text: string): number {
  const part = (from: number, to: number): number => Number(text.slice(from, to));
  const ms = Date.UTC(part(0, 4), part(4, 6) - 1, part(6, 8), part(8, 10), part(10, 12), part(12, 14));
  const canonical = encodeGeneralizedTime(ms);
  if (!equal(canonical.subarray(2, 16), utf8Encode(text.slice(0, 14)))) refuse('a time that is in no calendar');
  return ms + (text[14] === '.' ? Number(text.slice(15, -1).padEnd(3, '0').slice(0, 3)) : 0);
}
