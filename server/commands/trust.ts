/** Reads a trust bundle named on a command line. */
import { readFileSync } from 'node:fs';
import type { VerifierKey } from '../../ledger/core/note.ts';
import { VerifierError } from '../../verifier/core/errors.ts';
import { parseTrustBundle, type Trust } from '../../verifier/core/trust.ts';
import { StartError } from '../start-error.ts';

/** @throws StartError `input-missing`, `input-malformed` */
export function readTrust(path: string): Trust {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new StartError('input-missing', `the trust bundle ${path} cannot be read: ${why}; name it with --trust`, {
      cause,
    });
  }
  try {
    return parseTrustBundle(bytes);
  } catch (cause) {
    if (!(cause instanceof VerifierError)) throw cause;
    throw new StartError('input-malformed', `${path} is not a trust bundle: ${cause.message}`, { cause });
  }
}

/** Keys that the log of a bundle has and had, today's first. */
export function logKeysOf({ epochs }: Trust): VerifierKey[] {
  return epochs.toReversed().flatMap(({ policy }) => policy.logs.map(({ key }) => key));
}
