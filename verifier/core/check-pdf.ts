// The PDF's side of a certificate: structure, signature, chain, and the visible pages drawn again.
// The reader is certs/core/pdf-read.ts, the renderer comes in as a function: this folder draws nothing itself.
// Every function is one check: it returns what later checks need, or throws what it found.

import {
  checkDocumentSignature,
  checkSignatureTimestamp,
  checkSigner,
  type DocumentSignature,
} from '../../certs/core/document-signature.ts';
import { CertError } from '../../certs/core/errors.ts';
import { type CertificatePdf, readCertificatePdf } from '../../certs/core/pdf-read.ts';
import { header, type ShownRecord } from '../../certs/core/record.ts';
import { parseTimestampToken, type VerifiedTimestamp } from '../../certs/core/timestamp.ts';
import { nameText, type X509 } from '../../certs/core/x509.ts';
import { equal, utf8Encode } from '../../ledger/core/bytes.ts';
import type { Passed } from './checks.ts';
import { VerifierError } from './errors.ts';
import { certificateRevokedMs } from './revocation.ts';
import type { Trust } from './trust.ts';

/** What a renderer draws a certificate from. */
export interface PageSource {
  readonly record: Uint8Array;
  readonly proof: Uint8Array;
  /** YYYY-MM-DDTHH:MM:SSZ */
  readonly signedAt: string;
  readonly contentsBytes: number;
  /** Which one drew it. */
  readonly renderer: string;
}

/** Draws the unsigned bytes; throws CertError renderer-unknown when it is not the renderer that drew it. */
export type Rerender = (source: PageSource) => Promise<Uint8Array>;

// Uncompressed text that every certificate holds: the proof's file name, its first line, a key of the record.
const MARKS = ['deposit.tlog-proof', 'c2sp.org/tlog-proof@v1', '"policySha256"'].map(utf8Encode);

/** One revision, only known objects, nothing hidden. */
export function checkStructure(certificate: Uint8Array): Passed<CertificatePdf> {
  try {
    return { value: readCertificatePdf(certificate), detail: { bytes: certificate.length } };
  } catch (error) {
    // A file that never was a certificate says nothing about any deposit; a certificate with changed bytes does.
    const refused = error instanceof CertError && (error.code === 'pdf-malformed' || error.code === 'pdf-not-ours');
    if (!refused || MARKS.some((mark) => holds(certificate, mark))) throw error;
    throw new VerifierError('not-a-certificate', error.message);
  }
}

function holds(bytes: Uint8Array, mark: Uint8Array): boolean {
  const first = mark[0] as number;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (equal(bytes.subarray(at, at + mark.length), mark)) return true;
  }
  return false;
}

/** The signature is over exactly these bytes, and verifies. */
export function checkSignature(pdf: CertificatePdf): Passed<DocumentSignature> {
  const value = checkDocumentSignature(pdf);
  return { value, detail: { signer: nameText(value.signer.subject) } };
}

/** A pinned root vouches for the signer, at the time its timestamp gives; that the timestamp holds is a check of its own. */
export function checkChain(signature: DocumentSignature, trust: Trust): Passed<readonly X509[]> {
  const { timeMs } = parseTimestampToken(signature.timestampToken).info;
  const path = checkSigner(signature, unrevokedFirst(trust.pdfRoots, timeMs, trust), timeMs);
  checkRevocation(path, timeMs, trust);
  return { value: path, detail: { path: path.map(({ subject }) => nameText(subject)) } };
}

/** A root that was renewed with its key is pinned beside the old one: the one that still holds is tried first. */
function unrevokedFirst(roots: readonly X509[], timeMs: number, { revoked }: Trust): X509[] {
  const isRevoked = (root: X509): boolean =>
    timeMs >= (certificateRevokedMs(revoked, root) ?? Number.POSITIVE_INFINITY);
  return [...roots.filter((root) => !isRevoked(root)), ...roots.filter(isRevoked)];
}

/**
 * None of the certificates had been revoked. A thief of an authority's key can put an earlier time on a token; what that gains is another
 * PDF around a proof that holds anyhow, and "not later than" rests on the courts.
 */
function checkRevocation(path: readonly X509[], timeMs: number, { revoked }: Trust): void {
  for (const certificate of path) {
    const revokedMs = certificateRevokedMs(revoked, certificate);
    if (revokedMs === undefined || timeMs < revokedMs) continue;
    const detail = { certificate: nameText(certificate.subject), revoked: new Date(revokedMs).toISOString() };
    throw new VerifierError('certificate-revoked', `${detail.certificate} was revoked at ${detail.revoked}`, detail);
  }
}

/** An authority under a pinned timestamp root has put its time on this signature. */
export function checkToken(
  signature: Pick<DocumentSignature, 'signature' | 'timestampToken'>,
  trust: Trust,
): Passed<VerifiedTimestamp> {
  const { timeMs } = parseTimestampToken(signature.timestampToken).info;
  const value = checkSignatureTimestamp(signature, unrevokedFirst(trust.timestampRoots, timeMs, trust));
  checkRevocation(value.path, value.timeMs, trust);
  return {
    value,
    detail: { time: new Date(value.timeMs).toISOString(), authority: nameText(value.authority.subject) },
  };
}

/**
 * The visible pages are what the renderer draws from the record and the proof, byte for byte outside the signature.
 * @param rendererId the renderer at hand; '' when it is not told apart
 */
export async function checkPages(
  certificate: Uint8Array,
  pdf: CertificatePdf,
  record: ShownRecord,
  rerender: Rerender | undefined,
  rendererId: string | undefined,
): Promise<Passed<true>> {
  if (rerender === undefined) throw new VerifierError('renderer-absent', 'no renderer was given');
  // A certificate that does not say was drawn by the renderer of its record's time.
  const { renderer = header(record).renderer, attachments, signedAt, contentsBytes, signatureByteRange } = pdf;
  if (rendererId !== undefined && renderer !== rendererId) {
    throw new CertError('renderer-unknown', `it was drawn by renderer ${renderer}, here is ${rendererId}`);
  }
  const { 'record.json': recordBytes, 'deposit.tlog-proof': proofBytes } = attachments;
  const drawn = await rerender({ record: recordBytes, proof: proofBytes, signedAt, contentsBytes, renderer });
  const [, start, end] = signatureByteRange;
  const same =
    drawn.length === certificate.length &&
    equal(drawn.subarray(0, start), certificate.subarray(0, start)) &&
    equal(drawn.subarray(end), certificate.subarray(end));
  if (!same) throw new VerifierError('pages-differ', 'drawing the record again gives other bytes');
  return { value: true, detail: { renderer } };
}
