// A PDF file of one revision: header, objects that tile it without a gap, one classic cross-reference table, one trailer.
// ISO 32000-1 section 7.5, narrowed to the one layout our renderer writes. Read from front to back, and the cross-reference table
// must then say what was found: no object is hidden or shadowed, and nothing stands before, between or behind.
// Not here: what the objects may say, and that each is used (pdf-grammar.ts, pdf-profile.ts).

import { type PdfDict, PdfScanner, type PdfValue } from './pdf-objects.ts';

/** Most objects in one file. A certificate that lists as many files as its pages can (100) has some 700. */
export const PDF_OBJECTS_MAX = 100_000;

export interface PdfObject {
  readonly value: PdfValue;
  /** Bytes of the stream as they stand in the file; undefined when the object is no stream. */
  readonly stream?: Uint8Array;
}

export interface PdfFile {
  /** Index 0 is empty: object numbers start at 1. */
  readonly objects: readonly (PdfObject | undefined)[];
  readonly trailer: PdfDict;
}

/**
 * Reads a file.
 * @throws CertError pdf-not-ours
 */
export function parsePdfFile(bytes: Uint8Array): PdfFile {
  const scanner = new PdfScanner(bytes);
  scanner.skip('%PDF-1.7\n%');
  if (!scanner.skipBytes(4).every((byte) => byte === 0xff)) scanner.refuse('another binary marker than ours');
  scanner.skip('\n');
  const objects: PdfObject[] = [];
  const offsets: number[] = [];
  while (!scanner.sees('xref\n')) {
    const offset = scanner.at;
    const number = scanner.integer();
    if (number === 0 || number > PDF_OBJECTS_MAX || offsets[number] !== undefined) {
      scanner.refuse('an object number that is out of range or occurs twice');
    }
    offsets[number] = offset;
    objects[number] = readObject(scanner);
  }
  const xrefAt = scanner.at;
  readXref(scanner, offsets);
  const trailer = readTrailer(scanner, objects.length);
  scanner.skip(`\nstartxref\n${xrefAt}\n%%EOF\n`);
  if (scanner.at !== bytes.length) scanner.refuse('bytes after the end of the file');
  return { objects, trailer };
}

function readObject(scanner: PdfScanner): PdfObject {
  scanner.skip(' 0 obj\n');
  const value = scanner.value();
  scanner.skip('\n');
  if (scanner.sees('endobj\n')) {
    scanner.skip('endobj\n');
    return { value };
  }
  scanner.skip('stream\n');
  const length = value.type === 'dict' ? value.entries.get('Length') : undefined;
  if (length?.type !== 'number' || !Number.isSafeInteger(length.value) || length.value < 0) {
    scanner.refuse('a stream without a direct length');
  }
  const stream = scanner.skipBytes(length.value);
  scanner.skip('\nendstream\nendobj\n');
  return { value, stream };
}

/** One section, every object in use, each at the offset where it was found. */
function readXref(scanner: PdfScanner, offsets: readonly number[]): void {
  const size = Math.max(1, offsets.length);
  scanner.skip(`xref\n0 ${size}\n0000000000 65535 f \n`);
  for (let number = 1; number < size; number += 1) {
    const offset = offsets[number] ?? scanner.refuse(`object ${number} is missing`);
    scanner.skip(`${String(offset).padStart(10, '0')} 00000 n \n`);
  }
}

function readTrailer(scanner: PdfScanner, size: number): PdfDict {
  scanner.skip('trailer\n');
  const trailer = scanner.value();
  const stated = trailer.type === 'dict' ? trailer.entries.get('Size') : undefined;
  if (trailer.type !== 'dict' || stated?.type !== 'number' || stated.value !== size) {
    scanner.refuse('a trailer without the right Size');
  }
  return trailer.entries;
}
