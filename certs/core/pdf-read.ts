// The strict reader of certificate PDFs: takes exactly the files our renderer writes, and gives what is inside.
// Demands one revision whose objects tile the file (pdf-file.ts), only known objects and keys (pdf-profile.ts), and here: one signature
// over everything but itself (ISO 32000-1 12.8.1), one invisible field, two attachments that are what they are said to be.
// Not here: the signature itself (document-signature.ts), what the attachments say (record.ts, ledger/core).

import { equal, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { attachmentChecksum } from './checksum.ts';
import { derLength, TAG } from './der.ts';
import { CertError } from './errors.ts';
import { parsePdfFile } from './pdf-file.ts';
import { Reader, type Role, Walk } from './pdf-grammar.ts';
import { catalog, information, page, pageTree, signature, trailer, widget } from './pdf-profile.ts';

/** Longest certificate in bytes: a record of the largest size (32 MiB) fits. */
export const PDF_BYTES_MAX = 64 * 1024 * 1024;

/** In the order of the alphabet, as the name tree has them. */
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
  /** Which renderer it says drew it, 64 hex digits; undefined when it does not say. */
  readonly renderer: string | undefined;
  readonly attachments: Readonly<Record<AttachmentName, Uint8Array>>;
}

/**
 * Reads a certificate.
 * @throws CertError pdf-too-large, pdf-malformed (no PDF), pdf-encrypted, pdf-not-ours (a PDF, but not exactly a certificate of ours)
 */
export function readCertificatePdf(bytes: Uint8Array): CertificatePdf {
  if (bytes.length > PDF_BYTES_MAX) {
    throw new CertError('pdf-too-large', `PDF: longer than ${PDF_BYTES_MAX} bytes`);
  }
  if (!holdsAt(bytes, 0, '%PDF-')) throw new CertError('pdf-malformed', 'PDF: the file is no PDF');
  try {
    return read(bytes);
  } catch (error) {
    if (!(error instanceof CertError)) throw error;
    const lacking = PARTS.filter((text) => placeOf(bytes, text) < 0);
    // Encryption hides the names of attachments. Where one of them can be read, `/Encrypt` is a text that anybody could have put there.
    if (ATTACHMENT_NAMES.every((name) => lacking.includes(name)) && isEncrypted(bytes))
      throw new CertError('pdf-encrypted', 'PDF: the file is encrypted', { cause: error });
    if (lacking.length > 0)
      throw new CertError('pdf-not-ours', `PDF: it lacks ${lacking.join(', ')}`, { cause: error });
    throw error;
  }
}

function read(bytes: Uint8Array): CertificatePdf {
  const file = parsePdfFile(bytes);
  const numbersOf = new Walk(file).run(trailer);
  const reader = new Reader(file);
  const one = (role: Role): number => {
    const [number, ...more] = numbersOf(role);
    return number !== undefined && more.length === 0 ? number : refuse(`not exactly one ${role.name}`);
  };
  checkPages(reader, one(pageTree), numbersOf(page), one(widget));
  return {
    ...readSignature(reader, one(signature), bytes),
    renderer: readRenderer(reader, one(information)),
    attachments: readAttachments(reader, one(catalog)),
  };
}

/** `Probata <id>`, where PDF names the program that made what is drawn: ISO 32000-1 14.3.3. */
function readRenderer(reader: Reader, number: number): string | undefined {
  const creator = reader.object(reader.number(reader.entries(number).get('Creator'))).value;
  return /^Probata ([0-9a-f]{64})$/.exec(utf8Decode(reader.bytes(creator)) ?? '')?.[1];
}

/** The page tree lists every page, and the field is on exactly one of them. */
function checkPages(reader: Reader, root: number, pages: readonly number[], field: number): void {
  const tree = reader.entries(root);
  const kids = reader.items(tree.get('Kids')).map((kid) => reader.number(kid));
  if (
    new Set(kids).size !== kids.length ||
    kids.length !== pages.length ||
    reader.number(tree.get('Count')) !== kids.length
  ) {
    refuse('the page tree does not list every page once');
  }
  const annotated = kids.filter((kid) => reader.entries(kid).has('Annots'));
  const on = reader.number(reader.entries(field).get('P'));
  if (annotated.length !== 1 || annotated[0] !== on) refuse('the signature field is not on exactly one page');
}

// ---- signature -----------------------------------------------------------------------------------------------------

function readSignature(
  reader: Reader,
  number: number,
  bytes: Uint8Array,
): Omit<CertificatePdf, 'attachments' | 'renderer'> {
  const entries = reader.entries(number);
  const contents = entries.get('Contents');
  if (contents?.type !== 'hex') throw new Error('invariant: the grammar has checked Contents');
  const { start, end } = contents;
  const range = reader.items(entries.get('ByteRange')).map((item) => reader.number(item));
  // ISO 32000-2 12.8.1: the range should be the whole file without the Contents value. Ours must.
  const expected = [0, start, end, bytes.length - end] as const;
  if (range.join() !== expected.join()) refuse('the signature does not cover the whole file but itself');
  const length = signatureLength(contents.bytes);
  if (contents.bytes.subarray(length).some((byte) => byte !== 0)) refuse('something stands behind the signature value');
  return {
    signatureByteRange: expected,
    contentsBytes: contents.bytes.length,
    cms: contents.bytes.subarray(0, length),
    signedBytes: [bytes.subarray(0, start), bytes.subarray(end)],
    signedAt: readDate(reader.bytes(entries.get('M'))),
  };
}

function signatureLength(contents: Uint8Array): number {
  try {
    const length = derLength(contents);
    if (contents[0] === TAG.sequence && length <= contents.length) return length;
  } catch (error) {
    if (!(error instanceof CertError)) throw error;
  }
  return refuse('the signature value is no DER');
}

/** `D:YYYYMMDDHHMMSSZ` (ISO 32000-1 7.9.4, always UTC) to `YYYY-MM-DDTHH:MM:SSZ`; refuses days that are in no calendar. */
function readDate(bytes: Uint8Array): string {
  const [, ...parts] = /^D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(utf8Decode(bytes) ?? '') ?? [];
  const [year, month, day, hour, minute, second] = parts;
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  if (parts.length !== 6 || Number.isNaN(ms) || new Date(ms).toISOString() !== `${text}.000Z`)
    refuse('a date without form');
  return `${text}Z`;
}

// ---- attachments ---------------------------------------------------------------------------------------------------

/** The same two files by name (what viewers list) and as associated files (what PDF/A-3 lists), each under one name only. */
function readAttachments(reader: Reader, root: number): CertificatePdf['attachments'] {
  const entries = reader.entries(root);
  const tree = reader.items(reader.entries(reader.entries(entries.get('Names')).get('EmbeddedFiles')).get('Names'));
  const associated = reader.items(entries.get('AF')).map((item) => reader.number(item));
  const listed = [tree[1], tree[3]].map((item) => reader.number(item));
  if (new Set(listed).size !== 2 || [...listed].sort().join() !== [...associated].sort().join()) {
    refuse('the files listed by name are not the associated files');
  }
  const [proof, record] = ATTACHMENT_NAMES.map((name, i) => {
    if (!equal(reader.bytes(tree[2 * i]), utf8Encode(name))) refuse(`no attachment ${name}`);
    return readAttachment(reader, listed[i] as number, name);
  });
  return { 'deposit.tlog-proof': proof as Uint8Array, 'record.json': record as Uint8Array };
}

function readAttachment(reader: Reader, number: number, name: AttachmentName): Uint8Array {
  const specification = reader.entries(number);
  for (const key of ['F', 'UF']) {
    if (!equal(reader.bytes(specification.get(key)), utf8Encode(name))) refuse(`${name} has a second name`);
  }
  const embedded = reader.entries(specification.get('EF'));
  const stream = reader.number(embedded.get('F'));
  if (stream !== reader.number(embedded.get('UF'))) refuse(`${name} has two contents`);
  const { stream: bytes = new Uint8Array(0) } = reader.object(stream);
  const params = reader.entries(reader.entries(stream).get('Params'));
  if (reader.number(params.get('Size')) !== bytes.length) refuse(`${name} has another size than stated`);
  if (!equal(reader.bytes(params.get('CheckSum')), attachmentChecksum(bytes))) refuse(`${name} has another checksum`);
  return bytes;
}

// ---- files that are not ours ---------------------------------------------------------------------------------------

function refuse(why: string): never {
  throw new CertError('pdf-not-ours', `PDF: ${why}`);
}

/** What a certificate has and other PDFs do not: to say of somebody else's PDF what it lacks. */
const PARTS = ['/SubFilter /ETSI.CAdES.detached', ...ATTACHMENT_NAMES];

/** Whether a refused file says it is encrypted: `/Encrypt` and a reference, as every trailer of an encrypted file has it. */
function isEncrypted(bytes: Uint8Array): boolean {
  for (let at = placeOf(bytes, '/Encrypt '); at >= 0; at = placeOf(bytes, '/Encrypt ', at + 1)) {
    const after = bytes[at + '/Encrypt '.length] ?? 0;
    if (after >= 0x30 && after <= 0x39) return true;
  }
  return false;
}

/** Offset of the first place where this ASCII text stands, -1 when there is none. */
function placeOf(bytes: Uint8Array, text: string, from = 0): number {
  const first = text.charCodeAt(0);
  let at = bytes.indexOf(first, from);
  while (at >= 0 && !holdsAt(bytes, at, text)) at = bytes.indexOf(first, at + 1);
  return at;
}

function holdsAt(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
