/** Test support: the keys of a court, and what a command says of them. */
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { KEY_FILES } from '../config.ts';
import { readP256Key, readSigner } from '../keys.ts';
import type { Passphrase } from './encryption.ts';
import { finishRewrite } from './rewrite.ts';

/** The name of the court's keys in a consortium named `demo`. */
export const COURT_NAME = 'court-1.demo.example';

/** Opens every key of a court as its process does. @returns what they sign as */
export function courtKeys(dir: string, by?: Passphrase): string[] {
  finishRewrite(dir);
  const signers = [
    readSigner(join(dir, KEY_FILES.ed25519), COURT_NAME, 0x04, by).key,
    readSigner(join(dir, KEY_FILES.mlDsa44), COURT_NAME, 0x06, by).key,
  ];
  const tsa = createPublicKey(readP256Key(join(dir, KEY_FILES.tsa), by)).export({ type: 'spki', format: 'der' });
  return [...signers.map(({ publicKey }) => publicKey), tsa].map((bytes) => Buffer.from(bytes).toString('hex'));
}

/** The code with which something ends, whose message shows no secret; undefined when it does not. */
export async function codeOf(run: () => unknown, secret: string): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    expect((error as Error).message, 'an error never shows a secret').not.contain(secret);
    return (error as { code?: string }).code;
  }
  return undefined;
}
