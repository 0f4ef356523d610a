// The strict reader of certificate PDFs. Reading rules follow in this file; this is the interface others code against.

export const ATTACHMENT_NAMES = ['deposit.tlog-proof', 'record.json'] as const;
export type AttachmentName = (typeof ATTACHMENT_NAMES)[number];

/** What a certificate PDF holds once its structure is known to be exactly ours. */
export interface CertificatePdf {
  /** [0, offset of '<', offset after '>', bytes from there to the end]. */
  readonly signatureByteRange: readonly [number, number, number, number];
  /** Bytes the signature placeholder has room for. */
  readonly contentsBytes: number;
  /** DER, padding removed. */
  readonly cms: Uint8Array;
  /** The two slices the signature is over. */
  readonly signedBytes: readonly [Uint8Array, Uint8Array];
  /** The claimed time of signing, from /M: 'YYYY-MM-DDTHH:MM:SSZ'. */
  readonly signedAt: string;
  readonly attachments: Readonly<Record<AttachmentName, Uint8Array>>;
}
