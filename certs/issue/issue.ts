// Issues a certificate: draws it, signs it, and lets it leave only when our own verifier finds those very bytes consistent.

import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatTlogProof, type TlogProof } from '../../ledger/core/tlog-proof.ts';
import { formatRecord, type ShownRecord } from '../core/record.ts';
import type { Fonts } from '../render/fonts.ts';
import { renderCertificate } from '../render/render.ts';
import { type PdfSigner, signPdf } from './sign.ts';

/** Room for the signature with its timestamp and their certificates: about 4,000 bytes with our own authority, up to twice that with others. */
export const CONTENTS_BYTES = 12_288;

export interface IssueOptions {
  /** The whole record, or the part that is to be shown. */
  readonly record: ShownRecord;
  /** Against a published checkpoint, with the entry as its extra data. */
  readonly proof: TlogProof;
  /** Time of signing by the issuer's clock, YYYY-MM-DDTHH:MM:SSZ. */
  readonly signedAt: string;
  readonly fonts: Fonts;
  readonly signer: PdfSigner;
  /** Our own verifier with the public trust bundle. */
  readonly verify: (
    certificate: Uint8Array,
  ) => Promise<{ readonly outcome: string; readonly reason?: { readonly code: string } }>;
}

/**
 * Makes a certificate.
 * @returns the bytes that were verified
 * @throws CertError as renderCertificate; whatever the signer and the timestamp authority throw; Error, with the report as its
 *   cause, when the verifier does not find the certificate consistent: then nothing may leave
 */
export async function issueCertificate(options: IssueOptions): Promise<Uint8Array> {
  const { record, proof, signedAt, fonts, signer, verify } = options;
  const input = {
    record: formatRecord(record),
    proof: utf8Encode(formatTlogProof(proof)),
    signedAt,
    contentsBytes: CONTENTS_BYTES,
  };
  const certificate = await signPdf(await renderCertificate(input, fonts), signer);
  const report = await verify(certificate);
  if (report.outcome !== 'consistent') {
    const why = report.reason === undefined ? '' : `: ${report.reason.code}`;
    throw new Error(`our own verifier calls the new certificate ${report.outcome}${why}`, { cause: report });
  }
  return certificate;
}
