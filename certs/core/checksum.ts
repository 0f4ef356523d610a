// The /CheckSum of a file embedded in a PDF (ISO 32000-1 table 46): MD5, as that standard fixed it. It finds accidents only;
// what protects the attachments is the signature.

import { md5 } from '@noble/hashes/legacy.js';

/** 16 bytes. */
export function attachmentChecksum(bytes: Uint8Array): Uint8Array {
  return md5(bytes);
}
