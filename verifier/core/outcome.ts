// The one table that says what each finding means for the verdict.
// `failed`: the bytes contradict each other or the evidence; somebody altered something, or the issuer broke its own rules. Verdict: inconsistent.
// `unknown`: nothing is contradicted, but the check could not be made: newer format, another consortium, too few
// cosigners under the verifier's own policy, a clock that cannot be right. Verdict: cannot be verified.

import type { CertCode } from '../../certs/core/errors.ts';
import type { LedgerCode } from '../../ledger/core/errors.ts';
import type { VerifierCode } from './errors.ts';
import type { Check, Reason, Report } from './report.ts';

/** A finding: any code but the reasons for which a check was not made at all. */
export type FindingCode = LedgerCode | CertCode | VerifierCode;

const STATUS: Readonly<Record<FindingCode, 'failed' | 'unknown'>> = {
  // What the verifier believes is its own business, and cannot speak against a certificate.
  'trust-malformed': 'unknown',

  // No certificate of ours at all: nothing there that could be consistent or not. A certificate of ours whose bytes
  // were changed is `pdf-malformed` or `pdf-not-ours`.
  'not-a-certificate': 'unknown',
  'pdf-encrypted': 'unknown',
  'pdf-too-large': 'unknown',
  'pdf-malformed': 'failed',
  'pdf-not-ours': 'failed',

  // The signature over the PDF.
  'der-malformed': 'failed',
  'cms-malformed': 'failed',
  'cms-bad-signature': 'failed',
  'x509-malformed': 'failed',
  'x509-expired': 'failed',
  'x509-purpose': 'failed',
  // Leads to no root of the trust bundle: another consortium. That no byte of the certificates was changed is the
  // signature's business: its signed attributes name all of them.
  'x509-untrusted': 'unknown',

  // Signed when the key was believed and is not any more: nobody need have altered anything.
  'certificate-revoked': 'unknown',

  // Record, entry and proof: they lie under the PDF signature, so malformed means altered.
  'record-malformed': 'failed',
  'record-newer-format': 'unknown',
  'json-malformed': 'failed',
  'tlog-proof-malformed': 'failed',
  'note-malformed': 'failed',
  'checkpoint-malformed': 'failed',
  'entry-absent': 'unknown',
  'entry-malformed': 'failed',
  'entry-newer-format': 'unknown',
  'commitment-mismatch': 'failed',
  'id-differs': 'failed',
  'received-differs': 'failed',
  'proof-malformed': 'failed',
  'proof-bad': 'failed',

  // Checkpoint and cosignatures. Without any signature by a key of the policy it is another consortium's ledger.
  'origin-differs': 'failed',
  'origin-unknown': 'unknown',
  'note-not-signed': 'unknown',
  'signature-bad': 'failed',
  'cosignature-malformed': 'failed',
  'quorum-short': 'unknown',

  // Times. The signatures over them hold, so a time that cannot be is a question about a clock.
  'timestamp-malformed': 'failed',
  'timestamp-bad': 'failed',
  'time-in-future': 'unknown',
  'time-outside-trust': 'unknown',

  // The files at hand.
  'file-not-in-record': 'failed',
  'file-digests-disagree': 'failed',
  // The record shows fewer files than the deposit has, and it may be one of the others.
  'file-not-shown': 'unknown',

  // The visible pages.
  'pages-differ': 'failed',
  'text-unrenderable': 'failed',
  'renderer-unknown': 'unknown',
  'renderer-absent': 'unknown',

  // Formats that no certificate holds; listed because the ledger's parsers share one union of codes.
  'vkey-malformed': 'unknown',
  'policy-malformed': 'unknown',
  'tile-path-malformed': 'unknown',
  'tile-malformed': 'unknown',
  'bundle-malformed': 'unknown',
  'request-malformed': 'unknown',
  'receipt-malformed': 'unknown',
  'report-malformed': 'unknown',
  'upload-malformed': 'unknown',
  'package-malformed': 'unknown',
  'mirror-info-malformed': 'unknown',
  'tile-bad': 'unknown',
  'root-mismatch': 'unknown',
  'report-unproven': 'unknown',

  // A fault of this program is never held against a certificate, and never counts for it.
  internal: 'unknown',
};

/** What a finding makes of the check that made it. */
export function statusOf(code: FindingCode): 'failed' | 'unknown' {
  return STATUS[code];
}

/**
 * The verdict: contradicted evidence outweighs open questions, and only a full set of passed checks is consistent.
 * @param checks every check once, in order
 * @param certificateOnly no file was to be compared, so that check is not required
 */
export function verdictOf(checks: readonly Check[], certificateOnly: boolean): Pick<Report, 'outcome' | 'reason'> {
  const missing = checks.filter(
    ({ status, code }) => status !== 'passed' && !(certificateOnly && code === 'not-asked'),
  );
  const failed = missing.find(({ status }) => status === 'failed');
  // Without a contradiction the first question left open is the reason, before the checks that it kept from being made.
  const open = missing.find(({ status }) => status === 'unknown') ?? missing[0];
  if (failed !== undefined) return { outcome: 'inconsistent', reason: reasonOf(failed) };
  if (open !== undefined) return { outcome: 'unverifiable', reason: reasonOf(open) };
  return { outcome: 'consistent' };
}

function reasonOf({ id, code }: Check): Reason {
  if (code === undefined) throw new Error('invariant: a check that did not pass has a code');
  return { check: id, code };
}
