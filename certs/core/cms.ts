// Cryptographic message syntax: SignedData with exactly one signer, as PDF signatures and timestamp tokens use it.
// RFC 5652 section 5; certificate binding by signing-certificate-v2 (RFC 5035).
// Canonical: what `parseSignedData` accepts is byte for byte what `formatSignedData` writes from the parsed parts.
// Not here: which attributes and algorithms a profile allows (document-signature.ts, timestamp.ts), trust (x509-path.ts).

import { equal } from '../../ledger/core/bytes.ts';
import { type Algorithm, digest, digestName, encodeAlgorithm, readAlgorithm, verifySignature } from './algorithms.ts';
import { type Der, Fields, only, parseDer, readInteger, readOctets, readOid, TAG } from './der.ts';
import { encode, encodeInteger, encodeOctets, encodeOid, encodeSequence, encodeSetOf } from './der-write.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';
import { parseCertificate, type X509 } from './x509.ts';

/** Most certificates in one bag. */
export const BAG_CERTIFICATES_MAX = 8;

/** One attribute; each has exactly one value. */
export interface Attribute {
  readonly type: string;
  /** DER. */
  readonly value: Uint8Array;
}

export interface SignedData {
  /** Object identifier of what is signed. */
  readonly contentType: string;
  /** What is signed when it is inside; undefined when it is detached. */
  readonly content?: Uint8Array;
  /** DER, in the order of the file. */
  readonly certificates: readonly Uint8Array[];
  readonly digestAlgorithm: Algorithm;
  readonly signatureAlgorithm: Algorithm;
  /** Who signed, by issuer (DER Name) and serial number. */
  readonly signer: { readonly issuer: Uint8Array; readonly serial: bigint };
  readonly signedAttributes: readonly Attribute[];
  readonly signature: Uint8Array;
  readonly unsignedAttributes: readonly Attribute[];
}

/**
 * Reads a ContentInfo holding SignedData.
 * @throws CertError der-malformed, cms-malformed
 */
export function parseSignedData(bytes: Uint8Array): SignedData {
  const info = new Fields(parseDer(bytes), 'ContentInfo');
  if (readOid(info.take()) !== OID.signedData) refuse('not SignedData');
  const fields = new Fields(only(info.take(), 'content', 0xa0), 'SignedData');
  info.end();
  fields.take(TAG.integer); // version: follows from the content type, checked by re-encoding
  only(fields.take(), 'digestAlgorithms', TAG.set); // one, the signer's: checked by re-encoding
  const encapsulated = new Fields(fields.take(), 'EncapsulatedContentInfo');
  const contentType = readOid(encapsulated.take());
  const explicit = encapsulated.takeIf(0xa0);
  encapsulated.end();
  const bag = fields.takeIf(0xa0);
  const certificates =
    bag === undefined ? [] : new Fields(bag, 'certificates', 0xa0).rest().map(({ bytes: der }) => der);
  if (certificates.length > BAG_CERTIFICATES_MAX) refuse(`more than ${BAG_CERTIFICATES_MAX} certificates`);
  const signer = readSignerInfo(only(fields.take(), 'signerInfos', TAG.set));
  fields.end();
  const data: SignedData = {
    contentType,
    ...(explicit && { content: readOctets(only(explicit, 'eContent', 0xa0)) }),
    certificates,
    ...signer,
  };
  if (!equal(formatSignedData(data), bytes)) refuse('not in its canonical form');
  return data;
}

/** Writes a ContentInfo holding SignedData; attributes are sorted, certificates keep their order. */
export function formatSignedData(data: SignedData): Uint8Array {
  const explicit = data.content === undefined ? [] : [encode(0xa0, encodeOctets(data.content))];
  const signerInfo = encodeSequence(
    encodeInteger(1), // RFC 5652 5.3: issuerAndSerialNumber means version 1
    encodeSequence(data.signer.issuer, encodeInteger(data.signer.serial)),
    encodeAlgorithm(data.digestAlgorithm),
    encodeAttributes(data.signedAttributes, 0xa0),
    encodeAlgorithm(data.signatureAlgorithm),
    encodeOctets(data.signature),
    ...(data.unsignedAttributes.length === 0 ? [] : [encodeAttributes(data.unsignedAttributes, 0xa1)]),
  );
  const signedData = encodeSequence(
    encodeInteger(data.contentType === OID.data ? 1 : 3), // RFC 5652 5.1: other content than id-data means version 3
    encodeSetOf([encodeAlgorithm(data.digestAlgorithm)]),
    encodeSequence(encodeOid(data.contentType), ...explicit),
    ...(data.certificates.length === 0 ? [] : [encode(0xa0, ...data.certificates)]),
    encodeSetOf([signerInfo]),
  );
  return encodeSequence(encodeOid(OID.signedData), encode(0xa0, signedData));
}

/** The bytes a signature is over. RFC 5652 5.4: the DER of the SET OF tag, not of the IMPLICIT [0] tag in the file. */
export function signedBytes(attributes: readonly Attribute[]): Uint8Array {
  return encodeAttributes(attributes, TAG.set);
}

/** The value of the one attribute of this type. @throws CertError cms-malformed */
export function attribute(attributes: readonly Attribute[], type: string): Der {
  const found = attributes.filter((each) => each.type === type);
  if (found.length !== 1) refuse(`the attribute ${type} occurs ${found.length} times`);
  return parseDer((found[0] as Attribute).value);
}

/** What a checked signature says about its certificates. */
export interface Signer {
  readonly certificate: X509;
  /** The other certificates of the bag, in the order of the file. */
  readonly bag: readonly X509[];
  /** What signing-certificate-v2 names: the digests of the signer's certificate and of any others. */
  readonly named: readonly EssCertId[];
}

/**
 * Checks everything a signature says without trust: content type, digest of the content, binding of the certificate, signature.
 * @param content the bytes signed, in parts
 * @param o `lowS`: refuse the second form of an ECDSA signature
 * @throws CertError cms-malformed, cms-bad-signature, der-malformed, x509-malformed
 */
export function checkSignedData(data: SignedData, content: readonly Uint8Array[], o: { lowS: boolean }): Signer {
  const hash = digestName(data.digestAlgorithm) ?? refuse('an unknown digest algorithm');
  // RFC 5652 11.1: MUST match the content type of the encapsulated content.
  if (readOid(attribute(data.signedAttributes, OID.contentType)) !== data.contentType) refuse('two content types');
  if (!equal(readOctets(attribute(data.signedAttributes, OID.messageDigest)), digest(hash, content))) {
    throw new CertError('cms-bad-signature', 'CMS: the signed digest is not the digest of the content');
  }
  const certificates = data.certificates.map(parseCertificate);
  const { issuer, serial } = data.signer;
  const matching = certificates.filter((each) => equal(each.issuer, issuer) && each.serial === serial);
  const [certificate] = matching;
  if (certificate === undefined || matching.length > 1) refuse('not exactly one certificate of the signer');
  const named = readSigningCertificate(attribute(data.signedAttributes, OID.signingCertificateV2));
  // RFC 5035 section 5: the first certificate identified MUST be the one used to verify the signature.
  if (named[0] === undefined || !isNamed(certificate, named[0]))
    refuse('the signed attributes name another certificate');
  const signed = signedBytes(data.signedAttributes);
  const options = { lowS: o.lowS, rsaHash: hash };
  if (
    certificate.publicKey === undefined ||
    !verifySignature(certificate.publicKey, data.signatureAlgorithm, signed, data.signature, options)
  ) {
    throw new CertError('cms-bad-signature', 'CMS: the signature does not verify under the key of its certificate');
  }
  return { certificate, bag: certificates.filter((each) => each !== certificate), named };
}

// ---- signing-certificate-v2 (RFC 5035 section 4) -------------------------------------------------------------------

/** ESSCertIDv2: a certificate by its digest and, where given, by issuer and serial number. */
export interface EssCertId {
  readonly hashAlgorithm: Algorithm;
  readonly digest: Uint8Array;
  readonly issuerSerial?: { readonly issuer: Uint8Array; readonly serial: bigint };
}

/** Names certificates by SHA-256 (the default, hence not written) with issuer and serial number. */
export function encodeSigningCertificate(certificates: readonly X509[]): Uint8Array {
  const named = certificates.map((certificate) => {
    const directoryName = encode(0xa4, certificate.issuer);
    const issuerSerial = encodeSequence(encodeSequence(directoryName), encodeInteger(certificate.serial));
    return encodeSequence(encodeOctets(digest('sha256', [certificate.der])), issuerSerial);
  });
  return encodeSequence(encodeSequence(...named));
}

/** Whether this entry names this certificate. */
export function isNamed(certificate: X509, { hashAlgorithm, digest: expected, issuerSerial }: EssCertId): boolean {
  const hash = digestName(hashAlgorithm);
  if (hash === undefined || !equal(digest(hash, [certificate.der]), expected)) return false;
  if (issuerSerial === undefined) return true;
  return equal(issuerSerial.issuer, certificate.issuer) && issuerSerial.serial === certificate.serial;
}

function readSigningCertificate(der: Der): EssCertId[] {
  const fields = new Fields(der, 'SigningCertificateV2');
  const named = new Fields(fields.take(), 'certs').rest().map(readEssCertId);
  fields.takeIf(TAG.sequence); // policies: nothing of ours depends on them
  fields.end();
  return named;
}

function readEssCertId(der: Der): EssCertId {
  const fields = new Fields(der, 'ESSCertIDv2');
  const algorithm = fields.takeIf(TAG.sequence);
  const hashAlgorithm = algorithm === undefined ? { oid: OID.sha256 } : readAlgorithm(algorithm);
  const expected = readOctets(fields.take());
  const issuerSerial = fields.takeIf(TAG.sequence);
  fields.end();
  if (issuerSerial === undefined) return { hashAlgorithm, digest: expected };
  const parts = new Fields(issuerSerial, 'IssuerSerial');
  const generalName = only(parts.take(), 'GeneralNames', TAG.sequence);
  const issuer = only(generalName, 'directoryName', 0xa4).bytes;
  const serial = readInteger(parts.take());
  parts.end();
  return { hashAlgorithm, digest: expected, issuerSerial: { issuer, serial } };
}

// ---- parts ---------------------------------------------------------------------------------------------------------

type SignerInfo = Omit<SignedData, 'contentType' | 'content' | 'certificates'>;

function readSignerInfo(der: Der): SignerInfo {
  const fields = new Fields(der, 'SignerInfo');
  fields.take(TAG.integer); // version: checked by re-encoding
  const sid = new Fields(fields.take(), 'IssuerAndSerialNumber');
  const signer = { issuer: sid.take(TAG.sequence).bytes, serial: readInteger(sid.take()) };
  sid.end();
  const digestAlgorithm = readAlgorithm(fields.take());
  const signedAttributes = readAttributes(fields.take(0xa0), 0xa0);
  const signatureAlgorithm = readAlgorithm(fields.take());
  const signature = readOctets(fields.take());
  const unsigned = fields.takeIf(0xa1);
  fields.end();
  return {
    signer,
    digestAlgorithm,
    signedAttributes,
    signatureAlgorithm,
    signature,
    unsignedAttributes: unsigned === undefined ? [] : readAttributes(unsigned, 0xa1),
  };
}

function readAttributes(der: Der, tag: number): Attribute[] {
  return new Fields(der, 'attributes', tag).rest().map((each) => {
    const fields = new Fields(each, 'Attribute');
    const type = readOid(fields.take());
    const value = only(fields.take(), 'attribute values', TAG.set).bytes;
    fields.end();
    return { type, value };
  });
}

function encodeAttributes(attributes: readonly Attribute[], tag: number): Uint8Array {
  return encodeSetOf(
    attributes.map(({ type, value }) => encodeSequence(encodeOid(type), encode(TAG.set, value))),
    tag,
  );
}

function refuse(why: string): never {
  throw new CertError('cms-malformed', `CMS: ${why}`);
}
