/** What the server needs of keys, in one place; each file of keys/ holds one idea. */
export type { Passphrase } from './keys/encryption.ts';
export { newSeal, readChain, type Seal, writeKeyFile } from './keys/files.ts';
export { Keyring, openPassphrase } from './keys/keyring.ts';
export { generateKey, readP256Key, readSigner, signerOf } from './keys/signers.ts';
