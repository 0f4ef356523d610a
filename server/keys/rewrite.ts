/**
 * All private keys of a member rewritten at once: encrypted, decrypted, or under another passphrase.
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
  rmdirSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { equal } from '../../ledger/core/bytes.ts';
import { StartError } from '../start-error.ts';
import type { Passphrase } from './encryption.ts';
import { formatKey, holdsKey, parseKey, readKeyText, type Seal, writeKeyFile } from './files.ts';

const KEYS = 'keys';
const PART = 'keys.part';
const NEXT = 'keys.next';

/**
 * Rewrites every private key in `<dir>/keys`; whatever else is there stays as it is.
 * @param dir a member's folder; its process may run, it has its keys in memory
 * @param opens opens those that are encrypted now
 * @param seal how they are encrypted afterwards; without it, they are in the clear
 * @returns the file names
 * @throws StartError as readKeyFile; `key-missing` when there is none. Nothing is changed then
 */
export function rewriteKeys(dir: string, opens: Passphrase | undefined, seal: Seal | undefined): string[] {
  finishRewrite(dir);
  const keys = readKeys(join(dir, KEYS), opens);
  const part = join(dir, PART);
  mkdirSync(part, { mode: 0o700 });
  for (const [name, pkcs8] of keys) {
    const path = join(part, name);
    writeKeyFile(path, formatKey(pkcs8, seal));
    if (!equal(parseKey(readKeyText(path), seal?.passphrase, path), pkcs8))
      throw new Error(`invariant: ${path} reads back as it was written`);
  }
  syncFolder(part);
  renameSync(part, join(dir, NEXT));
  syncFolder(dir);
  finishRewrite(dir);
  return [...keys.keys()];
}

function readKeys(folder: string, opens: Passphrase | undefined): Map<string, Uint8Array> {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const keys = new Map<string, Uint8Array>();
  for (const name of names) {
    const path = join(folder, name);
    if (holdsKey(readFileSync(path, 'latin1'))) keys.set(name, parseKey(readKeyText(path), opens, path));
  }
  if (keys.size === 0) throw new StartError('key-missing', `${folder} holds no private key: name a member's folder`);
  return keys;
}

/** Finishes a rewrite that was committed, and forgets one that was not. Everybody who reads keys calls it first. */
export function finishRewrite(dir: string): void {
  rmSync(join(dir, PART), { recursive: true, force: true });
  const next = join(dir, NEXT);
  if (!existsSync(next)) return;
  for (const name of readdirSync(next)) renameSync(join(next, name), join(dir, KEYS, name));
  // The moves before the mark goes: without it nobody would finish them.
  syncFolder(join(dir, KEYS));
  rmdirSync(next);
  syncFolder(dirname(next));
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
