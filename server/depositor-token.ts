/**
 * The API token that a depositor's command uses, from a place of which other users of the machine need not know: what stands on the command
 * line, all of them can read while the command runs.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from './start-error.ts';

/**
 * The token given, else that of PROBATA_TOKEN, else what the file `token` in PROBATA_DATA holds.
 * @throws StartError input-missing
 */
export function depositorToken(given: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  const token = given ?? env['PROBATA_TOKEN'];
  if (token !== undefined) return token;
  const path = join(env['PROBATA_DATA'] ?? 'data', 'token');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const message = `no token: set PROBATA_TOKEN, put one in ${path}, or give --token, which other users can see`;
    throw new StartError('input-missing', message, { cause });
  }
}
