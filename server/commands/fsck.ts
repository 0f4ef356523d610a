/**
 * `probata fsck`: derives a whole ledger again (ledger/tools/fsck.ts) over HTTP or from a member's folder, and prints every difference.
 * Exit 0 when all is in order, 1 when something differs or is missing.
 */
import { base64Encode } from '../../ledger/core/bytes.ts';
import { entryOrder } from '../../ledger/tools/entry-order.ts';
import { type FsckProblem, fsck } from '../../ledger/tools/fsck.ts';
import { orDiskRefused } from '../disk-refusal.ts';
import { StartError } from '../start-error.ts';
import type { Terminal } from './context.ts';
import { merged } from './fsck-folder.ts';
import { openSource, wantedOf } from './ledger-source.ts';
import { readTrust } from './trust.ts';

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
    const { fetch, believed } = source;
    if (believed === undefined)
      throw new StartError('input-missing', 'name the trust bundle that has the log’s key with --trust');
    const { open: openNote, claims: known } = believed;
    const found: FsckProblem[] = [];
    const folder = source.folder?.((problem) => void found.push(problem), options.evidence);
    const inOrder = options.opaque === true ? undefined : entryOrder();
    const inspect = async (first: number, entries: readonly Uint8Array[]): Promise<FsckProblem[]> => [
      ...(inOrder?.(first, entries) ?? []),
      ...((await folder?.inspect?.(first, entries)) ?? []),
    ];
    const claims = folder === undefined ? known : merged(folder.claims, known.values());
    const knownSize = known.at(-1)?.size ?? 0;
    const result = await fsck({ fetch, open: openNote, onProgress: progress, inspect, claims, knownSize });
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
