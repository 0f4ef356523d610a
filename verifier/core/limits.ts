// Every number of the verifier, with its unit and where it comes from.

import { PDF_BYTES_MAX } from '../../certs/core/pdf-read.ts';

/** Longest certificate, in bytes, as the reader has it. A longer file need not even be read. */
export const CERTIFICATE_BYTES_MAX = PDF_BYTES_MAX;

/** Longest trust bundle, in bytes: 256 members with two keys each need 1 MB at most; an epoch of ten members takes about 60 kB. */
export const TRUST_BYTES_MAX = 8 * 1024 * 1024;

/** Most epochs that have ended, in a trust bundle: their changes are verified one by one, some milliseconds a cosignature. */
export const TRUST_EPOCHS_MAX = 64;

/** Most revocations in a statement. */
export const TRUST_REVOKED_MAX = 256;

/** Most roots of one kind in a trust bundle. */
export const TRUST_ROOTS_MAX = 64;

/** Most receipt keys in a trust bundle. */
export const TRUST_RECEIPT_KEYS_MAX = 64;

/** Longest name of a body in a trust bundle, in characters: as in the record. */
export const TRUST_NAME_CHARACTERS_MAX = 200;

/** Most evidence files compared in one run: as many as one record can hold. */
export const EVIDENCE_FILES_MAX = 10_000;
