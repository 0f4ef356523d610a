// What was durable when: the writes to LevelDB's logs and the syncs that cover them, in the order of the system calls (strace.ts).
// An id stands in these logs as it is. Not here: what counts as an acknowledgement, which is the caller's.

/** Writes to the logs, as strace shows them, by file. */
export interface LogWrites {
  /** Not covered by a whole sync of the same file so far. */
  readonly unsynced: ReadonlyMap<string, readonly string[]>;
  readonly synced: readonly string[];
}

/** @param see is shown every other write, with what is durable when it begins */
export function walkSyncs(trace: string, see: (write: string, log: LogWrites) => void): void {
  const unsynced = new Map<string, string[]>();
  const synced: string[] = [];
  /** By thread: the file whose sync it waits for, and the writes that this sync covers. */
  const syncing = new Map<string, { readonly file: string; readonly covered: number }>();
  for (const line of trace.split('\n')) {
    const [, thread = '', call = '', rest = ''] = /^(\d+) +(\S+?)(?:\((.*)| .*)?$/.exec(line) ?? [];
    const file = /^\d+<([^>]*\.log)>/.exec(rest)?.[1];
    if (call === 'write' && file !== undefined) unsynced.set(file, [...(unsynced.get(file) ?? []), rest]);
    else if (/^writev?$/.test(call)) see(rest, { unsynced, synced });
    else if (/^f(data)?sync$/.test(call) && file !== undefined) {
      syncing.set(thread, { file, covered: (unsynced.get(file) ?? []).length });
    }
    const sync = syncing.get(thread);
    if (sync !== undefined && / = 0(?: |$)/.test(line)) {
      syncing.delete(thread);
      const writes = unsynced.get(sync.file) ?? [];
      synced.push(...writes.slice(0, sync.covered));
      unsynced.set(sync.file, writes.slice(sync.covered));
    }
  }
}
