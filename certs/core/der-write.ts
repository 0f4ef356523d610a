// DER: the one writer, shared by everything that builds ASN.1 and by the parsers that re-encode to compare.
// ITU-T X.690 section 8, 10 and 11. What it writes, der.ts reads.
// Not here: structures (cms.ts, timestamp.ts).

import { concat, utf8Encode } from '../../ledger/core/bytes.ts';

/** Identifier octets. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element from its identifier octet and content. */
export function encode(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(...content);
  return concat(Uint8Array.of(tag), encodeLength(bytes.length), bytes);
}

export function encodeSequence(...fields: readonly Uint8Array[]): Uint8Array {
  return encode(TAG.sequence, ...fields);
}

/** SET OF, sorted by encoding (X.690 11.6); `tag` when it is IMPLICIT. */
export function encodeSetOf(elements: readonly Uint8Array[], tag: number = TAG.set): Uint8Array {
  return encode(tag, ...[...elements].sort(compareBytes));
}

export function encodeInteger(value: bigint | number, tag: number = TAG.integer): Uint8Array {
  let rest = BigInt(value);
  const bytes: number[] = [];
  do {
    bytes.unshift(Number(BigInt.asUintN(8, rest)));
    rest >>= 8n;
  } while (rest !== (((bytes[0] as number) & 0x80) === 0 ? 0n : -1n));
  return encode(tag, Uint8Array.from(bytes));
}

export function encodeOctets(bytes: Uint8Array): Uint8Array {
  return encode(TAG.octetString, bytes);
}

export function encodeUtf8(text: string): Uint8Array {
  return encode(TAG.utf8String, utf8Encode(text));
}

export function encodeOid(oid: string): Uint8Array {
  const [top = 0n, second = 0n, ...arcs] = oid.split('.').map((arc) => BigInt(arc));
  return encode(TAG.oid, Uint8Array.from([top * 40n + second, ...arcs].flatMap(base128)));
}

/** GeneralizedTime of ms since epoch; whole seconds have no fraction (X.690 11.7). */
export function encodeGeneralizedTime(timeMs: number): Uint8Array {
  const [seconds = '', fraction = ''] = new Date(timeMs).toISOString().slice(0, -1).split('.');
  const digits = fraction.replace(/0{1,3}$/, '');
  const text = `${seconds.replace(/[-:T]/g, '')}${digits === '' ? '' : `.${digits}`}Z`;
  return encode(TAG.generalizedTime, utf8Encode(text));
}

/** The order of a DER SET OF: byte by byte; an element that is a prefix of another comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i += 1) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.of(0x80 + bytes.length, ...bytes);
}

function base128(arc: bigint): number[] {
  const bytes = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80);
  return bytes;
}
