/**
 * All private keys of a member rewritten at once: encrypted, decrypted, or under another passphrase. Those that it is going over to
 * (`next/keys`, epochs/next.ts) too: the process opens all of them with one passphrase.
 * The new files are made and read back in `keys.part…`, which is then renamed `keys.next`: that rename is the only commit point. After it,
 * each file is moved over its old one. A crash before the commit leaves the old keys; one after it is finished by whoever opens
 * the keys next. So a member's keys are never lost, and never stay half under one passphrase and half under another.
 *
 * The member's process may run, and put the keys of `next` into place meanwhile ({@link installKeys}). A rewrite that read the old keys before
 * and committed after would put them over the new ones, so it makes its part first and then looks for the mark `next/moving`; the
 * process sets the mark first and then takes parts away. Whoever is second sees the other, and it is always the rewrite that gives up.
 * What a file system keeps of overwritten files is out of our hands (OPERATIONS.md "Keys at rest").
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { equal } from '../../ledger/core/bytes.ts';
import { StartError } from '../start-error.ts';
import type { Passphrase } from './encryption.ts';
import { formatKey, holdsKey, parseKey, readKeyText, type Seal, writeKeyFile } from './files.ts';

/** What the name of a part begins with; the rest is its own, so that nobody writes into the part of another, or commits it. */
const PART = 'keys.part';
const NEXT = 'keys.next';
/** The mark that keys are being moved. In `next`, because one that a crash left must not outlive the keys it is about. */
const MOVING = join('next', 'moving');
/** Folders of private keys, and what each is called while it is rewritten. */
const FOLDERS = [
  { folder: 'keys', part: 'keys' },
  { folder: join('next', 'keys'), part: 'next' },
] as const;

/**
 * Rewrites every private key in `<dir>/keys` and `<dir>/next/keys`; whatever else is there stays as it is.
 * @param dir a member's folder; its process may run, it has its keys in memory
 * @param opens opens those that are encrypted now
 * @param seal how they are encrypted afterwards; without it, they are in the clear
 * @returns the files, from the member's folder
 * @throws StartError as readKeyFile; `key-missing` when there is none; `keys-busy` when another process opens or moves them at this moment.
 *   Nothing is changed then
 */
export function rewriteKeys(dir: string, opens: Passphrase | undefined, seal: Seal | undefined): string[] {
  finishRewrite(dir);
  if (!existsSync(dir)) throw noKey(dir);
  const part = mkdtempSync(join(dir, PART));
  let paths: string[];
  try {
    // Only now that the part is there to be taken away.
    if (existsSync(join(dir, MOVING))) throw busy(dir);
    paths = writePart(dir, part, opens, seal);
    renameSync(part, join(dir, NEXT));
  } catch (cause) {
    // Another rewrite took it away, or committed first.
    const isSecond = !existsSync(part) || isNotEmpty(cause);
    rmSync(part, { recursive: true, force: true });
    throw isSecond ? busy(dir, cause) : cause;
  }
  syncFolder(dir);
  finishRewrite(dir);
  return paths;
}

function noKey(dir: string): StartError {
  return new StartError('key-missing', `${dir} holds no private key: name a member's folder`);
}

function busy(dir: string, cause?: unknown): StartError {
  const what = `another process opens the keys of ${dir}, or is to put new ones into place`;
  return new StartError('keys-busy', `${what}: nothing is changed; do this again when it has started or settled`, {
    cause,
  });
}

/** @returns the files that it holds, by where they belong in the member's folder */
function writePart(dir: string, path: string, opens: Passphrase | undefined, seal: Seal | undefined): string[] {
  const folders = FOLDERS.map(({ folder, part }) => ({ folder, part, keys: readKeys(join(dir, folder), opens) }));
  const paths = folders.flatMap(({ folder, keys }) => [...keys.keys()].map((name) => join(folder, name)));
  if (paths.length === 0) throw noKey(dir);
  for (const { part, keys } of folders) writeKeys(join(path, part), keys, seal);
  syncFolder(path);
  return paths;
}

function readKeys(folder: string, opens: Passphrase | undefined): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const name of namesIn(folder).sort()) {
    const path = join(folder, name);
    if (holdsKey(readFileSync(path, 'latin1'))) keys.set(name, parseKey(readKeyText(path), opens, path));
  }
  return keys;
}

function writeKeys(folder: string, keys: ReadonlyMap<string, Uint8Array>, seal: Seal | undefined): void {
  mkdirSync(folder, { mode: 0o700 });
  for (const [name, pkcs8] of keys) {
    const path = join(folder, name);
    writeKeyFile(path, formatKey(pkcs8, seal));
    if (!equal(parseKey(readKeyText(path), seal?.passphrase, path), pkcs8))
      throw new Error(`invariant: ${path} reads back as it was written`);
  }
  syncFolder(folder);
}

/**
 * Finishes a rewrite that was committed, and forgets one that was not. Everybody who reads or moves keys calls it first, and whoever makes
 * new ones in `next`. Several processes may do so at once.
 */
export function finishRewrite(dir: string): void {
  for (const name of namesIn(dir).filter((each) => each.startsWith(PART))) {
    // Under another name first: whoever still writes it must not commit what is half removed.
    const gone = join(dir, `${name}.gone`);
    unlessGone(() => renameSync(join(dir, name), gone));
    rmSync(gone, { recursive: true, force: true });
  }
  const next = join(dir, NEXT);
  if (!existsSync(next)) return;
  for (const { folder, part } of FOLDERS) movePart(join(next, part), join(dir, folder));
  // Empty, or another rewrite has been committed since: its files are not this one's to remove.
  for (const folder of [...FOLDERS.map(({ part }) => join(next, part)), next]) removeIfEmpty(folder);
  syncFolder(dir);
}

/** Moves keys over their old ones. A key whose old one has gone is not wanted any more: a change that was withdrawn meanwhile. */
function movePart(from: string, to: string): void {
  for (const name of namesIn(from)) {
    if (existsSync(join(to, name))) unlessGone(() => renameSync(join(from, name), join(to, name)));
    else rmSync(join(from, name), { force: true });
  }
  // The moves before the mark goes: without it nobody would finish them.
  unlessGone(() => syncFolder(to));
}

/**
 * Lets keys of `next` be moved into place, beside a rewrite that has finished or will change nothing.
 * @param move can be cut short and done again
 */
export function installKeys(dir: string, move: () => void): void {
  const mark = join(dir, MOVING);
  writeFileSync(mark, '');
  try {
    finishRewrite(dir);
    move();
  } finally {
    rmSync(mark, { force: true });
  }
}

function removeIfEmpty(folder: string): void {
  try {
    unlessGone(() => rmdirSync(folder));
  } catch (error) {
    if (!isNotEmpty(error)) throw error;
  }
}

/** POSIX lets a system choose between the two. */
function isNotEmpty(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}

function namesIn(folder: string): string[] {
  return unlessGone(() => readdirSync(folder)) ?? [];
}

/** Nothing, where another process has moved or removed it by now. */
function unlessGone<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes durable which files a folder holds. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
