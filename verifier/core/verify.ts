// The verifier: one certificate, a trust bundle, the files at hand, and what follows. Reads as the order of the checks.
// DESIGN.md, "The verifier". No network, no clock, no disk: bytes and the time come in as arguments.
// Never throws on input. Every check stands in the report; a check that was not made is never counted as passed.

import type { CertificatePdf } from '../../certs/core/pdf-read.ts';
import { header, parseRecord, type ShownRecord } from '../../certs/core/record.ts';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { checkEvidence, compareFiles, type Evidence } from './check-evidence.ts';
import {
  checkCheckpoint,
  checkCosignatures,
  checkEntry,
  checkEntryInclusion,
  checkQuorum,
  checkRecordCommitment,
  readProof,
} from './check-ledger.ts';
import { checkChain, checkPages, checkSignature, checkStructure, checkToken, type Rerender } from './check-pdf.ts';
import { checkTimes } from './check-times.ts';
import { CheckList, type Passed } from './checks.ts';
import { factsOf, type Shown, warningsOf } from './facts.ts';
import { verdictOf } from './outcome.ts';
import { CHECK_IDS, type Report } from './report.ts';
import { parseTrustBundle, type Trust, trustAt } from './trust.ts';

export interface VerifyInput {
  /** The PDF, as found. */
  readonly certificate: Uint8Array;
  /** The trust bundle, as found. */
  readonly trust: Uint8Array;
  /** The files at hand, already hashed; at most EVIDENCE_FILES_MAX. */
  readonly evidence: readonly Evidence[];
  /** No file is to be compared: the certificate alone decides. */
  readonly certificateOnly: boolean;
  /** The verifier's clock, ms since epoch. */
  readonly nowMs: number;
  /** Draws the pages again. Without it a certificate cannot be found consistent. */
  readonly rerender?: Rerender;
  /** The renderer that `rerender` is; that another one drew the pages is not held against the certificate. */
  readonly rendererId?: string;
  /** SHA-256 over the program's own files, lower-case hex; only printed. */
  readonly toolDigest?: string;
}

/** The bundle read last: who verifies many certificates under one bundle does not verify its epochs again each time. */
let lastRead: { readonly digest: string; readonly trust: Trust } | undefined;

function readBundle(bytes: Uint8Array, digest: string): Passed<Trust> {
  if (lastRead?.digest !== digest) lastRead = { digest, trust: parseTrustBundle(bytes) };
  return { value: lastRead.trust };
}

/**
 * Verifies a certificate.
 * @returns the report; its outcome is `consistent` only when every required check has passed
 */
export async function verify(input: VerifyInput): Promise<Report> {
  const checks = new CheckList();
  const trustDigest = hexEncode(sha256(input.trust));
  let found: Findings = { warnings: [], facts: undefined };
  try {
    found = await makeChecks(input, trustDigest, checks);
  } catch (error) {
    checks.broke(error);
  }
  const list = checks.list();
  return {
    ...verdictOf(list, input.certificateOnly),
    checks: list,
    ...found,
    checkedAt: new Date(input.nowMs).toISOString(),
    trustDigest,
    toolDigest: input.toolDigest ?? '',
    network: 'none',
  };
}

type Findings = Pick<Report, 'warnings' | 'facts'>;

/** All checks in their order. @returns facts and warnings, once all but the comparison of files have passed */
async function makeChecks(input: VerifyInput, trustDigest: string, checks: CheckList): Promise<Findings> {
  const { certificate, nowMs } = input;
  const bundle = await checks.run('trust', [], () => readBundle(input.trust, trustDigest));

  const pdf = await checks.run('pdf-structure', [], () => checkStructure(certificate));
  const proof = await checks.run('proof', [pdf], ({ attachments }) => readProof(attachments['deposit.tlog-proof']));
  // The size is only a claim as yet: it chooses by whose keys and quorum the certificate must then hold.
  const trust = bundle && proof ? trustAt(bundle, proof.checkpoint.size) : bundle;

  const signature = await checks.run('pdf-signature', [pdf], checkSignature);
  const signerPath = await checks.run('pdf-chain', [signature, trust], checkChain);

  const record = await checks.run('record', [pdf], readRecord);
  const committed = await checks.run('commitment', [record, proof], checkRecordCommitment);
  await checks.run('entry', [record, proof], checkEntry);
  await checks.run('inclusion', [proof], checkEntryInclusion);

  await checks.run('checkpoint', [record, proof, trust], checkCheckpoint);
  const cosigned = await checks.run('cosignatures', [proof, trust], checkCosignatures);
  const quorum = await checks.run('quorum', [cosigned, trust], checkQuorum);

  const timestamp = await checks.run('timestamp', [signature, trust], checkToken);
  const times = await checks.run('times', [cosigned, timestamp, trust, quorum], (...args) =>
    checkTimes(args[0], args[1], args[2], nowMs),
  );

  await compareEvidence(input, checks, record, committed);
  // Drawing is by far the most work: it is done only for what a platform that the bundle knows has signed.
  // Without a quorum too: what that platform altered is altered, whoever else vouches.
  await checks.run('pages', [pdf, record, committed, signerPath], (...args) =>
    checkPages(certificate, args[0], args[1], input.rerender, input.rendererId),
  );

  const sound = checks.passed(...CHECK_IDS.filter((id) => id !== 'evidence'));
  if (!(sound && trust && pdf && record && proof && signerPath && cosigned && timestamp && times)) {
    return { warnings: [], facts: undefined };
  }
  const shown: Shown = {
    ...{ trust, record, proof, signerPath, cosigned, times, timestamp },
    signedAt: pdf.signedAt,
    given: compareFiles(input.evidence, record),
  };
  return { warnings: warningsOf(shown), facts: factsOf(shown) };
}

function readRecord({ attachments }: CertificatePdf): Passed<ShownRecord> {
  const value = parseRecord(attachments['record.json']);
  return { value, detail: { files: header(value).files, shown: value.shown.length - 1 } };
}

/** @param committed whether the record is the one on the ledger: other records are not worth comparing with */
async function compareEvidence(
  { evidence, certificateOnly }: VerifyInput,
  checks: CheckList,
  record: ShownRecord | undefined,
  committed: true | undefined,
): Promise<void> {
  if (evidence.length === 0) checks.skip('evidence', certificateOnly ? 'not-asked' : 'no-file');
  else await checks.run('evidence', [record, committed], (...args) => checkEvidence(evidence, args[0]));
}
