/**
 * Marks in a member's folder that outlive its processes.
 * `restored.json`: the member came out of a backup and has not caught up yet. `probata restore` writes it; whoever has caught up removes it. A
 * folder copied by hand has none, which is why that is forbidden.
 * `refilling`: the platform's ledger is partly new (refill.ts).
 * `has-store`: the member has a store. Where it is not to be found, as when its disk is not mounted, the member must not begin anew: it
 * would sign what its store remembers to contradict (wiring.ts).
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from '../start-error.ts';

export const RESTORED_FILE = 'restored.json';

export interface Restored {
  readonly v: 1;
  /** When the backup was taken and when it was restored; ISO times. */
  readonly taken: string;
  readonly restored: string;
  /** Whom to ask what this member has signed since: prefixes of others (`…/ledger`, `…/witness`, `…/mirror`); none: its peers. */
  readonly ask: readonly string[];
}

/** What the restore noted; undefined for a member that is no copy. @throws StartError config-malformed */
export function readRestored(dir: string): Restored | undefined {
  const path = join(dir, RESTORED_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value = JSON.parse(text) as Restored;
    if (value.v === 1 && Array.isArray(value.ask) && value.ask.every((url) => typeof url === 'string')) return value;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new StartError('config-malformed', `${path} is not what a restore writes: restore this member again`);
}

/** It has caught up: durably no copy any more. */
export function forgetRestored(dir: string): void {
  rmSync(join(dir, RESTORED_FILE), { force: true });
  syncFolder(dir);
}

export const HAS_STORE_FILE = 'has-store';

/** From here on a missing store is one that was lost. */
export function markStore(dir: string): void {
  if (!hasStore(dir)) mark(dir, HAS_STORE_FILE);
}

/** Whether the member has had a store. */
export function hasStore(dir: string): boolean {
  return isThere(join(dir, HAS_STORE_FILE));
}

/** Unlike existsSync, it does not take for missing what cannot be looked at: that throws. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

const REFILLING_FILE = 'refilling';

/** From here on the ledger is partly new. */
export function markRefilling(dir: string): void {
  mark(dir, REFILLING_FILE);
}

/** It is whole again. */
export function forgetRefilling(dir: string): void {
  rmSync(join(dir, REFILLING_FILE), { force: true });
  syncFolder(dir);
}

/** @throws StartError data-incomplete when a refill of this folder was cut short */
export function refuseHalfRefilled(dir: string): void {
  if (existsSync(join(dir, REFILLING_FILE)))
    throw new StartError('data-incomplete', `a refill of ${dir} was cut short: run probata refill again`);
}

function mark(dir: string, name: string): void {
  closeSync(openSync(join(dir, name), 'a', 0o600));
  syncFolder(dir);
}

function syncFolder(dir: string): void {
  const folder = openSync(dir, 'r');
  fsyncSync(folder);
  closeSync(folder);
}
