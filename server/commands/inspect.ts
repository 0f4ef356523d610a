/**
 * `probata inspect`: says what is in any file of ours. Certificates, records and trust bundles here; the ledger's formats in ledger/tools.
 * It verifies nothing: that is what `probata-verify` and `probata fsck` are for.
 */
import { readFileSync, statSync } from 'node:fs';
import { CertError } from '../../certs/core/errors.ts';
import { readCertificatePdf } from '../../certs/core/pdf-read.ts';
import { files, header, parseRecord } from '../../certs/core/record.ts';
import type { X509 } from '../../certs/core/x509.ts';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import { inspectLedger } from '../../ledger/tools/inspect.ts';
import { VerifierError } from '../../verifier/core/errors.ts';
import { parseTrustBundle } from '../../verifier/core/trust.ts';
import { StartError } from '../start-error.ts';

/** Largest file read, in bytes: a certificate of ten thousand files is smaller. */
const FILE_BYTES_MAX = 134_217_728;

/**
 * What a file holds, in lines for a person.
 * @throws StartError `input-missing`, `input-malformed`
 */
export function inspect(path: string): string[] {
  return inspectBytes(readInput(path), path);
}

function readInput(path: string): Uint8Array {
  try {
    if (statSync(path).size > FILE_BYTES_MAX)
      throw new StartError('input-malformed', `${path} is larger than ${FILE_BYTES_MAX} bytes`);
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError('input-missing', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
  }
}

function inspectBytes(bytes: Uint8Array, path: string): string[] {
  const reasons: string[] = [];
  for (const read of [certificateLines, recordLines, trustLines]) {
    try {
      return read(bytes);
    } catch (error) {
      if (!(error instanceof CertError || error instanceof VerifierError)) throw error;
      reasons.push(error.message);
    }
  }
  const lines = inspectLedger(bytes);
  if (lines === undefined) throw new StartError('input-malformed', `${path} is no file of ours: ${reasons.join('; ')}`);
  return lines;
}

function certificateLines(bytes: Uint8Array): string[] {
  const pdf = readCertificatePdf(bytes);
  const { record, proof } = { record: pdf.attachments['record.json'], proof: pdf.attachments['deposit.tlog-proof'] };
  return [
    `certificate of ${bytes.length} bytes, claimed signing time ${pdf.signedAt} (not verified)`,
    ...indent(recordLines(record)),
    ...indent(inspectLedger(proof) ?? ['deposit.tlog-proof: unreadable']),
  ];
}

function recordLines(bytes: Uint8Array): string[] {
  const record = parseRecord(bytes);
  const { id, received, origin, policySha256, submitter, capture, members } = header(record);
  return [
    `record, ${record.shown.length} of ${record.parts} parts (not verified)`,
    `  id ${id}`,
    `  received ${received}`,
    `  submitter ${quoted(submitter.name)}`,
    `  capture ${quoted(capture.how)}`,
    `  origin ${origin}`,
    `  policy SHA-256 ${policySha256}`,
    ...members.map(({ member, name, nameEn }) => `  member ${member} ${quoted(name)} ${quoted(nameEn)}`),
    ...files(record).map(
      ({ index, name, size, sha256 }) => `  file ${index} ${quoted(name)} ${size} bytes sha256 ${sha256}`,
    ),
  ];
}

function trustLines(bytes: Uint8Array): string[] {
  const trust = parseTrustBundle(bytes);
  const root = ({ notBeforeMs, notAfterMs, serial }: X509): string =>
    `serial ${serial.toString(16)}, ${utc(notBeforeMs)} to ${utc(notAfterMs)}`;
  return [
    `trust bundle, holds from ${utc(trust.notBeforeMs)} to ${utc(trust.notAfterMs)}`,
    `  policy SHA-256 ${trust.policyDigest}`,
    ...trust.epochs.map(
      ({ number, above, upTo, digest }) =>
        `  epoch ${number}: sizes above ${above}${upTo === Number.POSITIVE_INFINITY ? '' : ` up to ${upTo}`}, statement ${digest}`,
    ),
    ...trust.revoked.map(({ key, at }) => `  revoked at ${at}: ${key}`),
    ...trust.members.map(({ member, kind, name, nameEn }) => `  ${kind} ${member} ${quoted(name)} ${quoted(nameEn)}`),
    ...trust.pdfRoots.map((certificate) => `  certificate root ${root(certificate)}`),
    ...trust.timestampRoots.map((certificate) => `  timestamp root ${root(certificate)}`),
    ...trust.receiptKeys.map((key) => `  receipt key ${formatVkey(key)}`),
    ...indent(inspectLedger(utf8Encode(trust.policy.text)) ?? []),
  ];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** As JSON: what strangers wrote cannot steer a terminal. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function utc(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
