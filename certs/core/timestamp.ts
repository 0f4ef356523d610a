// RFC 3161 timestamp tokens: reading, checking against the bytes they are over and the pinned roots.
// Tokens of our courts (by their policy) must have our own CMS profile, so that no bit of them can be changed. Tokens of
// outside authorities may use RSA or ECDSA, other signed attributes and either form of an ECDSA signature.
// Not here: asking for tokens and answering (certs/issue).

import { equal } from '../../ledger/core/bytes.ts';
import { type Algorithm, digest, digestName, encodeAlgorithm, readAlgorithm } from './algorithms.ts';
import { checkSignedData, parseSignedData, type SignedData } from './cms.ts';
import { checkOwnSignature, type SignerPath } from './cms-profile.ts';
import {
  type Der,
  Fields,
  implicit,
  only,
  parseDer,
  readBoolean,
  readCount,
  readInteger,
  readOctets,
  readOid,
  readTime,
  TAG,
} from './der.ts';
import { encodeGeneralizedTime, encodeInteger, encodeOctets, encodeOid, encodeSequence } from './der-write.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';
import { sameCertificate, type X509 } from './x509.ts';
import { checkPath } from './x509-path.ts';

/** What a token states (RFC 3161 2.4.2). */
export interface TstInfo {
  /** Object identifier. */
  readonly policy: string;
  readonly imprint: { readonly algorithm: Algorithm; readonly digest: Uint8Array };
  readonly serial: bigint;
  /** ms since epoch. */
  readonly timeMs: number;
  /** How far off the authority says its clock may be, ms rounded up; undefined when it does not say. */
  readonly accuracyMs?: number;
  readonly nonce?: bigint;
  /** The directory name the authority gives itself, DER. */
  readonly tsa?: Uint8Array;
}

/** A token read but not checked. */
export interface TimestampToken {
  readonly data: SignedData;
  readonly info: TstInfo;
}

export interface VerifiedTimestamp extends TstInfo {
  /** The certificate that signed the token. */
  readonly authority: X509;
  /** Authority, intermediates, root. */
  readonly path: readonly X509[];
}

/**
 * Reads a token.
 * @param token DER TimeStampToken, a ContentInfo
 * @throws CertError der-malformed, cms-malformed, timestamp-malformed
 */
export function parseTimestampToken(token: Uint8Array): TimestampToken {
  const data = parseSignedData(token);
  if (data.contentType !== OID.tstInfo || data.content === undefined) refuse('the content is no TSTInfo');
  return { data, info: readTstInfo(parseDer(data.content)) };
}

/**
 * Checks a token: that it is over these bytes, that its authority signed it, that a pinned root vouches for the authority.
 * @param message the bytes whose digest the token carries
 * @param roots pinned timestamp roots
 * @throws CertError timestamp-malformed, timestamp-bad (another message), cms-malformed, cms-bad-signature, der-malformed,
 *   x509-malformed, x509-untrusted, x509-expired, x509-purpose
 */
export function checkTimestamp(token: Uint8Array, message: Uint8Array, roots: readonly X509[]): VerifiedTimestamp {
  const { data, info } = parseTimestampToken(token);
  const hash = digestName(info.imprint.algorithm) ?? refuse('an unknown imprint algorithm');
  if (!equal(digest(hash, [message]), info.imprint.digest)) {
    throw new CertError('timestamp-bad', 'timestamp: it is over other bytes');
  }
  // RFC 3161 2.4.2: nothing is said of unsigned attributes; in them anything could be hung on a token.
  if (data.unsignedAttributes.length > 0) refuse('unsigned attributes on the token');
  const { signer, intermediates } =
    info.policy === OID.courtTimestampPolicy ? checkCourtToken(data) : checkOutsideToken(data, roots);
  if (info.tsa !== undefined && !equal(info.tsa, signer.subject)) refuse('the authority gives itself another name');
  const path = checkPath(signer, intermediates, roots, info.timeMs, 'time-stamping');
  return { ...info, authority: signer, path };
}

function checkCourtToken(data: SignedData): SignerPath {
  return checkOwnSignature(data, [content(data)]);
}

/** Attributes an outside token may have signed besides content-type, message-digest and signing-certificate-v2. */
const OUTSIDE_ATTRIBUTES: readonly string[] = [
  OID.contentType,
  OID.messageDigest,
  OID.signingCertificateV2,
  OID.signingCertificate,
  OID.signingTime,
  OID.cmsAlgorithmProtection,
];

function checkOutsideToken(data: SignedData, roots: readonly X509[]): SignerPath {
  const types = data.signedAttributes.map(({ type }) => type);
  if (types.some((type) => !OUTSIDE_ATTRIBUTES.includes(type)) || new Set(types).size !== types.length) {
    refuse('signed attributes that are unknown or occur twice');
  }
  const { certificate, bag } = checkSignedData(data, [content(data)], { lowS: false });
  // Many authorities send their root along. It is the very one that is pinned, so it tells nothing and is left aside.
  const intermediates = bag.filter((each) => !roots.some((root) => sameCertificate(each, root)));
  return { signer: certificate, intermediates };
}

function content(data: SignedData): Uint8Array {
  if (data.content === undefined) throw new Error('invariant: a parsed token has content');
  return data.content;
}

// ---- TSTInfo -------------------------------------------------------------------------------------------------------

function readTstInfo(der: Der): TstInfo {
  const fields = new Fields(der, 'TSTInfo');
  if (readCount(fields.take()) !== 1) refuse('not version 1');
  const policy = readOid(fields.take());
  const imprint = readImprint(fields.take());
  const serial = readInteger(fields.take());
  const timeMs = readTime(fields.take(TAG.generalizedTime));
  const accuracy = fields.takeIf(TAG.sequence);
  const ordering = fields.takeIf(TAG.boolean);
  if (ordering !== undefined && !readBoolean(ordering)) refuse('a default value is written out');
  const nonce = fields.takeIf(TAG.integer);
  const tsa = fields.takeIf(0xa0);
  // RFC 3161 2.4.2: extensions. Critical ones must be understood, and we understand none; others are inside the signature.
  const extensions = fields.takeIf(0xa1);
  fields.end();
  if (extensions !== undefined) checkExtensions(extensions);
  return {
    policy,
    imprint,
    serial,
    timeMs,
    ...(accuracy && { accuracyMs: readAccuracy(accuracy) }),
    ...(nonce && { nonce: readInteger(nonce) }),
    ...(tsa && { tsa: only(only(tsa, 'tsa', 0xa0), 'directoryName', 0xa4).bytes }),
  };
}

/** MessageImprint (RFC 3161 2.4.1), also found in requests. @throws CertError der-malformed */
export function readImprint(der: Der): TstInfo['imprint'] {
  const fields = new Fields(der, 'MessageImprint');
  const imprint = { algorithm: readAlgorithm(fields.take()), digest: readOctets(fields.take()) };
  fields.end();
  return imprint;
}

export function encodeImprint({ algorithm, digest: bytes }: TstInfo['imprint']): Uint8Array {
  return encodeSequence(encodeAlgorithm(algorithm), encodeOctets(bytes));
}

/** Accuracy: seconds, [0] millis and [1] micros of 1..999, each optional. */
function readAccuracy(der: Der): number {
  const fields = new Fields(der, 'Accuracy');
  const parts = [fields.takeIf(TAG.integer), fields.takeIf(0x80), fields.takeIf(0x81)].map((part) =>
    part === undefined ? 0 : readCount(implicit(part, TAG.integer)),
  );
  fields.end();
  const [seconds = 0, millis = 0, micros = 0] = parts;
  if (millis > 999 || micros > 999) refuse('an accuracy out of range');
  return seconds * 1_000 + millis + Math.ceil(micros / 1_000);
}

function checkExtensions(der: Der): void {
  for (const extension of new Fields(der, 'extensions', 0xa1).rest()) {
    const fields = new Fields(extension, 'Extension');
    const oid = readOid(fields.take());
    if (fields.takeIf(TAG.boolean) !== undefined) refuse(`the unknown critical extension ${oid}`);
    readOctets(fields.take());
    fields.end();
  }
}

/** TSTInfo as our courts write it. */
export function encodeTstInfo(info: Omit<TstInfo, 'accuracyMs' | 'tsa'> & { accuracySeconds: number }): Uint8Array {
  return encodeSequence(
    encodeInteger(1),
    encodeOid(info.policy),
    encodeImprint(info.imprint),
    encodeInteger(info.serial),
    encodeGeneralizedTime(info.timeMs),
    encodeSequence(encodeInteger(info.accuracySeconds)),
    ...(info.nonce === undefined ? [] : [encodeInteger(info.nonce)]),
  );
}

function refuse(why: string): never {
  throw new CertError('timestamp-malformed', `timestamp: ${why}`);
}
