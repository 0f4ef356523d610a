// The PDF file around the pages: PDF/A-3a and PDF/UA-1 in one revision, made with pdfkit, same input → same bytes everywhere.
// ISO 19005-3, ISO 14289-1, ETSI EN 319 142-1. Deterministic because: dates and /ID come from the caller, streams are deflated
// by fflate instead of the platform's zlib, nothing is read from a clock, a locale or a file system.
// Not here: pdfkit's own ways (kit.ts), what the pages say (pages.ts), filling the signature (certs/issue/sign.ts).

import { concat, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { attachmentChecksum } from '../core/checksum.ts';
import type { FontName, Fonts, Glyph } from './fonts.ts';
import {
  type Element,
  type ElementOptions,
  type EmbeddedFont,
  internals,
  Kit,
  type Reference,
  Verbatim,
} from './kit.ts';
import { LIBRARIES, rendererId } from './renderer-id.ts';

/** Points; A4. */
export const PAGE_WIDTH = 595.28;
export const PAGE_HEIGHT = 841.89;

/** A certificate before it is signed. */
export interface RenderedPdf {
  /** The whole file: /ByteRange is right, /Contents holds zeros. */
  readonly bytes: Uint8Array;
  /** Offset of the '<' of /Contents. */
  readonly contentsStart: number;
  /** Offset after its '>'. */
  readonly contentsEnd: number;
}

export interface DocumentOptions {
  readonly fonts: Fonts;
  readonly title: string;
  /** Time of signing: /M, CreationDate and the dates of the attachments. YYYY-MM-DDTHH:MM:SSZ. */
  readonly signedAt: string;
  /** 16 bytes. */
  readonly fileId: Uint8Array;
  /** Room for the signature, in bytes. */
  readonly contentsBytes: number;
}

export interface Attachment {
  readonly name: string;
  /** PDF name of the MIME type, escaped: 'application#2Fjson'. */
  readonly type: string;
  readonly relationship: 'Data' | 'Supplement';
  readonly description: string;
  readonly bytes: Uint8Array;
}

/** A font of this document, with the number it gave to each pair of glyph and characters. */
interface Embedded {
  readonly font: EmbeddedFont;
  readonly numbers: Map<string, number>;
}

const BYTE_RANGE_EMPTY = '[0 0000000000 0000000000 0000000000]';

/** A certificate being drawn. Content operators use points from the top left corner, y down. */
export class CertificateDocument {
  readonly root: Element;
  readonly #fonts: Fonts;
  readonly #kit: Kit;
  readonly #signature: Reference;
  readonly #signedAt: Date;
  readonly #embedded = new Map<FontName, Embedded>();

  constructor(options: DocumentOptions) {
    this.#fonts = options.fonts;
    this.#signedAt = new Date(options.signedAt);
    if (`${this.#signedAt.toISOString().slice(0, -5)}Z` !== options.signedAt)
      throw new Error('invariant: signedAt is UTC seconds');
    const facts = {
      title: options.title,
      creator: `Probata ${rendererId()}`,
      producer: `pdfkit ${LIBRARIES.pdfkit}`,
      created: options.signedAt,
    };
    this.#kit = new Kit({
      pdfVersion: '1.7',
      subset: 'PDF/A-3a',
      tagged: true,
      lang: 'zh-CN',
      displayTitle: true,
      autoFirstPage: false,
      bufferPages: true,
      size: [PAGE_WIDTH, PAGE_HEIGHT],
      margin: 0,
      // No standard font: null, unlike undefined, keeps pdfkit from loading Helvetica.
      font: null as unknown as string,
      info: { Title: facts.title, Creator: facts.creator, Producer: facts.producer, CreationDate: this.#signedAt },
    });
    this.#kit.facts = facts;
    internals(this.#kit)._id = options.fileId;
    this.#signature = this.#makeSignature(options.contentsBytes);
    this.root = internals(this.#kit).struct('Document', {});
    internals(this.#kit).addStructure(this.root);
  }

  addPage(): void {
    this.#kit.addPage();
  }

  /** Draws on a page again, 0-based. */
  onPage(page: number, draw: () => void): void {
    this.#kit.switchToPage(page);
    draw();
  }

  /** Adds content operators to the page. */
  write(operators: string): void {
    this.#kit.addContent(operators);
  }

  /** Adds a structure element under its parent. The caller ends it. */
  element(parent: Element, type: string, options: ElementOptions = {}): Element {
    const element = internals(this.#kit).struct(type, options);
    parent.add(element);
    return element;
  }

  /** Draws content that belongs to a structure element. */
  mark(element: Element, draw: () => void): void {
    const content = internals(this.#kit).markStructureContent(String(element.dictionary.data['S']));
    draw();
    internals(this.#kit).endMarkedContent();
    element.add(content);
  }

  /** Draws what a reader of the text need not hear: rules, backgrounds, running heads. */
  artifact(draw: () => void, type: 'Layout' | 'Pagination' = 'Layout'): void {
    this.write(`/Artifact <</Type /${type}>> BDC`);
    draw();
    this.write('EMC');
  }

  /** Name of a font in the resources of this page. */
  fontId(name: FontName): string {
    const { font } = this.#embed(name);
    internals(this.#kit).page.fonts[font.id] ??= font.ref();
    return font.id;
  }

  /**
   * Four hex digits that show this glyph. A glyph that stands for other characters elsewhere gets another number,
   * so that text copied from the page is exactly the text that was drawn.
   */
  glyphCode(name: FontName, glyph: Glyph): string {
    const { font, numbers } = this.#embed(name);
    const key = `${glyph.id}:${glyph.codePoints.join(' ')}`;
    let number = numbers.get(key);
    if (number === undefined) {
      number = font.subset.glyphs.push(glyph.id) - 1;
      numbers.set(key, number);
      font.widths[number] = glyph.natural;
      font.unicode[number] = glyph.codePoints;
    }
    return number.toString(16).padStart(4, '0');
  }

  /** Puts the invisible signature field on the current page (ISO 32000-1 section 12.7.4.5; no area, so no appearance). */
  addSignatureField(parent: Element, description: string): void {
    const { page } = internals(this.#kit);
    const form = this.element(parent, 'Form');
    internals(this.#kit).annotate(0, PAGE_HEIGHT, 0, 0, {
      Subtype: 'Widget',
      FT: 'Sig',
      T: new String('Signature'),
      TU: new String(description),
      V: this.#signature,
      // ISO 32000-1 table 165: Print and Locked.
      F: 132,
      P: page.dictionary,
      structParent: form,
    });
    form.end();
    const [widget] = page.dictionary.data['Annots'] as Reference[];
    // ISO 32000-1 table 219: SignaturesExist and AppendOnly.
    internals(this.#kit)._root.data['AcroForm'] = this.#ref({ Fields: [widget], SigFlags: 3 }, true);
  }

  /** Embeds an associated file (ISO 19005-3 section 6.8), uncompressed so that anyone can read it with a text tool. */
  attach({ name, type, relationship, description, bytes }: Attachment): void {
    const params = { Size: bytes.length, CheckSum: attachmentChecksum(bytes), ModDate: this.#signedAt };
    const stream = this.#ref({ Type: 'EmbeddedFile', Subtype: type, Params: params });
    stream.compress = false;
    stream.end(bytes);
    const text = new String(name);
    const specification = this.#ref({
      Type: 'Filespec',
      F: text,
      UF: text,
      Desc: new String(description),
      AFRelationship: relationship,
      EF: { F: stream, UF: stream },
    });
    specification.end();
    this.#kit.addNamedEmbeddedFile(name, specification as unknown as PDFKit.PDFKitReference);
    const { data } = internals(this.#kit)._root;
    data['AF'] = [...((data['AF'] as Reference[] | undefined) ?? []), specification];
  }

  /** Ends the file. */
  finish(): RenderedPdf {
    this.root.end();
    this.#kit.atEnd = () => this.#signature.end();
    this.#kit.end();
    return fillByteRange(concat(...this.#kit.recorded), this.#signature.offset);
  }

  #makeSignature(contentsBytes: number): Reference {
    const transform = { Type: 'TransformParams', P: 1, V: '1.2' };
    const signature = this.#ref({
      Type: 'Sig',
      Filter: 'Adobe.PPKLite',
      SubFilter: 'ETSI.CAdES.detached',
      ByteRange: new Verbatim(BYTE_RANGE_EMPTY),
      Contents: new Uint8Array(contentsBytes),
      M: this.#signedAt,
      // A certification signature that permits no change (ISO 32000-1 section 12.8.2.2).
      Reference: [{ Type: 'SigRef', TransformMethod: 'DocMDP', TransformParams: transform }],
    });
    internals(this.#kit)._root.data['Perms'] = { DocMDP: signature };
    return signature;
  }

  #ref(data: object, end = false): Reference {
    const ref = this.#kit.ref(data) as unknown as Reference;
    if (end) ref.end();
    return ref;
  }

  #embed(name: FontName): Embedded {
    const known = this.#embedded.get(name);
    if (known !== undefined) return known;
    internals(this.#kit).registerFont(name, this.#fonts.face(name).font);
    this.#kit.font(name);
    const embedded = { font: internals(this.#kit)._font, numbers: new Map<string, number>() };
    this.#embedded.set(name, embedded);
    return embedded;
  }
}

/** Writes /ByteRange in place. The placeholder is found by the offset of its object: a record's text may hold another. */
function fillByteRange(bytes: Uint8Array, signatureOffset: number): RenderedPdf {
  const head = utf8Decode(bytes.subarray(signatureOffset, signatureOffset + 200)) ?? '';
  const rangeStart = signatureOffset + head.indexOf(BYTE_RANGE_EMPTY);
  const contentsStart = signatureOffset + head.indexOf('/Contents <') + '/Contents '.length;
  const contentsEnd = bytes.indexOf('>'.charCodeAt(0), contentsStart) + 1;
  if (rangeStart < signatureOffset || contentsStart <= rangeStart)
    throw new Error('invariant: no signature placeholder');
  const range = `[0 ${contentsStart} ${contentsEnd} ${bytes.length - contentsEnd}]`.padEnd(BYTE_RANGE_EMPTY.length);
  bytes.set(utf8Encode(range), rangeStart);
  return { bytes, contentsStart, contentsEnd };
}
