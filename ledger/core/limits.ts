// Every number of every ledger format, with its unit and its source. limits.test.ts asserts how they relate.

/** SHA-256 output, bytes. RFC 6962 section 2.1. */
export const HASH_BYTES = 32;

/** Hashes in a full tile, entries in a full bundle. tlog-tiles, "Merkle Tree". */
export const TILE_WIDTH = 256;

/** Bytes in a full tile. tlog-tiles, "Merkle Tree". */
export const TILE_BYTES = 8192;

/** Highest tile level a path may name. tlog-tiles, "Merkle Tree". */
export const TILE_LEVEL_MAX = 63;

/** Bytes in one entry: bundles prefix each with a uint16. tlog-tiles, "Log entries". */
export const ENTRY_BYTES_MAX = 65_535;

/** Hashes in one proof. tlog-witness, "add-checkpoint". */
export const PROOF_HASHES_MAX = 63;

/** Signature lines in one note. signed-note asks for at least 16; the Go checksum database uses 100. */
export const NOTE_SIGNATURES_MAX = 100;

/** Bytes in one note: 100 ML-DSA-44 lines (about 3.3 kB each) fit. Own choice. */
export const NOTE_BYTES_MAX = 1_000_000;

/** Ed25519 public key, bytes. RFC 8032 section 5.1.5. */
export const ED25519_KEY_BYTES = 32;

/** Ed25519 signature, bytes. RFC 8032 section 5.1.6. */
export const ED25519_SIGNATURE_BYTES = 64;

/** ML-DSA-44 public key, bytes. FIPS 204 table 2. */
export const ML_DSA_44_KEY_BYTES = 1312;

/** ML-DSA-44 signature, bytes. FIPS 204 table 2. */
export const ML_DSA_44_SIGNATURE_BYTES = 2420;

/** Key name and origin in an ML-DSA-44 signed message, bytes. tlog-cosignature, `opaque <1..2^8-1>`. */
export const COSIGNED_NAME_BYTES_MAX = 255;

/** Largest index or tree size handled: every one is an exact JavaScript number. Own choice. */
export const INDEX_MAX = Number.MAX_SAFE_INTEGER;

/** Largest cosignature time, seconds since the epoch. tlog-cosignature, "Format". */
export const COSIGNATURE_TIME_MAX = 2n ** 63n - 1n;

/** Logs in one policy. tlog-policy asks for at least 32. */
export const POLICY_LOGS_MAX = 256;

/** Witnesses in one policy. tlog-policy asks for at least 32. */
export const POLICY_WITNESSES_MAX = 256;

/** Groups in one policy. tlog-policy asks for at least 32. */
export const POLICY_GROUPS_MAX = 256;

/** UTF-16 units in one policy text: 512 vkeys of about 1.8 kB and as much again of names and comments. Own choice. */
export const POLICY_LENGTH_MAX = 2_000_000;

/** UTF-16 units in one JSON text. Own choice: a record of 10,000 files takes about a tenth. */
export const JSON_LENGTH_MAX = 33_554_432;

/** Arrays and objects inside each other in one JSON text. Own choice, far from the stack's end. */
export const JSON_DEPTH_MAX = 64;

/** Bytes of the opaque `extra` line of a tlog-proof, decoded. Own choice. */
export const TLOG_PROOF_EXTRA_BYTES_MAX = 65_535;

/** Leaf hashes in one omission report: with 43 characters each, and everything else, the report is one JSON text. Own choice. */
export const OMISSION_LEAVES_MAX = 524_288;

/** How far two honest clocks may be apart, in milliseconds: a court's ahead of the verifier's, one claimant's from another's. Own choice. */
export const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;

/** Entries in one package of a mirror upload. tlog-mirror, "add-entries". */
export const MIRROR_PACKAGE_ENTRIES = 256;

/** Packages in one mirror upload request. tlog-mirror, "Implementation Considerations". */
export const MIRROR_PACKAGES_MAX = 32;
