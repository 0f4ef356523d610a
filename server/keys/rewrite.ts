/**
 * All private keys of a member rewritten at once: encrypted, decrypted, or under another passphrase. Those that it is going over to
 * (`next/keys`, epochs/next.ts) too: the process opens all of them with one passphrase.
 * The new files are made and read back in `keys.part`, which is then renamed `keys.next`: that rename is the only commit point. After it,
 * each file is moved over its old one. A crash before the commit leaves the old keys; one after it is finished by whoever opens
 * the keys next. So a member's keys are never lost, and never stay half under one passphrase and half under another.
 * What a file system keeps of overwritten files is out of our hands (OPERATIONS.md "Keys at rest").
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { equal } from '../../ledger/core/bytes.ts';
import { StartError } from '../start-error.ts';
import type { Passphrase } from './encryption.ts';
import { formatKey, holdsKey, parseKey, readKeyText, type Seal, writeKeyFile } from './files.ts';

const PART = 'keys.part';
const NEXT = 'keys.next';
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
 * @throws StartError as readKeyFile; `key-missing` when there is none. Nothing is changed then
 */
export function rewriteKeys(dir: string, opens: Passphrase | undefined, seal: Seal | undefined): string[] {
  finishRewrite(dir);
  const folders = FOLDERS.map(({ folder, part }) => ({ folder, part, keys: readKeys(join(dir, folder), opens) }));
  const paths = folders.flatMap(({ folder, keys }) => [...keys.keys()].map((name) => join(folder, name)));
  if (paths.length === 0) throw new StartError('key-missing', `${dir} holds no private key: name a member's folder`);
  for (const { part, keys } of folders) writeKeys(join(dir, PART, part), keys, seal);
  syncFolder(join(dir, PART));
  renameSync(join(dir, PART), join(dir, NEXT));
  syncFolder(dir);
  finishRewrite(dir);
  return paths;
}

function readKeys(folder: string, opens: Passphrase | undefined): Map<string, Uint8Array> {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const keys = new Map<string, Uint8Array>();
  for (const name of names) {
    const path = join(folder, name);
    if (holdsKey(readFileSync(path, 'latin1'))) keys.set(name, parseKey(readKeyText(path), opens, path));
  }
  return keys;
}

function writeKeys(folder: string, keys: ReadonlyMap<string, Uint8Array>, seal: Seal | undefined): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, pkcs8] of keys) {
    const path = join(folder, name);
    writeKeyFile(path, formatKey(pkcs8, seal));
    if (!equal(parseKey(readKeyText(path), seal?.passphrase, path), pkcs8))
      throw new Error(`invariant: ${path} reads back as it was written`);
  }
  syncFolder(folder);
}

/** Finishes a rewrite that was committed, and forgets one that was not. Everybody who reads or moves keys calls it first. */
export function finishRewrite(dir: string): void {
  rmSync(join(dir, PART), { recursive: true, force: true });
  const next = join(dir, NEXT);
  if (!existsSync(next)) return;
  for (const { folder, part } of FOLDERS) moveKeys(join(next, part), join(dir, folder));
  rmSync(next, { recursive: true });
  syncFolder(dir);
}

/** Moves keys over their old ones. A key whose old one has gone is not wanted any more: a change that was withdrawn meanwhile. */
function moveKeys(from: string, to: string): void {
  if (!existsSync(from) || !existsSync(to)) return;
  for (const name of readdirSync(from)) if (existsSync(join(to, name))) renameSync(join(from, name), join(to, name));
  // The moves before the mark goes: without it nobody would finish them.
  syncFolder(to);
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
