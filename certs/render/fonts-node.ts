// Reads the font files from node_modules: the one file of the renderer that knows Node.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { FONT_FILES, type Fonts, loadFonts } from './fonts.ts';

let fonts: Fonts | undefined;

/** The fonts of this process, read from their packages when first needed. */
export function nodeFonts(): Fonts {
  const { resolve } = createRequire(import.meta.url);
  fonts ??= loadFonts(
    (name) => readFileSync(resolve(FONT_FILES[name].path)),
    (bytes) => createHash('sha256').update(bytes).digest(),
  );
  return fonts;
}
