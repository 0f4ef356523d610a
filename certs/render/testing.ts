// Reads the text back from a rendered certificate, through the fonts' own ToUnicode tables, as a viewer does when one copies;
// knows only files made by document.ts. And: which texts the fonts cannot shape. Only tests import it.

import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { MARKS } from './clusters.ts';
import { FONT_FILES, type FontName, type Fonts, loadFonts } from './fonts.ts';
import { readFontFile } from './fonts-node.ts';
import { layOut, type Style } from './lines.ts';

const NAMES = Object.keys(FONT_FILES) as FontName[];

/** Every code point that some font has, lone surrogates apart. */
export function everyCodePoint(fonts: Fonts): number[] {
  return [...new Set(NAMES.flatMap((name) => [...fonts.face(name).font.characterSet]))].filter(
    (codePoint) => codePoint < 0xd800 || codePoint > 0xdfff,
  );
}

/** Every combining mark that some font has. */
export function everyMark(): number[] {
  return MARKS.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

/** Those of the samples that fontkit cannot shape, in hex. Their fonts are their own: others remember what they have shaped. */
export function unshaped(samples: readonly string[], style: Style): string[] {
  const fonts = loadFonts(readFontFile, (bytes) => createHash('sha256').update(bytes).digest());
  let failures = 0;
  for (const name of NAMES) {
    const { font } = fonts.face(name);
    const layout = font.layout.bind(font);
    font.layout = (...args) => {
      try {
        return layout(...args);
      } catch (error) {
        failures += 1;
        throw error;
      }
    };
  }
  const found = samples.filter((sample) => {
    failures = 0;
    layOut(fonts, sample, style, 164);
    return failures > 0;
  });
  return found.map((sample) => Array.from(sample, (c) => (c.codePointAt(0) as number).toString(16)).join(' '));
}

/** The text of each page, one line for each line drawn. */
export function pageTexts(pdf: Uint8Array): string[] {
  const file = Buffer.from(pdf).toString('latin1');
  const fonts = new Map<string, Map<string, string>>();
  for (const [, resources] of file.matchAll(/\/Type \/Page\n[\s\S]*?\/Resources (\d+) 0 R/g)) {
    for (const [, name, number] of objectText(file, resources).matchAll(/\/(F\d+) (\d+) 0 R/g)) {
      fonts.set(String(name), toUnicode(file, String(number)));
    }
  }
  return pageOperators(pdf).map((operators) => textOf(operators, fonts));
}

/** What draws each page. */
export function pageOperators(pdf: Uint8Array): string[] {
  const file = Buffer.from(pdf).toString('latin1');
  const pages = file.matchAll(/\/Type \/Page\n[\s\S]*?\/Contents (\d+) 0 R/g);
  return [...pages].map(([, contents]) => stream(file, contents));
}

/** Every font program is embedded and no glyph of it is the one for missing characters. */
export function usedGlyphCodes(pdf: Uint8Array): Set<string> {
  const shown = pageOperators(pdf).flatMap((operators) => [...operators.matchAll(/<([0-9a-f]+)>/g)]);
  return new Set(shown.flatMap(([, hex]) => String(hex).match(/.{4}/g) ?? []));
}

function textOf(operators: string, fonts: ReadonlyMap<string, Map<string, string>>): string {
  let text = '';
  let font: Map<string, string> | undefined;
  for (const [token, name, hex] of operators.matchAll(/BT|\/(F\d+) [\d.]+ Tf|<([0-9a-f]+)>/g)) {
    if (token === 'BT') text += '\n';
    else if (name !== undefined) font = fonts.get(name);
    else for (const code of String(hex).match(/.{4}/g) ?? []) text += font?.get(code) ?? '\ufffd';
  }
  return text.slice(1);
}

function toUnicode(file: string, fontNumber: string): Map<string, string> {
  const [, number] = /\/ToUnicode (\d+) 0 R/.exec(objectText(file, fontNumber)) ?? [];
  const map = new Map<string, string>();
  for (const [, first, list] of stream(file, number).matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/g)) {
    for (const [i, [, units]] of [...String(list).matchAll(/<([^>]*)>/g)].entries()) {
      const code = (Number.parseInt(String(first), 16) + i).toString(16).padStart(4, '0');
      const text = String(units)
        .split(' ')
        .filter((unit) => unit !== '');
      map.set(code, text.map((unit) => String.fromCharCode(Number.parseInt(unit, 16))).join(''));
    }
  }
  return map;
}

function objectText(file: string, number: string | undefined): string {
  const start = file.indexOf(`\n${number} 0 obj\n`);
  return file.slice(start, file.indexOf('endobj', start));
}

function stream(file: string, number: string | undefined): string {
  const object = objectText(file, number);
  const start = file.indexOf(object) + object.indexOf('stream\n') + 'stream\n'.length;
  const [, length] = /\/Length (\d+)/.exec(object) ?? [];
  return inflateSync(Buffer.from(file.slice(start, start + Number(length)), 'latin1')).toString('latin1');
}
