/**
 * Passphrases and PINs: from the environment variable `NAME`, or from the file that `NAME_FILE` names. Never from the command line,
 * which everybody on the machine can read.
 * A program takes them out of its own environment as it starts (cli.ts), so that neither a child process nor a crash report
 * gets one by accident; whoever starts a child that needs one hands it on by name (roles/consortium.ts).
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { StartError } from '../start-error.ts';

/** Environment variables, the process's own or some of them. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Opens the private key files of a member. */
export const PASSPHRASE = 'PROBATA_PASSPHRASE';
/** The one that replaces it: `probata key passphrase`. */
export const NEW_PASSPHRASE = 'PROBATA_NEW_PASSPHRASE';
/** Opens the token that holds a member's keys. */
export const PIN = 'PROBATA_PIN';

const SECRETS = [PASSPHRASE, NEW_PASSPHRASE, PIN];
/** Longest passphrase or PIN, in bytes. */
const SECRET_BYTES_MAX = 1024;
/** Permission bits of everyone but the owner. */
export const OTHERS = 0o077;

/** Moves the secrets out of an environment. @returns a copy that still has them */
export function takeSecrets(env: Record<string, string | undefined>): Env {
  const copy = { ...env };
  for (const name of SECRETS) delete env[name];
  return copy;
}

/** The variables that a child process needs to open the keys of a member. */
export function keySecrets(env: Env): Record<string, string> {
  const names = [PASSPHRASE, PIN].flatMap((name) => [name, `${name}_FILE`]);
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/**
 * A secret, as its variable or its file says it; one newline at the end of a file is not part of it.
 * @returns undefined when neither is given
 * @throws StartError `secret-malformed` when both are given, it is empty or too long; `secret-missing` when the file cannot be read;
 * `secret-exposed` when others may read the file
 */
export function readSecret(env: Env, name: string): string | undefined {
  const path = env[`${name}_FILE`];
  const value = env[name];
  if (path === undefined) return value === undefined ? undefined : checked(value, name);
  if (value !== undefined) {
    throw new StartError('secret-malformed', `${name} and ${name}_FILE are both given: take one away`);
  }
  return checked(readFile(path, `${name}_FILE`).replace(/\r?\n$/, ''), `${name}_FILE, ${path},`);
}

function checked(secret: string, source: string): string {
  if (secret !== '' && Buffer.byteLength(secret) <= SECRET_BYTES_MAX) return secret;
  throw new StartError('secret-malformed', `${source} must hold 1 to ${SECRET_BYTES_MAX} bytes`);
}

function readFile(path: string, name: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new StartError('secret-missing', `${path}, which ${name} names, cannot be read: ${code}`, { cause });
  }
  try {
    const { mode, size } = fstatSync(file);
    if ((mode & OTHERS) !== 0) {
      throw new StartError('secret-exposed', `${path} has mode ${octal(mode)}; others may read it: chmod 600 it`);
    }
    // The limit before the read; `checked` has the exact one.
    if (size > SECRET_BYTES_MAX + 2) throw new StartError('secret-malformed', `${path} has ${size} bytes: too many`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Permission bits as `chmod` takes them. */
export function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}
