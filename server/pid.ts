/**
 * `run/<name>.pid` beside the members’ folders: which process has a folder now, whether it serves already or still waits at its start, for
 * scripts and for people.
 * It is a note, not a lock: what keeps two processes from one store is the store's own lock.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** `<data>/run/<name>.pid` for the member's folder `<data>/<name>`. */
export function pidPath(dir: string, name: string): string {
  return join(dirname(resolve(dir)), 'run', `${name}.pid`);
}

/** Notes that this process has the folder. */
export function writePid(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${process.pid}\n`);
}

/** Removes the note when it is ours: a successor may have written its own already. */
export function removePid(path: string): void {
  if (readPid(path) === process.pid) rmSync(path, { force: true });
}

/**
 * The process noted in the file, when it is alive and a role of ours. A number left by a machine that went down may belong to
 * anyone by now, so where the system shows command lines (Linux), the role's name must be among the words.
 * @param role word of its command line, `court`
 */
export function livePid(path: string, role: string): number | undefined {
  const pid = readPid(path);
  if (pid === undefined || pid === process.pid || !isAlive(pid)) return undefined;
  const words = commandLine(pid);
  return words === undefined || words.includes(role) ? pid : undefined;
}

function readPid(path: string): number | undefined {
  try {
    const match = /^([1-9]\d{0,9})\n$/.exec(readFileSync(path, 'utf8'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function commandLine(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return undefined;
  }
}
