// Reads the font files from node_modules: the one file of the renderer that knows Node.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { FONT_FILES, type FontName, type Fonts, loadFonts } from './fonts.ts';

const { resolve } = createRequire(import.meta.url);
let fonts: Fonts | undefined;

/** The fonts of this process, read from their packages when first needed. */
export function nodeFonts(): Fonts {
  fonts ??= loadFonts(readFontFile, (bytes) => createHash('sha256').update(bytes).digest());
  return fonts;
}

/** The bytes of a font file. */
export function readFontFile(name: FontName): Uint8Array {
  return readFileSync(resolve(FONT_FILES[name].path));
}
