/**
 * `probata token`: who may deposit at a platform. A running platform follows the file from its next request on (auth.ts).
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createToken, openAuthenticator, TOKENS_FILE } from '../auth.ts';
import { StartError } from '../start-error.ts';

export interface NewParty {
  readonly party: string;
  readonly name: string;
  readonly identified: string;
  readonly relation: string;
  /** ISO time in UTC; never when not given. */
  readonly expires?: string;
}

/** Makes a token and prints it: the only time it can be seen. @throws StartError */
export function addToken(dir: string, { expires, ...party }: NewParty): void {
  console.log(createToken(join(dir, TOKENS_FILE), party, expires ?? null));
}

/** Prints one line for each token; the tokens themselves are not known. @throws StartError */
export async function listTokens(dir: string): Promise<void> {
  const { tokens } = await readTokens(dir);
  for (const { party, name, expires, sha256 } of tokens) {
    console.log(
      `${party}\t${JSON.stringify(name)}\t${expires === null ? 'never expires' : `expires ${expires}`}\t${sha256.slice(0, 16)}`,
    );
  }
}

/** Takes every token of a party out. @returns the exit code: 1 when it had none. @throws StartError */
export async function revokeTokens(dir: string, party: string): Promise<number> {
  const file = await readTokens(dir);
  const kept = file.tokens.filter((row) => row.party !== party);
  const path = join(dir, TOKENS_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify({ ...file, tokens: kept }, undefined, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
  renameSync(`${path}.new`, path);
  console.error(`${file.tokens.length - kept.length} tokens of ${party} revoked`);
  return kept.length < file.tokens.length ? 0 : 1;
}

interface TokensFile {
  readonly v: 1;
  readonly tokens: readonly { party: string; name: string; expires: string | null; sha256: string }[];
}

/** The file, once the authenticator itself has accepted it. */
async function readTokens(dir: string): Promise<TokensFile> {
  const path = join(dir, TOKENS_FILE);
  await openAuthenticator(path, Date.now);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new StartError('config-malformed', `${path} changed while it was read; try again`, { cause });
  }
}
