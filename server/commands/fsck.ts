/**
 * `probata fsck`: derives a whole ledger again (ledger/tools/fsck.ts) over HTTP or from a member's folder, and prints every difference.
 * Exit 0 when all is in order, 1 when something differs or is missing.
 */
import { base64Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { isSignedBy, parseNote, type VerifierKey } from '../../ledger/core/note.ts';
import { entryOrder } from '../../ledger/tools/entry-order.ts';
import { type FsckProblem, fsck } from '../../ledger/tools/fsck.ts';
import { orDiskRefused } from '../disk-refusal.ts';
import { StartError } from '../start-error.ts';
import type { Terminal } from './context.ts';
import { type Fetch, openSource, wantedOf } from './ledger-source.ts';
import { logKeysOf, readTrust } from './trust.ts';

export interface FsckOptions {
  /** Trust bundle that names the log's keys, also for the heads in a folder; what a folder trusts itself when not given. */
  readonly trust?: string;
  /** The entries are somebody else's, and nothing is said about what they hold. */
  readonly opaque?: boolean;
  /** Whether to read the files and certificates of a platform's folder too. */
  readonly evidence: boolean;
}

/**
 * Checks one ledger. What the disk refuses is told in one sentence, whenever it does.
 * @param target URL of a ledger (`…/ledger`, `…/mirror/<origin hash>`) or a platform's or mirror's folder
 * @param open what tests replace
 * @returns the exit code
 * @throws StartError
 */
export function runFsck(
  target: string,
  options: FsckOptions,
  terminal: Terminal,
  open: typeof openSource = openSource,
): Promise<number> {
  return orDiskRefused(`${target} cannot be checked`, check(target, options, terminal, open));
}

async function check(
  target: string,
  options: FsckOptions,
  terminal: Terminal,
  open: typeof openSource,
): Promise<number> {
  const trust = options.trust === undefined ? undefined : readTrust(options.trust);
  const source = await open(target, terminal.err, trust && wantedOf(trust));
  try {
    const keys = trust === undefined ? source.keys : logKeysOf(trust);
    if (keys === undefined)
      throw new StartError('input-missing', 'name the trust bundle that has the log’s key with --trust');
    const logKey = await keyOf(source.fetch, keys);
    const found: FsckProblem[] = [];
    const folder = source.folder?.((problem) => void found.push(problem), options.evidence);
    const inOrder = options.opaque === true ? undefined : entryOrder();
    const inspect = async (first: number, entries: readonly Uint8Array[]): Promise<FsckProblem[]> => [
      ...(inOrder?.(first, entries) ?? []),
      ...((await folder?.inspect?.(first, entries)) ?? []),
    ];
    const claims = folder === undefined ? {} : { claims: folder.claims };
    const result = await fsck({ fetch: source.fetch, logKey, onProgress: progress, inspect, ...claims });
    await folder?.finish();
    const problems = [...result.problems, ...found];
    for (const problem of problems) terminal.out(line(problem));
    const { size, root, entries } = result;
    terminal.out(`size ${size}, root ${base64Encode(root)}, ${entries} entries read, ${problems.length} problems`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await source.close();
  }
}

function line({ code, path, detail }: FsckProblem): string {
  return `${code} ${path}: ${detail}`;
}

function progress(entries: number, size: number): void {
  if (process.stderr.isTTY) process.stderr.write(entries < size ? `\r${entries} of ${size}` : '\r\u001b[K');
}

/** The key of the log whose checkpoint is there; an unreadable checkpoint is left for fsck to report. */
async function keyOf(fetch: Fetch, keys: readonly VerifierKey[]): Promise<VerifierKey> {
  const bytes = await fetch('checkpoint');
  const origin = bytes === undefined ? undefined : originIn(bytes);
  const named = origin === undefined ? keys : keys.filter(({ name }) => name === origin);
  // Of the keys that a log has had, the one that signed; when none did, fsck will say so.
  const key = named.find((each) => bytes !== undefined && isSigner(bytes, each)) ?? named[0];
  if (key === undefined)
    throw new StartError('not-trusted', `the log ${JSON.stringify(origin)} is not one that the trust bundle names`);
  return key;
}

function isSigner(note: Uint8Array, key: VerifierKey): boolean {
  try {
    return parseNote(note).signatures.some((line) => isSignedBy(line, key));
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

function originIn(bytes: Uint8Array): string | undefined {
  try {
    return parseCheckpoint(parseNote(bytes).text).origin;
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}
