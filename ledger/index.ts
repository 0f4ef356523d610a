// The public surface of the ledger: its formats, proofs and checks. Everything here is pure; nothing else is importable.

export { formatBundle, parseBundle } from './core/bundle.ts';
export { equal, hexDecode, hexEncode } from './core/bytes.ts';
export { type Checkpoint, formatCheckpoint, openCheckpoint, parseCheckpoint } from './core/checkpoint.ts';
export {
  type Cosignature,
  checkSubtreeCosignature,
  cosign,
  cosignSubtree,
  openCosignatures,
  type SubtreeHead,
} from './core/cosignature.ts';
export type { Revoked } from './core/cosigned.ts';
export { type DepositEntry, type Entry, formatEntry, type PolicyEntry, parseEntry } from './core/entry.ts';
export type { PolicyEpoch } from './core/epoch.ts';
export { type LedgerCode, LedgerError } from './core/errors.ts';
export { checkForkReport, type Fork, type ProvenFork } from './core/fork-report.ts';
export { EMPTY_ROOT, type Hash, leafHash, nodeHash, treeRoot } from './core/hash.ts';
export { canonicalJson, type Json, parseCanonicalJson, parseJson } from './core/json.ts';
export {
  formatNote,
  formatSignatureLine,
  formatVkey,
  type KeyType,
  type Note,
  type NoteSignature,
  openNote,
  parseNote,
  parseSignatureLines,
  parseVkey,
  type VerifierKey,
  vkeyOf,
} from './core/note.ts';
export {
  checkOmissionReport,
  type Omission,
  type OmissionTrust,
  type ProvenOmission,
} from './core/omission-report.ts';
export {
  evaluatePolicy,
  type GroupState,
  liarsSurvived,
  type MemberTime,
  memberTimes,
  type Policy,
  type PolicyGroup,
  type PolicyParty,
  parsePolicy,
  type QuorumState,
} from './core/policy.ts';
export {
  checkConsistency,
  checkInclusion,
  checkSubtreeConsistency,
  checkSubtreeInclusion,
  isSubtree,
  type Subtree,
} from './core/proof.ts';
export { appendLeaf, type CompactRange, EMPTY_RANGE, rangeRoot } from './core/range.ts';
export { openReceipt, type Receipt } from './core/receipt.ts';
export { type Signer, signNote, verifySignature } from './core/signature.ts';
export { formatTilePath, newTiles, parseTilePath, type Tile, tilesForSize } from './core/tile.ts';
export { type FetchTile, TileReader, type TreeHead } from './core/tile-reader.ts';
export { formatTlogProof, parseTlogProof, type TlogProof } from './core/tlog-proof.ts';
