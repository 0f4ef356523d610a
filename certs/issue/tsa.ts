// A court's RFC 3161 timestamp authority: answers a request with a token, or with a refusal that says why.
// RFC 3161 section 2.4. SHA-256, SHA-384 and SHA-512 imprints; one policy; no extensions; the time with milliseconds.
// Not here: HTTP (the server's routes), the asking side (tsa-client.ts).

import { digestName } from '../core/algorithms.ts';
import { formatSignedData } from '../core/cms.ts';
import { type Der, Fields, parseDer, readBoolean, readInteger, readOid, TAG } from '../core/der.ts';
import { encode, encodeInteger, encodeSequence, encodeUtf8 } from '../core/der-write.ts';
import { CertError } from '../core/errors.ts';
import { OID } from '../core/oids.ts';
import { encodeTstInfo, readImprint, type TstInfo } from '../core/timestamp.ts';
import type { X509 } from '../core/x509.ts';
import { type SignBytes, signCms } from './sign-cms.ts';

/** Longest request in bytes. Real ones are 40 to 100. */
export const TIMESTAMP_REQUEST_BYTES_MAX = 4_096;
/** Longest nonce in bytes. Requesters use 8 to 20. */
export const NONCE_BYTES_MAX = 64;
/** What a court says of its clock. */
export const ACCURACY_SECONDS = 1;

const DIGEST_BYTES = { sha256: 32, sha384: 48, sha512: 64 } as const;

/** PKIFailureInfo (RFC 3161 2.4.2) by the number of the bit. */
const FAILURES = {
  badAlg: 0,
  badRequest: 2,
  badDataFormat: 5,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
} as const;
type Failure = keyof typeof FAILURES;

/** PKIStatus. */
const GRANTED = 0;
const REJECTION = 2;

export interface TsaOptions {
  readonly sign: SignBytes;
  /** The authority's certificate, then the intermediates upwards, without the root. */
  readonly path: readonly X509[];
  /** ms since epoch. */
  readonly clock: () => number;
  /** The next serial number: positive, larger than every one before, across restarts (RFC 3161 2.4.2: MUST be unique). */
  readonly serial: () => Promise<bigint>;
}

interface TimestampRequest {
  readonly imprint: TstInfo['imprint'];
  readonly nonce?: bigint;
  readonly certReq: boolean;
}

/** Why a request is refused. */
class Refusal extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export class Tsa {
  private readonly options: TsaOptions;

  constructor(options: TsaOptions) {
    this.options = options;
  }

  /**
   * Answers one request.
   * @param request DER TimeStampReq, untrusted
   * @returns DER TimeStampResp, for refusals too
   * @throws only when the key or the serial numbers fail
   */
  async respond(request: Uint8Array): Promise<Uint8Array> {
    let parsed: TimestampRequest;
    try {
      parsed = parseRequest(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return encodeSequence(encodeRejection(error));
    }
    return encodeSequence(encodeSequence(encodeInteger(GRANTED)), await this.token(parsed));
  }

  private async token({ imprint, nonce, certReq }: TimestampRequest): Promise<Uint8Array> {
    const { sign, path, clock, serial } = this.options;
    const info = encodeTstInfo({
      policy: OID.courtTimestampPolicy,
      imprint,
      serial: await serial(),
      timeMs: clock(),
      accuracySeconds: ACCURACY_SECONDS,
      ...(nonce !== undefined && { nonce }),
    });
    const signed = await signCms({ contentType: OID.tstInfo, content: [info], path, sign });
    // RFC 3161 2.4.1: if certReq is absent or false, the certificates field MUST NOT be present.
    return formatSignedData({ ...signed, content: info, certificates: certReq ? signed.certificates : [] });
  }
}

function parseRequest(bytes: Uint8Array): TimestampRequest {
  if (bytes.length > TIMESTAMP_REQUEST_BYTES_MAX) throw new Refusal('badDataFormat', 'the request is too long');
  try {
    return readRequest(parseDer(bytes));
  } catch (error) {
    if (!(error instanceof CertError)) throw error;
    throw new Refusal('badDataFormat', error.message);
  }
}

function readRequest(der: Der): TimestampRequest {
  const fields = new Fields(der, 'TimeStampReq');
  if (readInteger(fields.take()) !== 1n) throw new Refusal('badRequest', 'not version 1');
  const imprint = readImprint(fields.take());
  const policy = fields.takeIf(TAG.oid);
  const nonce = fields.takeIf(TAG.integer);
  const certReq = fields.takeIf(TAG.boolean);
  const extensions = fields.takeIf(0xa0);
  fields.end();
  const hash = digestName(imprint.algorithm);
  if (hash === undefined) throw new Refusal('badAlg', 'only SHA-256, SHA-384 and SHA-512 are accepted');
  // RFC 3161 2.4.1: the length of the hash value MUST match the length of the hash value for that algorithm.
  if (imprint.digest.length !== DIGEST_BYTES[hash]) throw new Refusal('badDataFormat', 'an imprint of wrong length');
  if (policy !== undefined && readOid(policy) !== OID.courtTimestampPolicy) {
    throw new Refusal('unacceptedPolicy', 'this authority has one policy only');
  }
  if (extensions !== undefined) throw new Refusal('unacceptedExtension', 'extensions are not accepted');
  if (nonce !== undefined && nonce.content.length > NONCE_BYTES_MAX)
    throw new Refusal('badRequest', 'a nonce too long');
  if (certReq !== undefined && !readBoolean(certReq))
    throw new Refusal('badDataFormat', 'a default value is written out');
  return { imprint, certReq: certReq !== undefined, ...(nonce !== undefined && { nonce: readInteger(nonce) }) };
}

/** PKIStatusInfo with one text and one failure bit. */
function encodeRejection({ failure, message }: Refusal): Uint8Array {
  const bit = FAILURES[failure];
  const bits = new Uint8Array(Math.floor(bit / 8) + 1);
  bits[bits.length - 1] = 0x80 >> (bit % 8);
  const failInfo = encode(TAG.bitString, Uint8Array.of(7 - (bit % 8)), bits);
  return encodeSequence(encodeInteger(REJECTION), encodeSequence(encodeUtf8(message)), failInfo);
}
