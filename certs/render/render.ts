// Record + proof → the certificate's bytes, all but the signature. The same input gives the same bytes on every machine, so
// a verifier draws the pages again and compares. Runs in Node and in a browser.

import { utf8Encode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { CertError } from '../core/errors.ts';
import { CertificateDocument, type RenderedPdf } from './document.ts';
import { readFacts } from './facts.ts';
import type { Fonts } from './fonts.ts';
import { drawPages } from './pages.ts';
import { PHRASES } from './phrases.ts';
import { rendererId } from './renderer-id.ts';
import { Sheet } from './sheet.ts';

export type { RenderedPdf } from './document.ts';
export { rendererId } from './renderer-id.ts';

/** Everything a certificate is made from. */
export interface RenderInput {
  /** Canonical bytes of the record. */
  readonly record: Uint8Array;
  /** Bytes of the .tlog-proof. */
  readonly proof: Uint8Array;
  /** Time of signing, YYYY-MM-DDTHH:MM:SSZ. */
  readonly signedAt: string;
  /** Room for the signature, in bytes. */
  readonly contentsBytes: number;
  /** The renderer that drew it, when it is drawn again. */
  readonly renderer?: string;
}

/**
 * Draws a certificate.
 * @throws CertError record-malformed, record-newer-format, commitment-mismatch; renderer-unknown when another renderer drew it before
 *   or a font is not ours; LedgerError tlog-proof-malformed
 */
export async function renderCertificate(input: RenderInput, fonts: Fonts): Promise<RenderedPdf> {
  const facts = readFacts(input.record, input.proof);
  const { renderer = rendererId() } = input;
  if (renderer !== rendererId()) {
    throw new CertError('renderer-unknown', `it was drawn by renderer ${renderer}, this is ${rendererId()}`);
  }
  const document = new CertificateDocument({
    fonts,
    title: `${PHRASES.title.zh} ${PHRASES.title.en} ${facts.header.id}`,
    signedAt: input.signedAt,
    fileId: fileId(input),
    contentsBytes: input.contentsBytes,
  });
  drawPages(new Sheet(document, fonts), facts, input.signedAt);
  document.attach({
    name: 'deposit.tlog-proof',
    type: 'text#2Fplain',
    relationship: 'Supplement',
    description: 'Proof of inclusion in the ledger, c2sp.org/tlog-proof',
    bytes: input.proof,
  });
  document.attach({
    name: 'record.json',
    type: 'application#2Fjson',
    relationship: 'Data',
    description: 'The record this certificate is drawn from',
    bytes: input.record,
  });
  return document.finish();
}

/** The /ID of the file: the same for the same record and proof, and for no other. */
function fileId({ record, proof }: RenderInput): Uint8Array {
  const digests = new Uint8Array([...sha256(record), ...sha256(proof)]);
  return sha256(new Uint8Array([...utf8Encode('probata certificate\n'), ...digests])).slice(0, 16);
}
