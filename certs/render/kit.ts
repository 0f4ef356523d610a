// pdfkit 0.20.2 as we use it: the internals that its types leave out, and a document that records its bytes at once,
// compresses the same way everywhere, and writes only what PDF/A-3a and PDF/UA-1 allow.

import { zlibSync } from 'fflate';
import PDFDocument from 'pdfkit';
import { concat } from '../../ledger/core/bytes.ts';
import { type DocumentFacts, xmpDescriptions } from './xmp.ts';

/** A structure element (ISO 32000-1 section 14.7). */
export interface Element {
  add(child: unknown): Element;
  end(): void;
  readonly dictionary: Reference;
}

export interface ElementOptions {
  readonly lang?: string;
  readonly alt?: string;
  readonly scope?: 'Row' | 'Column';
  /** Left, top, right, bottom in points from the top left corner. */
  readonly bbox?: readonly [number, number, number, number];
}

/** An indirect object. */
export interface Reference {
  data: Record<string, unknown>;
  offset: number;
  compress: boolean;
  buffer: Uint8Array[];
  end(chunk?: Uint8Array): void;
  finalize(): void;
}

/** A font of the document, subset to the glyphs it shows. */
export interface EmbeddedFont {
  readonly id: string;
  readonly subset: { readonly glyphs: number[] };
  readonly widths: number[];
  readonly unicode: (readonly number[])[];
  ref(): Reference;
}

interface Page {
  readonly dictionary: Reference;
  readonly fonts: Record<string, Reference>;
}

/** What pdfkit's document has beyond its published types. */
interface Internals {
  readonly _root: Reference;
  readonly _font: EmbeddedFont;
  readonly page: Page;
  _id: Uint8Array;
  appendXML(xml: string): void;
  registerFont(name: string, font: unknown): void;
  struct(type: string, options: ElementOptions): Element;
  addStructure(element: Element): void;
  markStructureContent(tag: string): unknown;
  endMarkedContent(): void;
  annotate(x: number, y: number, width: number, height: number, options: object): void;
}

/** Text that PDFObject.convert writes as it stands. */
export class Verbatim {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  get [Symbol.toStringTag](): string {
    return 'Verbatim';
  }
  toString(): string {
    return this.#text;
  }
}

/** pdfkit's document, recording its bytes at once and with what it leaves open filled in. */
export class Kit extends PDFDocument {
  // Declared, not initialized: pdfkit's constructor already writes the file header.
  declare recorded: Uint8Array[];
  declare facts: DocumentFacts;
  declare atEnd: () => void;

  override push(chunk: Uint8Array | null): boolean {
    this.recorded ??= [];
    if (chunk !== null) this.recorded.push(chunk);
    return true;
  }

  override ref(data: object): ReturnType<PDFKit.PDFDocument['ref']> {
    const made = super.ref(data);
    const ref = made as unknown as Reference;
    const finalize = ref.finalize.bind(ref);
    ref.finalize = () => {
      // Node's zlib differs between builds; fflate is the same code everywhere.
      if (ref.compress && ref.buffer.length > 0) ref.buffer = [zlibSync(concat(...ref.buffer))];
      ref.compress = false;
      finalize();
    };
    return made;
  }

  /** pdfkit's own would repeat /Info without escaping it. */
  _addInfo(): void {
    internals(this).appendXML(xmpDescriptions(this.facts));
  }

  /** The last call before the cross-reference table. pdfkit's own would demand fonts for the form. */
  override endAcroForm(): this {
    this.atEnd();
    return this;
  }
}

/** The same document, seen with its internals. */
export function internals(kit: Kit): Internals {
  return kit as unknown as Internals;
}
