// X.509 certificates: strict parsing of what the path check needs.
// RFC 5280 section 4; version 3, DER, no extension twice, no unique identifiers.
// Not here: trust, validity and purposes (x509-path.ts). Revocation is the trust bundle's dates, not CRLs.

import { base64Decode, equal, hexEncode, utf8Decode } from '../../ledger/core/bytes.ts';
import {
  type Algorithm,
  encodeAlgorithm,
  type PublicKey,
  readAlgorithm,
  readPublicKey,
  sameAlgorithm,
  secondForms,
  verifySignature,
} from './algorithms.ts';
import {
  type Der,
  Fields,
  only,
  parseDer,
  readBits,
  readBoolean,
  readCount,
  readInteger,
  readNamedBits,
  readOctets,
  readOid,
  readTime,
  TAG,
} from './der.ts';
import { encode, encodeSequence } from './der-write.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';

/** Longest certificate in bytes. Real ones are 500 to 3,000. */
export const CERTIFICATE_BYTES_MAX = 16 * 1024;

/** RFC 5280 4.2.1.3, in the order of the bits. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

export interface X509 {
  /** The whole certificate. */
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  readonly serial: bigint;
  /** Names as DER; RFC 5280 7.1 allows comparing them byte by byte, and that is what we do. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Both inclusive, to the second. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** undefined: a key type this program does not know; nothing verifies under it. */
  readonly publicKey: PublicKey | undefined;
  readonly signatureAlgorithm: Algorithm;
  readonly signature: Uint8Array;
  readonly extensions: Extensions;
}

export interface Extensions {
  readonly basicConstraints?: { readonly critical: boolean; readonly ca: boolean; readonly pathLen?: number };
  readonly keyUsage?: { readonly critical: boolean; readonly usages: readonly KeyUsage[] };
  /** Object identifiers. */
  readonly extKeyUsage?: { readonly critical: boolean; readonly purposes: readonly string[] };
  /** Object identifiers of critical extensions that this program does not process. */
  readonly unknownCritical: readonly string[];
}

/**
 * Reads one certificate.
 * @param der exactly one certificate, no bytes after it
 * @throws CertError der-malformed, x509-malformed
 */
export function parseCertificate(der: Uint8Array): X509 {
  if (der.length > CERTIFICATE_BYTES_MAX) refuse(`longer than ${CERTIFICATE_BYTES_MAX} bytes`);
  const fields = new Fields(parseDer(der), 'Certificate');
  const tbs = fields.take();
  const signatureAlgorithm = readAlgorithm(fields.take());
  const signature = readBits(fields.take());
  fields.end();

  const body = new Fields(tbs, 'TBSCertificate');
  // Extensions exist in version 3 only, and without them no purpose can be told.
  if (readCount(only(body.take(0xa0), 'version', 0xa0)) !== 2) refuse('not version 3');
  const serial = readInteger(body.take());
  // RFC 5280 4.1.2.2: a positive INTEGER of at most 20 octets.
  if (serial <= 0n || serial >= 1n << 159n) refuse('a serial number that is not positive and of at most 20 bytes');
  // RFC 5280 4.1.1.2: MUST contain the same algorithm identifier as the signature field.
  if (!sameAlgorithm(readAlgorithm(body.take()), signatureAlgorithm)) refuse('two different signature algorithms');
  const issuer = readName(body.take());
  const validity = new Fields(body.take(), 'Validity');
  const [notBeforeMs, notAfterMs] = [readTime(validity.take()), readTime(validity.take())];
  validity.end();
  const subject = readName(body.take());
  const publicKey = readPublicKey(body.take());
  const extensions = readExtensions(only(body.take(0xa3), 'extensions', 0xa3));
  body.end();
  return {
    der,
    tbs: tbs.bytes,
    serial,
    issuer,
    subject,
    notBeforeMs,
    notAfterMs,
    publicKey,
    signatureAlgorithm,
    signature,
    extensions,
  };
}

/**
 * Reads one certificate in PEM form (RFC 7468): one `CERTIFICATE` section and nothing else.
 * @throws CertError x509-malformed, der-malformed
 */
export function certificateFromPem(pem: string): X509 {
  const lines = pem.replaceAll('\r\n', '\n').split('\n');
  while (lines.at(-1) === '') lines.pop();
  const der = base64Decode(lines.slice(1, -1).join(''));
  if (lines[0] !== '-----BEGIN CERTIFICATE-----' || lines.at(-1) !== '-----END CERTIFICATE-----' || der === undefined) {
    refuse('not one PEM certificate');
  }
  return parseCertificate(der);
}

/** Whether this certificate's signature verifies under the issuer's key. Says nothing about trust. */
export function isSignedBy(certificate: X509, issuer: X509): boolean {
  if (issuer.publicKey === undefined) return false;
  // Outside CAs sign in either form of ECDSA, so both are taken: one certificate has two DERs, see formsOf.
  return verifySignature(issuer.publicKey, certificate.signatureAlgorithm, certificate.tbs, certificate.signature, {
    lowS: false,
  });
}

/**
 * Every DER under which this certificate verifies, its own first: whoever names a certificate by a digest means all of them.
 * A new one takes no key for the second form of an ECDSA signature. All else is inside the signed part, repeats it (the algorithm), or has one
 * form only (der.ts, rsa.ts).
 */
export function formsOf({ der, tbs, signatureAlgorithm, signature }: X509): Uint8Array[] {
  const algorithm = encodeAlgorithm(signatureAlgorithm);
  const others = secondForms(signature).map((second) => encode(TAG.bitString, Uint8Array.of(0), second));
  return [der, ...others.map((bits) => encodeSequence(tbs, algorithm, bits))];
}

/** The same certificate, byte for byte. */
export function sameCertificate(a: X509, b: X509): boolean {
  return equal(a.der, b.der);
}

const NAME_LABELS: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
]);

/** A name for people, in the order of the certificate: `C=CN, O=…, CN=…`. Never compared. */
export function nameText(name: Uint8Array): string {
  const attributes = parseDer(name).children.flatMap((set) => set.children);
  return attributes.map(attributeText).join(', ');
}

/** A Name, once it is known that {@link nameText} can show it. */
function readName(der: Der): Uint8Array {
  const name = new Fields(der, 'Name');
  for (const set of name.rest()) new Fields(set, 'RelativeDistinguishedName', TAG.set).rest().forEach(attributeText);
  return der.bytes;
}

function attributeText(attribute: Der): string {
  const fields = new Fields(attribute, 'AttributeTypeAndValue');
  const oid = readOid(fields.take());
  const value = fields.take();
  const text = value.tag === TAG.utf8String || value.tag === 0x13 ? utf8Decode(value.content) : undefined;
  return `${NAME_LABELS.get(oid) ?? oid}=${text ?? `#${hexEncode(value.bytes)}`}`;
}

function refuse(why: string): never {
  throw new CertError('x509-malformed', `X.509: ${why}`);
}

// ---- extensions --------------------------------------------------------------------------------------------------

function readExtensions(der: Der): Extensions {
  const seen = new Set<string>();
  const unknownCritical: string[] = [];
  let known: Omit<Extensions, 'unknownCritical'> = {};
  for (const extension of new Fields(der, 'Extensions').rest()) {
    const fields = new Fields(extension, 'Extension');
    const oid = readOid(fields.take());
    const critical = readCritical(fields);
    const value = parseDer(readOctets(fields.take()));
    fields.end();
    // RFC 5280 4.2: MUST NOT include more than one instance of a particular extension.
    if (seen.has(oid)) refuse('an extension occurs twice');
    seen.add(oid);
    if (oid === OID.basicConstraints)
      known = { ...known, basicConstraints: { critical, ...readBasicConstraints(value) } };
    else if (oid === OID.keyUsage) known = { ...known, keyUsage: { critical, usages: readKeyUsage(value) } };
    else if (oid === OID.extKeyUsage) known = { ...known, extKeyUsage: { critical, purposes: readPurposes(value) } };
    else if (critical) unknownCritical.push(oid);
  }
  return { ...known, unknownCritical };
}

/** `critical BOOLEAN DEFAULT FALSE`: DER never writes a default (X.690 11.5). */
function readCritical(fields: Fields): boolean {
  const critical = fields.takeIf(TAG.boolean);
  if (critical !== undefined && !readBoolean(critical)) refuse('a default value is written out');
  return critical !== undefined;
}

function readBasicConstraints(der: Der): { ca: boolean; pathLen?: number } {
  const fields = new Fields(der, 'BasicConstraints');
  const ca = readCritical(fields);
  const pathLen = fields.takeIf(TAG.integer);
  fields.end();
  // RFC 5280 4.2.1.9: MUST NOT include pathLenConstraint unless cA is asserted.
  if (!ca && pathLen !== undefined) refuse('a path length on a certificate that is no CA');
  return pathLen === undefined ? { ca } : { ca, pathLen: readCount(pathLen) };
}

function readKeyUsage(der: Der): KeyUsage[] {
  const usages = readNamedBits(der).map((bit) => KEY_USAGES[bit] ?? refuse('an unknown key usage'));
  // RFC 5280 4.2.1.3: at least one of the bits MUST be set to 1.
  if (usages.length === 0) refuse('an empty key usage');
  return usages;
}

function readPurposes(der: Der): string[] {
  const purposes = new Fields(der, 'ExtKeyUsageSyntax').rest().map(readOid);
  if (purposes.length === 0 || new Set(purposes).size !== purposes.length) refuse('an empty or repeating EKU');
  return purposes;
}
