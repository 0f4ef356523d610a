// The public surface of the verifier, `probata/verifier`: one function, its input and its report, and the words for it.
// Pure: no network, no disk, no clock. The renderer and the digests of the files at hand come in as arguments.

export type { Evidence } from './core/check-evidence.ts';
export type { PageSource, Rerender } from './core/check-pdf.ts';
export { type Code, VerifierError } from './core/errors.ts';
export { type Explanation, explain, type Section } from './core/explain.ts';
export type { Facts } from './core/facts.ts';
export type { Lang } from './core/messages.ts';
export {
  CHECK_IDS,
  type Check,
  type CheckId,
  type CheckStatus,
  type Outcome,
  type Reason,
  type Report,
  type Warning,
} from './core/report.ts';
export type { TrustMember } from './core/statement.ts';
export { parseTrustBundle, type Trust, type TrustBundle } from './core/trust.ts';
export { type VerifyInput, verify } from './core/verify.ts';
