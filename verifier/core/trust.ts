// The trust bundle: what the verifier believes, and nothing else is believed.
// DESIGN.md, "The outside interface": the statement now in force, the dates between which all of it holds, and the earlier epochs, each
// with the proof of the change that ended it. A bundle is written by machine: what is not known is refused.
// Not here: how a bundle reaches the judge. Whoever hands over another bundle hands over another belief.

import { CertError } from '../../certs/core/errors.ts';
import { utf8Decode } from '../../ledger/core/bytes.ts';
import { epochAt, revokedIn } from '../../ledger/core/epoch.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { parseJson } from '../../ledger/core/json.ts';
import { type EarlierEpoch, type Epoch, readEpochs } from './epochs.ts';
import { type Fields, list, object, refuse, time } from './fields.ts';
import { TRUST_BYTES_MAX, TRUST_EPOCHS_MAX } from './limits.ts';
import { STATEMENT_KEYS, STATEMENT_OPTIONAL, type StatementJson } from './statement.ts';

/** The JSON of a trust bundle: the fields of the newest statement, and more. */
export interface TrustBundle extends StatementJson {
  /** ISO 8601 UTC; times outside are not vouched for. */
  notBefore: string;
  notAfter: string;
  /** Oldest first; none when absent. */
  epochs?: EarlierEpoch[];
}

/** What is believed of one checkpoint; as read from a bundle, of one of the newest epoch. */
export interface Trust extends Epoch {
  /** Inclusive, ms since epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** All epochs of the bundle, oldest first. */
  readonly epochs: readonly Epoch[];
}

/**
 * Reads a trust bundle.
 * @param bytes UTF-8 JSON
 * @throws VerifierError trust-malformed
 */
export function parseTrustBundle(bytes: Uint8Array): Trust {
  if (bytes.length > TRUST_BYTES_MAX) refuse(`longer than ${TRUST_BYTES_MAX} bytes`);
  const text = utf8Decode(bytes) ?? refuse('not UTF-8');
  try {
    const keys = [...STATEMENT_KEYS, 'notBefore', 'notAfter'];
    return readBundle(object(parseJson(text), 'the bundle', keys, [...STATEMENT_OPTIONAL, 'epochs']));
  } catch (cause) {
    if (cause instanceof LedgerError || cause instanceof CertError) refuse(cause.message, { cause });
    throw cause;
  }
}

function readBundle(fields: Fields): Trust {
  const earlier = fields['epochs'] === undefined ? [] : list(fields, 'epochs', 0, TRUST_EPOCHS_MAX);
  const epochs = readEpochs(earlier, fields);
  const [notBeforeMs, notAfterMs] = [time(fields, 'notBefore'), time(fields, 'notAfter')];
  if (notBeforeMs >= notAfterMs) refuse('"notAfter" is not after "notBefore"');
  return { ...newest(epochs), notBeforeMs, notAfterMs, epochs };
}

function newest(epochs: readonly Epoch[]): Epoch {
  const last = epochs.at(-1);
  if (last === undefined) throw new Error('invariant: a bundle has an epoch');
  return last;
}

/**
 * What is believed of a checkpoint: the statement of the epoch that its size falls into, and what has been revoked since.
 * A certificate is signed and stamped at or after the time of its checkpoint, so the roots of the epoch and of all later ones hold.
 * @param size entries below the checkpoint
 */
export function trustAt(trust: Trust, size: number): Trust {
  const { epochs } = trust;
  const epoch = epochAt(epochs, size);
  const since = epochs.slice(epoch.number - 1);
  return {
    ...trust,
    ...epoch,
    pdfRoots: since.flatMap(({ pdfRoots }) => pdfRoots),
    timestampRoots: since.flatMap(({ timestampRoots }) => timestampRoots),
    revoked: revokedIn(epochs),
  };
}
