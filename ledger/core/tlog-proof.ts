// Portable proofs of inclusion, `.tlog-proof` files. c2sp.org/tlog-proof.
// Reading one verifies nothing: the caller checks the checkpoint's signatures, the policy, and the inclusion.

import { base64Decode, base64Encode, decimal } from './bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { LedgerError } from './errors.ts';
import type { Hash } from './hash.ts';
import { HASH_BYTES, NOTE_BYTES_MAX, PROOF_HASHES_MAX, TLOG_PROOF_EXTRA_BYTES_MAX } from './limits.ts';
import { parseNote } from './note.ts';

/**
 * What a `.tlog-proof` says. `extra` is opaque and not authenticated; `proof` runs from the leaf's sibling to the root's child;
 * `checkpoint` is the whole signed note, verbatim.
 */
export interface TlogProof {
  readonly extra?: Uint8Array;
  readonly index: number;
  readonly proof: readonly Hash[];
  readonly checkpoint: string;
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** UTF-16 units that anything within the limits needs: 128 covers the fixed words, the index and the newlines. */
const LENGTH_MAX = NOTE_BYTES_MAX + TLOG_PROOF_EXTRA_BYTES_MAX * 2 + PROOF_HASHES_MAX * 45 + 128;

/** The text of a proof. */
export function formatTlogProof(proof: TlogProof): string {
  const extra = proof.extra === undefined ? [] : [`extra ${base64Encode(proof.extra)}`];
  const head = [FIRST_LINE, ...extra, `index ${proof.index}`, ...proof.proof.map(base64Encode)];
  return `${head.join('\n')}\n\n${proof.checkpoint}`;
}

/**
 * Reads the text of a proof, down to the form of its checkpoint.
 * @throws LedgerError tlog-proof-malformed
 */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > LENGTH_MAX) throw malformed(`longer than ${LENGTH_MAX} characters`);
  const separator = text.indexOf('\n\n');
  if (separator < 0) throw malformed('no empty line');
  const checkpoint = text.slice(separator + 2);
  try {
    parseCheckpoint(parseNote(checkpoint).text);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw malformed(`its checkpoint: ${error.message}`, error);
  }
  const proof: TlogProof = { ...parseHead(text.slice(0, separator).split('\n')), checkpoint };
  if (formatTlogProof(proof) !== text) throw malformed('not in canonical form');
  return proof;
}

function parseHead(head: readonly string[]): Omit<TlogProof, 'checkpoint'> {
  // SPEC tlog-proof: "The first line MUST be the string `c2sp.org/tlog-proof@v1`."
  if (head[0] !== FIRST_LINE) throw malformed(`the first line is not ${FIRST_LINE}`);
  const hasExtra = head[1]?.startsWith('extra ') === true;
  const extra = hasExtra ? parseExtra(head[1] ?? '') : undefined;
  const [indexLine = '', ...hashLines] = head.slice(hasExtra ? 2 : 1);
  // SPEC tlog-proof: "The next line MUST start with the string `index` followed by a space".
  const index = indexLine.startsWith('index ') ? decimal(indexLine.slice('index '.length)) : undefined;
  if (index === undefined) throw malformed('no index line');
  if (hashLines.length > PROOF_HASHES_MAX) throw malformed(`${hashLines.length} hashes`);
  const proof = hashLines.map((line) => {
    const hash = base64Decode(line);
    if (hash?.length !== HASH_BYTES) throw malformed('not a hash');
    return hash;
  });
  return { ...(extra === undefined ? {} : { extra }), index, proof };
}

function parseExtra(line: string): Uint8Array {
  const extra = base64Decode(line.slice('extra '.length));
  // SPEC tlog-proof: "If no extra data is present, this line is omitted."
  if (extra === undefined || extra.length === 0) throw malformed('no extra data on the extra line');
  if (extra.length > TLOG_PROOF_EXTRA_BYTES_MAX) throw malformed(`extra data of ${extra.length} bytes`);
  return extra;
}

function malformed(why: string, cause?: unknown): LedgerError {
  return new LedgerError('tlog-proof-malformed', `tlog-proof: ${why}`, { cause });
}
