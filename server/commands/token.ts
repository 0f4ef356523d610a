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

/** Makes a token. @returns it: the only time it can be seen. @throws StartError */
export function addToken(dir: string, { expires, ...party }: NewParty): string {
  return createToken(join(dir, TOKENS_FILE), party, expires ?? null);
}

/** One line for each token; the tokens themselves are not known. @throws StartError */
export async function listTokens(dir: string): Promise<string[]> {
  const { tokens } = await readTokens(dir);
  return tokens.map(({ party, name, expires, sha256 }) => {
    const until = expires === null ? 'never expires' : `expires ${expires}`;
    return [party, JSON.stringify(name), until, sha256.slice(0, 16)].join('\t');
  });
}

/** Takes every token of a party out. @returns how many. @throws StartError */
export async function revokeTokens(dir: string, party: string): Promise<number> {
  const file = await readTokens(dir);
  const kept = file.tokens.filter((row) => row.party !== party);
  const path = join(dir, TOKENS_FILE);
  const text = `${JSON.stringify({ ...file, tokens: kept }, undefined, 2)}\n`;
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  return file.tokens.length - kept.length;
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
