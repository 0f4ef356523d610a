// System calls of one member's store: which there are, and one of them made to fail. strace(1), as Tessera's fault tests use it.
// `when=N` counts per thread: a life has one thread for files (child.ts) and LevelDB's own for compaction, so N hits at most one call
// of each. Only calls on the files of the store are seen and counted.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One system call of a life, and what happens to it instead of what should: an error, or the end of the process before it is made. */
export interface Point {
  readonly call: string;
  /** The how manieth of its name in its thread, from 1. */
  readonly when: number;
  readonly fault: 'EIO' | 'ENOSPC' | 'EMFILE' | 'KILL';
}

/** Files that LevelDB may number in the life of a rig. */
const FILE_NUMBERS_MAX = 99;

/**
 * Calls that can run out of space, or of descriptors. Every call can fail with EIO. A quota or a thin volume may say ENOSPC as late as
 * at a sync, a rename or a close.
 */
const NEEDS_SPACE = ['openat', 'write', 'pwrite64', 'writev', 'fsync', 'fdatasync', 'rename', 'mkdir', 'close'];
const NEEDS_DESCRIPTOR = ['openat'];

/** Calls that change nothing on disk: to end before one of them is to end before the next call that does. */
const READS = ['read', 'pread64', 'mmap', 'lseek', 'access', 'readlink', 'getdents64', 'fcntl', 'close', 'flock'];
const LOOKS = ['stat', 'lstat', 'fstat', 'newfstatat', 'statx'];

/** All calls on files that LevelDB and node make; whatever else the kernel offers is not theirs. */
const CALLS = [
  ...['openat', 'close', 'read', 'pread64', 'write', 'pwrite64', 'writev', 'mmap', 'lseek', 'ftruncate', 'fallocate'],
  ...['fsync', 'fdatasync', 'rename', 'unlink', 'mkdir', 'rmdir', 'link', 'access', 'readlink', 'getdents64', 'fcntl'],
  ...['stat', 'lstat', 'fstat', 'newfstatat', 'statx', 'flock', 'chmod', 'utimensat', 'copy_file_range'],
];

/** @throws Error when there is no strace: a rig without it has seen nothing */
export function requireStrace(): void {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' });
  } catch (cause) {
    throw new Error('this rig needs strace: apt-get install strace', { cause });
  }
}

/** The command line that writes every call of a life on this store to a file. */
export function watching(store: string, output: string): string[] {
  return strace(store, output, CALLS, []);
}

/** The command line that strikes one call of a life on this store. */
export function striking(store: string, output: string, { call, when, fault }: Point): string[] {
  const effect = fault === 'KILL' ? 'signal=KILL' : `error=${fault}`;
  return strace(store, output, [call], ['-e', `inject=${call}:${effect}:when=${when}`]);
}

/** The command line that delays every sync of a life, and writes all that it writes and syncs to a file, in full. */
export function delayingSyncs(output: string, delayMs: number): string[] {
  return ['strace', '-f', '--seccomp-bpf', '-q', ...syncDelay(output, delayMs)];
}

/** As {@link delayingSyncs}, of a process that runs already; on stderr it says when it is `attached`. */
export function delayingSyncsOf(pid: number, output: string, delayMs: number): string[] {
  return ['strace', '-f', '-p', String(pid), ...syncDelay(output, delayMs)];
}

function syncDelay(output: string, delayMs: number): string[] {
  const inject = `inject=fsync,fdatasync:delay_enter=${delayMs * 1000}`;
  return ['-y', '-o', output, '-e', 'trace=write,writev,fsync,fdatasync', '-s', '1000000', '-e', inject];
}

function strace(store: string, output: string, calls: readonly string[], inject: readonly string[]): string[] {
  const paths = filesOf(store).flatMap((path) => ['-P', path]);
  return [
    ...(['strace', '-f', '-q', '-y', '-o', output, '-e', `trace=${calls.join(',')}`] as const),
    // Stops at these calls alone, which is fast; but a signal is not delivered from there.
    ...(inject.some((option) => option.includes('signal=')) ? [] : ['--seccomp-bpf']),
    ...inject,
    ...paths,
  ];
}

/** A filter names whole paths, so every file that the store may ever have is named. */
function filesOf(store: string): string[] {
  const numbered = Array.from({ length: FILE_NUMBERS_MAX }, (_, i) => String(i + 1).padStart(6, '0')).flatMap((n) => [
    `${n}.log`,
    `${n}.ldb`,
    `${n}.dbtmp`,
    `MANIFEST-${n}`,
  ]);
  const level = ['CURRENT', 'LOCK', 'LOG', 'LOG.old', ...numbered].map((name) => join(store, 'level', name));
  return [store, join(store, 'in-use'), join(store, 'level'), ...level];
}

/** How many calls of each name the busiest thread made, from the output of `watching`. */
export function countCalls(output: string): ReadonlyMap<string, number> {
  const byThread = new Map<string, number>();
  const most = new Map<string, number>();
  for (const line of readFileSync(output, 'utf8').split('\n')) {
    const [, thread, call] = /^(\d+) +([a-z0-9_]+)\(/.exec(line) ?? [];
    if (thread === undefined || call === undefined) continue;
    const count = (byThread.get(`${thread} ${call}`) ?? 0) + 1;
    byThread.set(`${thread} ${call}`, count);
    most.set(call, Math.max(most.get(call) ?? 0, count));
  }
  return most;
}

/** Every fault of every one of these calls. */
export function pointsOf(calls: ReadonlyMap<string, number>): Point[] {
  return [...calls].flatMap(([call, count]) =>
    Array.from({ length: count }, (_, i) => faultsOf(call).map((fault) => ({ call, when: i + 1, fault }))).flat(),
  );
}

function faultsOf(call: string): Point['fault'][] {
  const space = NEEDS_SPACE.includes(call) ? (['ENOSPC'] as const) : [];
  const descriptor = NEEDS_DESCRIPTOR.includes(call) ? (['EMFILE'] as const) : [];
  const end = READS.includes(call) || LOOKS.includes(call) ? [] : (['KILL'] as const);
  return ['EIO', ...space, ...descriptor, ...end];
}

/** True when a life with this output of `striking` reached the call. */
export function wasStruck(output: string, signal: NodeJS.Signals | null): boolean {
  return signal === 'SIGKILL' || readFileSync(output, 'utf8').includes('(INJECTED)');
}
