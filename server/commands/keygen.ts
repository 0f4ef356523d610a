/**
 * `probata keygen`: makes one key of a log or a cosigner, and says the vkey that others must know it by.
 */
import { formatVkey, isKeyName, type KeyType } from '../../ledger/core/note.ts';
import { generateKey, signerOf, writeKeyFile } from '../keys.ts';
import { StartError } from '../start-error.ts';

/** What a key is for, as the command line names it. */
export const KEY_KINDS: Readonly<Record<string, KeyType>> = { log: 0x01, ed25519: 0x04, 'ml-dsa-44': 0x06 };

/**
 * Writes the private key to a new file, mode 0600.
 * @param options `type` one of KEY_KINDS
 * @returns its vkey
 * @throws StartError `input-malformed`, `output-refused`
 */
export function keygen(options: { type: string; name: string; out: string }): string {
  const type = KEY_KINDS[options.type];
  if (type === undefined) throw new Error('invariant: the command line offers these kinds only');
  if (!isKeyName(options.name))
    throw new StartError('input-malformed', `"${options.name}" cannot be a key name: no spaces, no plus`);
  const pem = generateKey(type);
  try {
    writeKeyFile(options.out, pem);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'exists; a key is never overwritten' : `cannot be written: ${code}`;
    throw new StartError('output-refused', `${options.out} ${why}`, { cause });
  }
  return formatVkey(signerOf(pem, options.name, type).key);
}
