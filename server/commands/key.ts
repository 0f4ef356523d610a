/**
 * `probata key`: how the private keys of a member lie on disk. All files of a member change together or not at all (keys/rewrite.ts).
 */
import type { Passphrase } from '../keys/encryption.ts';
import { rewriteKeys } from '../keys/rewrite.ts';
import { type Env, NEW_PASSPHRASE, PASSPHRASE } from '../keys/secrets.ts';
import { newSeal, openPassphrase } from '../keys.ts';
import { StartError } from '../start-error.ts';

/** Encrypts every private key under the passphrase; those that are so already, again. @returns the file names. @throws StartError */
export function encryptKeys(dir: string, env: Env): string[] {
  const passphrase = requirePassphrase(env, PASSPHRASE);
  return rewriteKeys(dir, passphrase, newSeal(passphrase));
}

/** Writes every private key in the clear. @returns the file names. @throws StartError */
export function decryptKeys(dir: string, env: Env): string[] {
  return rewriteKeys(dir, requirePassphrase(env, PASSPHRASE), undefined);
}

/** Encrypts every private key under another passphrase. @returns the file names. @throws StartError */
export function passphraseKeys(dir: string, env: Env): string[] {
  const next = newSeal(requirePassphrase(env, NEW_PASSPHRASE));
  return rewriteKeys(dir, requirePassphrase(env, PASSPHRASE), next);
}

function requirePassphrase(env: Env, name: string): Passphrase {
  const passphrase = openPassphrase(env, name);
  if (passphrase === undefined)
    throw new StartError('passphrase-missing', `set ${name}_FILE to a file (mode 0600) that holds the passphrase`);
  return passphrase;
}
