// Signs CMS in our own profile (certs/core/cms-profile.ts): what the platform puts on certificates and the courts on tokens.
// RFC 5652 5.4 for what is signed. The key stays behind a function, so that it may live in an HSM.
// Not here: the timestamp on the signature (sign.ts), what a token says (tsa.ts).

import { createPrivateKey, sign } from 'node:crypto';
import type { SignedData } from '../core/cms.ts';
import { prepareOwnSignature } from '../core/cms-profile.ts';
import { Fields, parseDer, readInteger } from '../core/der.ts';
import { encodeInteger, encodeSequence } from '../core/der-write.ts';
import type { X509 } from '../core/x509.ts';

/** ECDSA P-256 over the SHA-256 of the bytes; returns the DER Ecdsa-Sig-Value, with either form of s. */
export type SignBytes = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** The order of P-256 (FIPS 186-5, SP 800-186 3.2.1.3). */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** A P-256 key in memory. @param pkcs8Pem as certs/issue/ca.ts gives it */
export function signingKey(pkcs8Pem: string): SignBytes {
  const key = createPrivateKey(pkcs8Pem);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('invariant: signing keys are P-256');
  return (bytes) => new Uint8Array(sign('sha256', bytes, key));
}

/**
 * Signs content.
 * @param o `contentType` object identifier; `content` bytes in parts; `path` signer, then intermediates upwards, without the root
 * @returns the parts of a SignedData; its content is detached, the caller may put it in
 */
export async function signCms(o: {
  contentType: string;
  content: readonly Uint8Array[];
  path: readonly X509[];
  sign: SignBytes;
}): Promise<SignedData> {
  const { parts, toSign } = prepareOwnSignature(o.contentType, o.content, o.path);
  return { ...parts, signature: lowS(await o.sign(toSign)) };
}

/** Of (r, s) and (r, n − s), which verify alike, the one with the smaller s: a signature has one form only. */
function lowS(signature: Uint8Array): Uint8Array {
  const fields = new Fields(parseDer(signature), 'Ecdsa-Sig-Value');
  const [r, s] = [readInteger(fields.take()), readInteger(fields.take())];
  fields.end();
  return encodeSequence(encodeInteger(r), encodeInteger(s > P256_ORDER / 2n ? P256_ORDER - s : s));
}
