/**
 * A submission: what a party asks to deposit, complete and checked, before it has an id.
 * `buildDeposit` makes its record, exact bytes from there on, and the commitment that stands for it on the ledger.
 */
import { randomBytes } from 'node:crypto';
import type { Declared, RecordHeader } from '../../certs/core/record.ts';
import { buildRecord } from '../../certs/issue/record-builder.ts';
import { hexEncode, utf8Encode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { canonicalJson, type Json } from '../../ledger/core/json.ts';
import type { Party } from '../auth.ts';
import type { DepositMode } from './deposit-store.ts';

/** One file as it will stand in the record. Digests are lower-case hex. */
export interface SubmittedFile {
  readonly name: string;
  readonly size: number;
  readonly mediaType: string;
  readonly sha256: string;
  readonly sm3?: string;
}

export interface Submission {
  readonly party: Party;
  readonly mode: DepositMode;
  readonly how: 'upload' | 'digest';
  /** How the bytes or digests travelled to us, `HTTP/1.1 TLSv1.3`. */
  readonly transport: string;
  readonly declared: Declared;
  readonly files: readonly SubmittedFile[];
  /** The blob that holds the files' bytes, one after the other. */
  readonly blob?: string;
  /** Idempotency-Key as sent. */
  readonly idempotencyKey?: string;
}

/** What every record of this platform says: from the configuration, the policy and the build. */
export type PlatformFacts = Pick<RecordHeader, 'platform' | 'members' | 'origin' | 'policySha256'> & {
  readonly build: string;
};

/** Two submissions with the same digest ask for the same deposit. Hex. */
export function contentSha256(submission: Submission): string {
  const { how, declared, files } = submission;
  return hexEncode(sha256(utf8Encode(canonicalJson({ how, declared, files } as unknown as Json))));
}

/**
 * Builds the record.
 * @param id UUIDv7
 * @param received ISO time with milliseconds, the one in the id
 * @returns the record's canonical bytes and its commitment in lower-case hex
 * @throws CertError record-malformed when a text is not what a record may hold
 */
export function buildDeposit(
  submission: Submission,
  id: string,
  received: string,
  facts: PlatformFacts,
): { record: Uint8Array; commitment: string } {
  const { build, ...platformFacts } = facts;
  const { bytes, commitment } = buildRecord({
    ...platformFacts,
    id,
    received,
    submitter: {
      name: submission.party.name,
      identified: submission.party.identified,
      relation: submission.party.relation,
    },
    capture: { how: submission.how, transport: submission.transport, build },
    declared: submission.declared,
    files: submission.files,
    salts: (count) => Array.from({ length: count }, () => new Uint8Array(randomBytes(32))),
  });
  return { record: bytes, commitment: hexEncode(commitment) };
}
