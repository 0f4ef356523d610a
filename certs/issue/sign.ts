// Signs a rendered certificate: fills /Contents with a CMS signature and its timestamp (PAdES B-T, ETSI EN 319 142-1).
// The placeholder's place comes from the renderer and is never searched for: what looks like one may stand in a record's text.
// Not here: rendering (certs/render), running the verifier on the result (issue.ts).

import { concat, hexEncode, utf8Encode } from '../../ledger/core/bytes.ts';
import { formatSignedData } from '../core/cms.ts';
import { OID } from '../core/oids.ts';
import type { X509 } from '../core/x509.ts';
import type { RenderedPdf } from '../render/document.ts';
import { type SignBytes, signCms } from './sign-cms.ts';

export interface PdfSigner {
  readonly sign: SignBytes;
  /** Signer's certificate, then the intermediates upwards, without the root. */
  readonly path: readonly X509[];
  /** Gets a TimeStampToken (DER) over these bytes, the signature. */
  readonly timestamp: (signature: Uint8Array) => Promise<Uint8Array>;
}

/**
 * Signs.
 * @param rendered /ByteRange is already right; /Contents is zeros
 * @returns the finished certificate, of the same length
 * @throws Error when the placeholder is too small; whatever the signer and the timestamp authority throw
 */
export async function signPdf(rendered: RenderedPdf, signer: PdfSigner): Promise<Uint8Array> {
  const { bytes, contentsStart, contentsEnd } = rendered;
  const cms = await signDocument([bytes.subarray(0, contentsStart), bytes.subarray(contentsEnd)], signer);
  const room = (contentsEnd - contentsStart - 2) / 2;
  if (cms.length > room) throw new Error(`the signature has ${cms.length} bytes, the placeholder only ${room}`);
  const hex = utf8Encode(hexEncode(cms).padEnd(2 * room, '0'));
  return concat(bytes.subarray(0, contentsStart + 1), hex, bytes.subarray(contentsEnd - 1));
}

/**
 * The signature with its timestamp over it.
 * @param content the bytes signed, in parts
 * @returns DER
 */
export async function signDocument(content: readonly Uint8Array[], signer: PdfSigner): Promise<Uint8Array> {
  const signed = await signCms({ contentType: OID.data, content, path: signer.path, sign: signer.sign });
  const token = await signer.timestamp(signed.signature);
  return formatSignedData({ ...signed, unsignedAttributes: [{ type: OID.timeStampToken, value: token }] });
}
