// The one shape our own signatures have, on certificates and on the courts' timestamp tokens alike.
// ECDSA P-256 with SHA-256 in its low-s form; signed attributes exactly content-type, message-digest and signing-certificate-v2
// (ETSI EN 319 122-1), the last one over the whole path; certificates in the order of DER.
// So no bit of it, signed or not, can be changed unseen: (r, n − s) is refused, and every certificate of the bag is named by its digest.

import { equal } from '../../ledger/core/bytes.ts';
import { digest, sameAlgorithm } from './algorithms.ts';
import {
  type Attribute,
  attribute,
  checkSignedData,
  encodeSigningCertificate,
  isNamed,
  type SignedData,
  signedBytes,
} from './cms.ts';
import { compareBytes, encodeOctets, encodeOid } from './der-write.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';
import type { X509 } from './x509.ts';

/** The algorithms of the profile, both without parameters (RFC 5754 section 2, RFC 5758 section 3.2). */
const SHA256 = { oid: OID.sha256 };
const ECDSA_SHA256 = { oid: OID.ecdsaWithSHA256 };

/** Who signed, and the intermediates from the signer's issuer upwards. Nobody is trusted yet. */
export interface SignerPath {
  readonly signer: X509;
  readonly intermediates: readonly X509[];
}

/**
 * Checks a signature of our own profile, short of trust.
 * @param content the bytes signed, in parts
 * @throws CertError cms-malformed, cms-bad-signature, der-malformed, x509-malformed
 */
export function checkOwnSignature(data: SignedData, content: readonly Uint8Array[]): SignerPath {
  if (!sameAlgorithm(data.digestAlgorithm, SHA256) || !sameAlgorithm(data.signatureAlgorithm, ECDSA_SHA256)) {
    refuse('another algorithm than ECDSA with SHA-256');
  }
  const types = [OID.contentType, OID.messageDigest, OID.signingCertificateV2];
  if (data.signedAttributes.length !== types.length) refuse('other signed attributes than the profile has');
  for (const type of types) attribute(data.signedAttributes, type);
  const { certificate, bag, named } = checkSignedData(data, content, { lowS: true });
  if (certificate.publicKey?.type !== 'p256') refuse('the signer has no P-256 key');
  const inOrder = data.certificates.every(
    (der, i) => i === 0 || compareBytes(data.certificates[i - 1] as Uint8Array, der) < 0,
  );
  if (!inOrder) refuse('the certificates are not in the order of DER');
  const all = [certificate, ...bag];
  const path = named.map((id) => all.find((each) => isNamed(each, id)) ?? refuse('a certificate is named but absent'));
  const namedValue = attribute(data.signedAttributes, OID.signingCertificateV2).bytes;
  const once = path.length === all.length && new Set(path).size === all.length;
  if (!once || !equal(encodeSigningCertificate(path), namedValue)) {
    refuse('signing-certificate-v2 does not name every certificate once, by SHA-256, issuer and serial number');
  }
  return { signer: certificate, intermediates: path.slice(1) };
}

/**
 * Everything of a signature but the signature value.
 * @param contentType object identifier of what is signed
 * @param content the bytes signed, in parts
 * @param path signer's certificate, then the intermediates upwards, without the root
 * @returns the parts, and the bytes to sign with ECDSA P-256 and SHA-256
 */
export function prepareOwnSignature(
  contentType: string,
  content: readonly Uint8Array[],
  path: readonly X509[],
): { parts: Omit<SignedData, 'signature'>; toSign: Uint8Array } {
  const [signer] = path;
  if (signer === undefined) throw new Error('invariant: a path has a signer');
  const signedAttributes: Attribute[] = [
    { type: OID.contentType, value: encodeOid(contentType) },
    { type: OID.messageDigest, value: encodeOctets(digest('sha256', content)) },
    { type: OID.signingCertificateV2, value: encodeSigningCertificate(path) },
  ];
  const parts = {
    contentType,
    certificates: path.map(({ der }) => der).sort(compareBytes),
    digestAlgorithm: SHA256,
    signatureAlgorithm: ECDSA_SHA256,
    signer: { issuer: signer.issuer, serial: signer.serial },
    signedAttributes,
    unsignedAttributes: [],
  };
  return { parts, toSign: signedBytes(signedAttributes) };
}

function refuse(why: string): never {
  throw new CertError('cms-malformed', `CMS: ${why}`);
}
