// Certification paths: from a certificate through its bag to a pinned root, at a given time, for one purpose.
// RFC 5280 section 6.1 for the path; RFC 9336 and RFC 3161 section 2.3 for the purposes.
// The bag holds exactly the intermediates of the path: a certificate nobody needs could be changed unseen.
// Not here: revocation, name constraints, certificate policies (critical ones are refused as unknown).

import { equal } from '../../ledger/core/bytes.ts';
import type { CertCode } from './errors.ts';
import { CertError } from './errors.ts';
import { OID } from './oids.ts';
import { isSignedBy, nameText, sameCertificate, type X509 } from './x509.ts';

/** Longest path, leaf and root included. */
export const PATH_CERTIFICATES_MAX = 6;

const NO_ISSUER = 'has no issuer among the certificates given and the pinned roots';

/** What the leaf must be for. */
export type Purpose = 'document-signing' | 'time-stamping';

/**
 * Finds and checks the path.
 * @param leaf the certificate that signed
 * @param bag the other certificates that came along, in any order; all of them must be on the path
 * @param roots pinned roots; they must not be in the bag. Of several that signed alike the first with which the path holds is taken
 * @param atMs the time at which every certificate of the path must be valid, ms since epoch
 * @returns leaf, intermediates, root
 * @throws CertError x509-untrusted (no such path), x509-expired, x509-purpose (KU, EKU, CA flags, path length, unknown critical extension)
 */
export function checkPath(
  leaf: X509,
  bag: readonly X509[],
  roots: readonly X509[],
  atMs: number,
  purpose: Purpose,
): X509[] {
  const below = orderBag(leaf, bag, roots);
  const top = below.at(-1) as X509;
  let refusal: CertError | undefined;
  // Only roots can stand in for each other: one that was renewed with its key is pinned beside the old one. Of the bag all must be on the path.
  for (const root of roots) {
    if (!isIssuer(root, top)) continue;
    const path = [...below, root];
    try {
      checkCertificates(path, atMs, purpose);
      return path;
    } catch (error) {
      if (!(error instanceof CertError)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? refuse('x509-untrusted', top, NO_ISSUER);
}

function checkCertificates(path: readonly X509[], atMs: number, purpose: Purpose): void {
  for (const certificate of path) checkValidity(certificate, atMs);
  for (const certificate of path) checkCritical(certificate);
  for (const [below, ca] of path.slice(1).entries()) checkCa(ca, below, purpose);
  const leaf = path[0] as X509;
  if (purpose === 'document-signing') checkDocumentSigner(leaf);
  else checkTimestampSigner(leaf);
}

/** The path up to where a root must come: the leaf, then the whole bag. */
function orderBag(leaf: X509, bag: readonly X509[], roots: readonly X509[]): X509[] {
  if (bag.length > PATH_CERTIFICATES_MAX - 2)
    refuse('x509-untrusted', leaf, 'has more certificates with it than a path may have');
  const pinned = bag.find((each) => roots.some((root) => sameCertificate(each, root)));
  if (pinned !== undefined) refuse('x509-untrusted', pinned, 'is a pinned root and may not come along');
  const path = [leaf];
  const unused = new Set(bag);
  while (unused.size > 0) {
    const last = path.at(-1) as X509;
    const issuer =
      [...unused].find((candidate) => isIssuer(candidate, last)) ?? refuse('x509-untrusted', last, NO_ISSUER);
    path.push(issuer);
    unused.delete(issuer);
  }
  return path;
}

function isIssuer(candidate: X509, certificate: X509): boolean {
  return equal(candidate.subject, certificate.issuer) && isSignedBy(certificate, candidate);
}

/** RFC 5280 4.1.2.5: from notBefore through notAfter, inclusive. Both are whole seconds. */
function checkValidity(certificate: X509, atMs: number): void {
  if (atMs < certificate.notBeforeMs || atMs >= certificate.notAfterMs + 1_000) {
    refuse('x509-expired', certificate, `is not valid at ${new Date(atMs).toISOString()}`);
  }
}

/** RFC 5280 4.2: MUST reject the certificate if it encounters a critical extension it does not recognize. */
function checkCritical(certificate: X509): void {
  const [unknown] = certificate.extensions.unknownCritical;
  if (unknown !== undefined) refuse('x509-purpose', certificate, `has the unknown critical extension ${unknown}`);
}

/** @param below number of CAs between this one and the leaf */
function checkCa(ca: X509, below: number, purpose: Purpose): void {
  const { basicConstraints, keyUsage, extKeyUsage } = ca.extensions;
  // RFC 5280 6.1.4 (k), (m), (n)
  if (basicConstraints?.ca !== true) refuse('x509-purpose', ca, 'is no certification authority');
  if ((basicConstraints.pathLen ?? below) < below) refuse('x509-purpose', ca, 'allows no path of this length');
  if (keyUsage?.usages.includes('keyCertSign') !== true) refuse('x509-purpose', ca, 'may not sign certificates');
  if (extKeyUsage === undefined || extKeyUsage.purposes.includes(OID.anyExtendedKeyUsage)) return;
  // An EKU in a CA certificate narrows what it may issue for, as NSS and OpenSSL read it.
  const needed = purpose === 'document-signing' ? OID.documentSigning : OID.timeStamping;
  if (!extKeyUsage.purposes.includes(needed)) refuse('x509-purpose', ca, 'may not issue for this purpose');
}

/** Exactly the profile certs/issue/ca.ts gives: nothing more may be done with this key. */
function checkDocumentSigner(leaf: X509): void {
  checkNoCa(leaf);
  const { keyUsage, extKeyUsage } = leaf.extensions;
  if (keyUsage?.critical !== true || keyUsage.usages.join() !== 'digitalSignature,nonRepudiation') {
    refuse('x509-purpose', leaf, 'does not have the critical key usage digitalSignature and nonRepudiation alone');
  }
  const purposes = [...(extKeyUsage?.purposes ?? [])].sort().join();
  if (purposes !== [OID.emailProtection, OID.documentSigning].sort().join()) {
    refuse('x509-purpose', leaf, 'is not for documentSigning and emailProtection alone');
  }
}

function checkTimestampSigner(leaf: X509): void {
  checkNoCa(leaf);
  const { keyUsage, extKeyUsage } = leaf.extensions;
  // RFC 3161 2.3: MUST contain only one instance of the extended key usage field, id-kp-timeStamping, and MUST be critical.
  if (extKeyUsage?.critical !== true || extKeyUsage.purposes.join() !== OID.timeStamping) {
    refuse('x509-purpose', leaf, 'does not have the critical extended key usage timeStamping alone');
  }
  const signing = ['digitalSignature', 'nonRepudiation'];
  if (keyUsage !== undefined && !keyUsage.usages.every((usage) => signing.includes(usage))) {
    refuse('x509-purpose', leaf, 'has key usages besides signing');
  }
}

function checkNoCa(leaf: X509): void {
  if (leaf.extensions.basicConstraints?.ca === true) refuse('x509-purpose', leaf, 'is a certification authority');
}

function refuse(code: CertCode, certificate: X509, why: string): never {
  throw new CertError(code, `X.509: ${nameText(certificate.subject)} ${why}`);
}
