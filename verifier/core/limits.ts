// Every number of the verifier, with its unit and where it comes from.

/** Longest certificate, in bytes: 10,000 files with long names stay far below it. A longer file is refused unread. */
export const CERTIFICATE_BYTES_MAX = 64 * 1024 * 1024;

/** Longest trust bundle, in bytes: 256 members with two keys each need 1 MB at most. */
export const TRUST_BYTES_MAX = 2 * 1024 * 1024;

/** Most roots of one kind in a trust bundle. */
export const TRUST_ROOTS_MAX = 64;

/** Most receipt keys in a trust bundle. */
export const TRUST_RECEIPT_KEYS_MAX = 64;

/** Longest name of a body in a trust bundle, in characters: as in the record. */
export const TRUST_NAME_CHARACTERS_MAX = 200;

/** Most evidence files compared in one run: as many as one record can hold. */
export const EVIDENCE_FILES_MAX = 10_000;

/** How far a court's clock may be ahead of the verifier's, and two claimants' clocks apart, in milliseconds. */
export const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;
