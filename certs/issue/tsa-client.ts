// Asks a timestamp authority over HTTP for a token (RFC 3161 section 2.4 and 3.4).
// Checks that the answer is to this question: status, imprint, nonce. Whether to believe the authority is the verifier's to say, and
// whoever asks has it said before the token is used.

import { equal } from '../../ledger/core/bytes.ts';
import type { Http } from '../../ledger/log/ports.ts';
import { Fields, parseDer, readCount } from '../core/der.ts';
import { encode, encodeInteger, encodeSequence, TAG } from '../core/der-write.ts';
import { CertError } from '../core/errors.ts';
import { OID } from '../core/oids.ts';
import { encodeImprint, parseTimestampToken } from '../core/timestamp.ts';

/** How long an authority may take. */
export const TIMESTAMP_TIMEOUT_MS = 10_000;
/** Longest answer in bytes; tokens with long RSA chains have about 8,000. */
export const TIMESTAMP_RESPONSE_BYTES_MAX = 64 * 1024;

/**
 * Gets a token.
 * @param url of the authority
 * @param sha256 the 32-byte digest to be timestamped
 * @param nonce random, 8 bytes or more; makes a replayed answer useless
 * @returns DER TimeStampToken
 * @throws CertError timestamp-malformed, timestamp-bad, der-malformed, cms-malformed; whatever `http` throws
 */
export async function requestToken(http: Http, url: string, sha256: Uint8Array, nonce: bigint): Promise<Uint8Array> {
  const response = await http({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/timestamp-query' },
    body: formatTimestampRequest(sha256, nonce),
    timeoutMs: TIMESTAMP_TIMEOUT_MS,
    responseBytesMax: TIMESTAMP_RESPONSE_BYTES_MAX,
  });
  if (response.status !== 200) refuse(`the authority answered with HTTP status ${response.status}`);
  return openTimestampResponse(response.body, sha256, nonce);
}

/** DER TimeStampReq for a SHA-256 imprint, with the certificates asked for. */
export function formatTimestampRequest(sha256: Uint8Array, nonce: bigint): Uint8Array {
  const imprint = encodeImprint({ algorithm: { oid: OID.sha256 }, digest: sha256 });
  return encodeSequence(encodeInteger(1), imprint, encodeInteger(nonce), encode(TAG.boolean, Uint8Array.of(0xff)));
}

/**
 * Takes the token out of an answer.
 * @param response DER TimeStampResp
 * @throws CertError timestamp-malformed (refused, or no token), timestamp-bad (a token for another question), der-malformed, cms-malformed
 */
export function openTimestampResponse(response: Uint8Array, sha256: Uint8Array, nonce: bigint): Uint8Array {
  const fields = new Fields(parseDer(response), 'TimeStampResp');
  const status = readCount(new Fields(fields.take(), 'PKIStatusInfo').take());
  const token = fields.takeIf(TAG.sequence);
  fields.end();
  // RFC 3161 2.4.2: the token is present when the status is granted (0) or grantedWithMods (1); we asked for nothing to modify.
  if (status !== 0 || token === undefined) refuse(`the authority refused, status ${status}`);
  const { info } = parseTimestampToken(token.bytes);
  if (info.imprint.algorithm.oid !== OID.sha256 || !equal(info.imprint.digest, sha256) || info.nonce !== nonce) {
    throw new CertError('timestamp-bad', 'timestamp: the token answers another question');
  }
  return token.bytes;
}

function refuse(why: string): never {
  throw new CertError('timestamp-malformed', `timestamp: ${why}`);
}
