// The PDF's signature: detached CMS of our own profile with a timestamp token on it (PAdES B-T, ETSI EN 319 142-1).
// No signing-time (EN 319 142-1 6.3 forbids it: the claimed time is /M); one unsigned attribute, the timestamp token.
// Three checks that can be listed one by one: the signature, its timestamp, its signer at the time of that timestamp.
// Not here: the PDF around it (pdf-read.ts).

import { attribute, parseSignedData } from './cms.ts';
import { checkOwnSignature, type SignerPath } from './cms-profile.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';
import type { CertificatePdf } from './pdf-read.ts';
import { checkTimestamp, type VerifiedTimestamp } from './timestamp.ts';
import type { X509 } from './x509.ts';
import { checkPath } from './x509-path.ts';

/** A signature whose mathematics hold; nobody is trusted yet. */
export interface DocumentSignature extends SignerPath {
  /** DER ECDSA signature: what the timestamp is over. */
  readonly signature: Uint8Array;
  /** DER TimeStampToken, not looked at yet. */
  readonly timestampToken: Uint8Array;
}

/**
 * Checks the shape of the CMS, the digest over the signed bytes of the PDF, and the signature. No trust.
 * @throws CertError der-malformed, cms-malformed, cms-bad-signature, x509-malformed
 */
export function checkDocumentSignature(pdf: Pick<CertificatePdf, 'cms' | 'signedBytes'>): DocumentSignature {
  const data = parseSignedData(pdf.cms);
  if (data.contentType !== OID.data || data.content !== undefined) refuse('the content is not detached data');
  if (data.unsignedAttributes.length !== 1) refuse('other unsigned attributes than one timestamp token');
  const timestampToken = attribute(data.unsignedAttributes, OID.timeStampToken).bytes;
  return { ...checkOwnSignature(data, pdf.signedBytes), signature: data.signature, timestampToken };
}

/**
 * Checks the timestamp token over the signature value, with its authority's path to a pinned timestamp root.
 * @throws CertError timestamp-malformed, timestamp-bad, x509-*, cms-*, der-malformed
 */
export function checkSignatureTimestamp(
  signature: Pick<DocumentSignature, 'signature' | 'timestampToken'>,
  timestampRoots: readonly X509[],
): VerifiedTimestamp {
  return checkTimestamp(signature.timestampToken, signature.signature, timestampRoots);
}

/**
 * Checks that a pinned root vouches for the signer as a document signer.
 * @param atMs the time the timestamp gives, ms since epoch
 * @returns signer, intermediates, root
 * @throws CertError x509-untrusted, x509-expired, x509-purpose
 */
export function checkSigner(signature: DocumentSignature, pdfRoots: readonly X509[], atMs: number): X509[] {
  return checkPath(signature.signer, signature.intermediates, pdfRoots, atMs, 'document-signing');
}

function refuse(why: string): never {
  throw new CertError('cms-malformed', `CMS: ${why}`);
}
