// The fonts of the certificate: which files, how text becomes glyphs. Font bytes come in through a callback, so this runs
// in a browser too; the digests make sure that everyone draws with the same glyphs.
// Not here: which font a character takes (clusters.ts), where glyphs go on the page (lines.ts).

import { create, type FontkitFont, type FontkitGlyph, type FontkitRun } from 'fontkit';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { CertError } from '../core/errors.ts';

/** Every font file: where its package keeps it, and the SHA-256 that it must have. Script is the OpenType tag it is shaped with. */
export const FONT_FILES = {
  'sc-regular': {
    path: '@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf',
    sha256: 'd45f67f0a7c0ca3f256950777ce6a61cc7ce5f9696d02900cbbaac25f8aa7d16',
    script: 'latn',
  },
  'sc-bold': {
    path: '@expo-google-fonts/noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf',
    sha256: '9a38ae0ab28cd5a256f9ea8e00dedc688aac17f7915fcb000572990afa956b96',
    script: 'latn',
  },
  'jp-regular': {
    path: '@expo-google-fonts/noto-sans-jp/400Regular/NotoSansJP_400Regular.ttf',
    sha256: 'd930d5d52d15231c283089760f84584272ad5e37e14607ba0d19c798e7a9caec',
    script: 'latn',
  },
  'arabic-regular': {
    path: '@expo-google-fonts/noto-sans-arabic/400Regular/NotoSansArabic_400Regular.ttf',
    sha256: '252629ca0e87b6233851249b8cbf7b43445211a8caf199f1b306a19202251508',
    script: 'arab',
  },
  'hebrew-regular': {
    path: '@expo-google-fonts/noto-sans-hebrew/400Regular/NotoSansHebrew_400Regular.ttf',
    sha256: 'e0ee753f09733337b9236221018d4bf71fd6d06c87dd76bbc83120514bc55911',
    script: 'hebr',
  },
  'emoji-regular': {
    path: '@expo-google-fonts/noto-emoji/400Regular/NotoEmoji_400Regular.ttf',
    sha256: '24aaa2a20c9c06ffe9bf04284bfd1f14376a329d10122f902abe2770817eb504',
    script: 'DFLT',
  },
} as const;

export type FontName = keyof typeof FONT_FILES;

/** A glyph placed by shaping. Lengths are thousandths of the font size. */
export interface Glyph {
  /** Glyph number in the font file. */
  readonly id: number;
  /** Advance the font gives it. */
  readonly natural: number;
  /** Advance in this run: kerning makes it differ. */
  readonly advance: number;
  /** Offsets of marks, x to the right, y up. */
  readonly dx: number;
  readonly dy: number;
  /** The characters it stands for; empty when a neighbour stands for them. */
  readonly codePoints: readonly number[];
}

/** Shaped runs kept for each font, and the longest kept: words that every certificate has are shaped once. */
const RUNS_KEPT_MAX = 4_096;
const RUN_KEPT_LENGTH_MAX = 32;

/** One parsed font. */
export class Face {
  readonly name: FontName;
  readonly font: FontkitFont;
  readonly #runs = new Map<string, readonly Glyph[]>();

  constructor(name: FontName, font: FontkitFont) {
    this.name = name;
    this.font = font;
    forgetFirstUse(font);
    allowMissingAnchors(font);
  }

  has(codePoint: number): boolean {
    return this.font.hasGlyphForCodePoint(codePoint);
  }

  /**
   * Shapes a run of text that this font has all characters of.
   * @param direction 'rtl' gives the glyphs in visual order, last character first
   * @param latin takes the narrow forms of quotation marks
   */
  shape(text: string, direction: 'ltr' | 'rtl', latin = false): readonly Glyph[] {
    const key = `${direction}${latin ? 1 : 0}${text}`;
    let glyphs = this.#runs.get(key);
    if (glyphs === undefined) {
      // OpenType features. No "liga": digests are compared letter by letter. "pwid": proportional widths.
      const { script } = FONT_FILES[this.name];
      const features = script === 'latn' ? { liga: false, pwid: latin } : {};
      glyphs = this.#layout(text, direction, features);
      if (this.#runs.size >= RUNS_KEPT_MAX) this.#runs.clear();
      if (text.length <= RUN_KEPT_LENGTH_MAX) this.#runs.set(key, glyphs);
    }
    return glyphs;
  }

  #layout(text: string, direction: 'ltr' | 'rtl', features: Readonly<Record<string, boolean>>): Glyph[] {
    const scale = 1000 / this.font.unitsPerEm;
    const { glyphs, positions } = this.#run(text, direction, features);
    return glyphs.map((glyph, i) => {
      const position = positions[i];
      if (position === undefined || glyph.id === 0) throw new Error('invariant: text is shaped in a font that has it');
      return {
        id: glyph.id,
        natural: glyph.advanceWidth * scale,
        advance: position.xAdvance * scale,
        dx: position.xOffset * scale,
        dy: position.yOffset * scale,
        codePoints: glyph.codePoints,
      };
    });
  }

  /** A text that fontkit cannot shape is drawn character by character: an acknowledged deposit must always have its certificate. */
  #run(text: string, direction: 'ltr' | 'rtl', features: Readonly<Record<string, boolean>>): FontkitRun {
    try {
      return this.font.layout(text, features, FONT_FILES[this.name].script, undefined, direction);
    } catch {
      const characters = direction === 'rtl' ? Array.from(text).reverse() : Array.from(text);
      const glyphs = characters.map((character) => this.font.glyphForCodePoint(character.codePointAt(0) as number));
      return {
        glyphs,
        positions: glyphs.map(({ advanceWidth }) => ({ xAdvance: advanceWidth, xOffset: 0, yOffset: 0 })),
      };
    }
  }
}

/**
 * OpenType lets a letter or mark have no anchor for some marks: there the lookup does not apply (GPOS, "Mark-to-Base Attachment").
 * fontkit reads the missing anchor instead and throws, with whatever else the text holds: here the lookup that fails does not apply.
 */
function allowMissingAnchors(font: FontkitFont): void {
  const positioning = font._layoutEngine.engine?.GPOSProcessor;
  if (positioning == null) return;
  const apply = positioning.applyLookup.bind(positioning);
  positioning.applyLookup = (type, table) => {
    try {
      return apply(type, table);
    } catch {
      return false;
    }
  };
}

/**
 * fontkit keeps one object for each glyph, which remembers the characters of its first use anywhere in the process: what one
 * document drew would change the bytes of the next. Here a glyph is kept for each pair of number and characters instead.
 */
function forgetFirstUse(font: FontkitFont): void {
  const make = font.getGlyph.bind(font);
  const kept = new Map<string, FontkitGlyph>();
  font.getGlyph = (id, codePoints = []) => {
    const key = `${id}:${codePoints.join(' ')}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    font._glyphs = {};
    const made = make(id, codePoints);
    kept.set(key, made);
    return made;
  };
}

/** The fonts of one process. Each file is read and parsed when the first character needs it. */
export class Fonts {
  readonly #read: (name: FontName) => Uint8Array;
  readonly #hash: (bytes: Uint8Array) => Uint8Array;
  readonly #faces = new Map<FontName, Face>();

  constructor(read: (name: FontName) => Uint8Array, hash: (bytes: Uint8Array) => Uint8Array) {
    this.#read = read;
    this.#hash = hash;
  }

  /**
   * A font, parsed.
   * @throws CertError renderer-unknown when its bytes are not the ones this renderer draws with
   */
  face(name: FontName): Face {
    const known = this.#faces.get(name);
    if (known !== undefined) return known;
    const bytes = this.#read(name);
    if (hexEncode(this.#hash(bytes)) !== FONT_FILES[name].sha256) {
      throw new CertError('renderer-unknown', `font ${name} is not the file that this renderer draws with`);
    }
    const face = new Face(name, create(bytes));
    this.#faces.set(name, face);
    return face;
  }
}

/**
 * Fonts for rendering; make them once per process.
 * @param read gives the bytes of a font file; called at most once for each name
 * @param hash SHA-256; give a native one where there is one, the files have 10 MB
 */
export function loadFonts(
  read: (name: FontName) => Uint8Array,
  hash: (bytes: Uint8Array) => Uint8Array = sha256,
): Fonts {
  return new Fonts(read, hash);
}
