// The checksum under every stored value: SHA-256(key || value) || value. A value under the wrong key is as wrong as a flipped bit.
// Finds damage; against someone who can write to the disk it does nothing.

import { createHash } from 'node:crypto';
import { concat, equal } from '../core/bytes.ts';
import { HASH_BYTES } from '../core/limits.ts';
import { StoreError } from '../log/ports.ts';

/** What is stored for a value under a key. */
export function seal(key: string, value: Uint8Array): Uint8Array {
  return concat(checksum(key, value), value);
}

/** The value, a copy. @throws StoreError corrupt when the bytes are not those that were sealed under this very key */
export function unseal(key: string, sealed: Uint8Array): Uint8Array {
  const value = new Uint8Array(sealed.subarray(HASH_BYTES));
  if (!equal(sealed.subarray(0, HASH_BYTES), checksum(key, value))) {
    throw new StoreError('corrupt', `the bytes under ${key} are not those that were written`);
  }
  return value;
}

function checksum(key: string, value: Uint8Array): Uint8Array {
  return createHash('sha256').update(key, 'utf8').update(value).digest();
}
