/**
 * The life of one role's process: open, serve until told to stop, close in order, exit. Its pid is noted from when the folder is its own.
 * Told to stop: SIGTERM, SIGINT, or the end of stdin when `probata start` is the parent (so that no role outlives it unseen).
 * Fail-stop: after a failed write or a broken invariant nothing this process believes may be trusted, so it exits at once with code 70,
 * closing nothing, and the next start recovers from what is on disk.
 */
import { basename, resolve } from 'node:path';
import { orDiskRefused } from '../disk-refusal.ts';
import type { Env } from '../keys/secrets.ts';
import { type EventLog, openLog } from '../logging.ts';
import { pidPath, removePid, writePid } from '../pid.ts';

/** Set by `probata start` in the environment of the processes it watches. */
export const SUPERVISED = 'PROBATA_SUPERVISED';

/** Exit code of a fail-stop (EX_SOFTWARE). */
const EXIT_FAIL_STOP = 70;
/** A stop that takes longer than this ends in exit code 1. */
const STOP_DEADLINE_MS = 20_000;

export interface RunningRole {
  /** `http://host:port` */
  readonly url: string;
  /** Finishes requests in flight, then closes the stores. */
  close(): Promise<void>;
}

export interface RoleContext {
  readonly log: EventLog;
  /** Ends the process at once, for failures after which its memory cannot be trusted. */
  readonly fatal: (error: Error) => never;
  /**
   * Hears that the folder is this process's: its store is open, so nobody else has it. It may be told more than once, and long before the
   * role serves: a start may wait for others for hours.
   */
  readonly onHeld?: () => void;
  /** Where the passphrase and the PIN come from (keys/secrets.ts); without it, there are none. */
  readonly env?: Env;
}

/** Opens a role on its folder; rejects with StartError when the operator must do something first. */
export type OpenRole = (dir: string, context: RoleContext) => Promise<RunningRole>;

/**
 * Runs a role until it is told to stop, then exits the process.
 * @param dir the member's folder; its last part is the member's name
 * @param open opens the role
 * @param env where the passphrase and the PIN come from
 * @throws StartError when it cannot be opened
 */
export async function runRole(dir: string, open: OpenRole, env: Env): Promise<void> {
  const name = basename(resolve(dir));
  const log = openLog(name);
  const startedAt = Date.now();
  const fatal = (error: Error): never => failStop(log, error);
  // Also rejections that nobody handles: whatever was being done is half done.
  process.on('uncaughtException', fatal);
  const pid = pidPath(dir, name);
  // Not before: a process that finds the folder in use must not take the other's note.
  const onHeld = (): void => writePid(pid);
  const opening = orDiskRefused(`${name} was not started`, open(dir, { log, fatal, onHeld, env }));
  const role = await opening.catch((error) => {
    removePid(pid);
    throw error;
  });
  log('info', 'listening', { url: role.url, pid: process.pid, ms: Date.now() - startedAt });

  const cause = await stopRequested();
  log('info', 'stopping', { signal: cause });
  setTimeout(() => {
    log('alarm', 'stop-took-too-long', { ms: STOP_DEADLINE_MS });
    process.exit(1);
  }, STOP_DEADLINE_MS).unref();
  await role.close();
  removePid(pid);
  log('info', 'stopped');
  process.exit(0);
}

function stopRequested(): Promise<string> {
  return new Promise((resolveStop) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolveStop(signal));
    if (process.env[SUPERVISED] === undefined) return;
    process.stdin.on('error', () => resolveStop('parent-gone')).on('end', () => resolveStop('parent-gone'));
    process.stdin.resume();
  });
}

function failStop(log: EventLog, error: Error): never {
  log('alarm', 'fail-stop', { reason: error.stack ?? error.message });
  process.exit(EXIT_FAIL_STOP);
}
