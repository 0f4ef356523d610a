/**
 * The folder `next/` of a member: what it is to change to, made beside what is in use.
 *
 *   next/statement.json   platform: what is to be believed next, a trust bundle without epochs
 *   next/follows          platform: digest of the statement that it was prepared for; without it, written by hand
 *   next/config.json      platform: its configuration from then on
 *   next/keys/            new private keys, as in `keys/`
 *   next/trust.json       platform: the bundle with the proof of the change; there only once the change is on the ledger and cosigned
 *
 * `install` moves it into place, trust.json last. Each step can be cut short and run again: every file is in place, old or new, at any time.
 * What was in use stays under `epochs/<number>/`. Not here: making the change (change.ts).
 */
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TrustBundle } from '../../verifier/core/trust.ts';
import { CONFIG_FILE, formatConfig, type PlatformConfig, TRUST_FILE } from '../config.ts';
import { installKeys, syncFolder } from '../keys/rewrite.ts';

export const NEXT_FOLDER = 'next';
const STATEMENT_FILE = 'statement.json';
const FOLLOWS_FILE = 'follows';
const KEPT_FOLDER = 'epochs';

export function nextDir(dir: string): string {
  return join(dir, NEXT_FOLDER);
}

/** True when a change has been proposed and is not on the ledger yet. */
export function isProposed(dir: string): boolean {
  return existsSync(join(nextDir(dir), STATEMENT_FILE));
}

/** True when the change is on the ledger and only the files are still to be moved. */
export function isProven(dir: string): boolean {
  return existsSync(join(nextDir(dir), TRUST_FILE));
}

/** The proposed statement as bytes: a trust bundle without epochs, not checked. */
export function readProposed(dir: string): Uint8Array {
  return new Uint8Array(readFileSync(join(nextDir(dir), STATEMENT_FILE)));
}

/** Where a file of the next epoch is: what `next/` does not hold stays as it is. */
export function folderOf(dir: string, file: string): string {
  return existsSync(join(nextDir(dir), file)) ? nextDir(dir) : dir;
}

/** Writes the platform's next configuration. Nothing is proposed by it yet. @throws StartError config-malformed */
export function writeNextConfig(dir: string, config: PlatformConfig): void {
  writeDurably(join(nextDir(dir), CONFIG_FILE), formatConfig(config));
}

/** Digest of the statement that the proposal was prepared for; undefined when it was written by hand. */
export function readFollows(dir: string): string | undefined {
  const path = join(nextDir(dir), FOLLOWS_FILE);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

/**
 * Proposes. The statement is the last file, because its presence says that all is there.
 * @param follows digest of the statement in force
 */
export function writeProposed(dir: string, statement: TrustBundle, follows: string): void {
  writeDurably(join(nextDir(dir), FOLLOWS_FILE), `${follows}\n`);
  writeDurably(join(nextDir(dir), STATEMENT_FILE), formatJson(statement));
}

/** Notes that the change is proven: from here on the platform goes on with it. */
export function writeProven(dir: string, bundle: TrustBundle): void {
  writeDurably(join(nextDir(dir), TRUST_FILE), formatJson(bundle));
}

/**
 * Moves a proven change into place.
 * @param ended number of the epoch that has ended
 */
export function install(dir: string, ended: number): void {
  const next = nextDir(dir);
  for (const file of [STATEMENT_FILE, FOLLOWS_FILE]) rmSync(join(next, file), { force: true });
  const keys = existsSync(join(next, 'keys')) ? readdirSync(join(next, 'keys')).map((name) => join('keys', name)) : [];
  installKeys(dir, () => {
    for (const file of keys) move(dir, file, ended);
    // Before the bundle: once that is in place, nobody would move the keys that it names.
    syncFolder(join(dir, 'keys'));
  });
  for (const file of [CONFIG_FILE, TRUST_FILE]) move(dir, file, ended);
  syncFolder(dir);
  rmSync(next, { recursive: true });
}

function move(dir: string, file: string, ended: number): void {
  if (!existsSync(join(nextDir(dir), file))) return;
  keep(dir, file, ended);
  renameSync(join(nextDir(dir), file), join(dir, file));
}

/** A second name for a file in use. */
function keep(dir: string, file: string, ended: number): void {
  const kept = join(dir, KEPT_FOLDER, String(ended), file);
  if (!existsSync(join(dir, file)) || existsSync(kept)) return;
  mkdirSync(dirname(kept), { recursive: true });
  linkSync(join(dir, file), kept);
}

/** Writes a file so that after a crash it is there as a whole or not at all. */
export function writeDurably(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, text, { mode: 0o644, flush: true });
  renameSync(`${path}.new`, path);
  syncFolder(dirname(path));
}

export function formatJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
