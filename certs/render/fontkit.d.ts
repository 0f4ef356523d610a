// The part of fontkit 2.0.4 that the renderer uses; the package ships no types.

declare module 'fontkit' {
  export interface FontkitGlyph {
    readonly id: number;
    readonly advanceWidth: number;
    readonly codePoints: readonly number[];
  }
  export interface FontkitPosition {
    readonly xAdvance: number;
    readonly xOffset: number;
    readonly yOffset: number;
  }
  export interface FontkitRun {
    readonly glyphs: readonly FontkitGlyph[];
    readonly positions: readonly FontkitPosition[];
  }
  export interface FontkitPositioning {
    /** Returns whether the lookup applied, so that no further one of its kind is tried on this glyph. */
    applyLookup(type: number, table: object): boolean;
  }
  export interface FontkitFont {
    readonly unitsPerEm: number;
    readonly characterSet: readonly number[];
    hasGlyphForCodePoint(codePoint: number): boolean;
    glyphForCodePoint(codePoint: number): FontkitGlyph;
    layout(
      text: string,
      /** OpenType features to turn on or off; the others are as the script wants them. */
      features: Readonly<Record<string, boolean>>,
      script: string,
      language: undefined,
      direction: 'ltr' | 'rtl',
    ): FontkitRun;
    /** Gives a glyph object, the same one for each call with its id. */
    getGlyph(id: number, codePoints?: readonly number[]): FontkitGlyph;
    /** Internal: the glyph objects made so far. */
    _glyphs: Record<number, FontkitGlyph>;
    /** Internal: what shapes; without a positioning processor when the font has no GPOS table. */
    readonly _layoutEngine: { readonly engine?: { readonly GPOSProcessor: FontkitPositioning | null } };
  }
  export function create(bytes: Uint8Array): FontkitFont;
}
