// Drawing: lines of glyphs, rules and filled areas as PDF content operators (ISO 32000-1 sections 8 and 9).
// Points from the top left corner, y down; the page's own transform turns them around.

import type { CertificateDocument } from './document.ts';
import type { Line, Span, Style } from './lines.ts';

export type Color = Style['color'];

/** Colour of characters shown in notation, so that nobody takes them for the text itself. */
const NOTATION_COLOR: Color = [0.61, 0.18, 0.16];

/** Two decimals: 4 thousandths of a millimetre. */
export function coordinate(points: number): string {
  return String(Math.round(points * 100) / 100);
}

/**
 * Draws one line.
 * @param x left edge of its area
 * @param baseline points from the top
 * @param width of its area; only a line that runs from right to left needs it
 */
export function drawLine(
  document: CertificateDocument,
  line: Line,
  style: Style,
  x: number,
  baseline: number,
  width: number,
): void {
  const scale = style.size / 1000;
  let pen = line.rightToLeft ? x + width - line.width * scale : x;
  const operators = ['BT', fill(style.color)];
  for (const span of line.spans) {
    if (span.notation) operators.push(fill(NOTATION_COLOR));
    operators.push(`/${document.fontId(span.font)} ${coordinate(style.size)} Tf`);
    pen = showSpan(document, operators, span, scale, pen, baseline);
    if (span.notation) operators.push(fill(style.color));
  }
  operators.push('ET');
  document.write(operators.join('\n'));
}

/** Adds the operators that show a span; returns where the next one starts. */
function showSpan(
  document: CertificateDocument,
  operators: string[],
  { font, glyphs }: Span,
  scale: number,
  start: number,
  baseline: number,
): number {
  let pen = start;
  let array = '';
  let codes = '';
  const place = (x: number, y: number): void => {
    operators.push(`1 0 0 -1 ${coordinate(x)} ${coordinate(y)} Tm`);
  };
  const flush = (): void => {
    if (codes !== '') array += `<${codes}>`;
    if (array !== '') operators.push(`[${array}] TJ`);
    array = '';
    codes = '';
  };
  place(pen, baseline);
  for (const glyph of glyphs) {
    const isMark = glyph.dx !== 0 || glyph.dy !== 0;
    if (isMark) {
      flush();
      place(pen + glyph.dx * scale, baseline - glyph.dy * scale);
    }
    codes += document.glyphCode(font, glyph);
    pen += glyph.advance * scale;
    if (isMark) {
      flush();
      place(pen, baseline);
    } else if (glyph.advance !== glyph.natural) {
      array += `<${codes}>${coordinate(glyph.natural - glyph.advance)}`;
      codes = '';
    }
  }
  flush();
  return pen;
}

/** Fills a rectangle. */
export function drawArea(
  document: CertificateDocument,
  x: number,
  y: number,
  width: number,
  height: number,
  color: Color,
): void {
  document.write(`${fill(color)} ${[x, y, width, height].map(coordinate).join(' ')} re f`);
}

/** Fills many squares of one size in one colour, as one path. */
export function drawSquares(
  document: CertificateDocument,
  corners: readonly (readonly [x: number, y: number])[],
  side: number,
  color: Color,
): void {
  const squares = corners.map((corner) => `${[...corner, side, side].map(coordinate).join(' ')} re`);
  document.write(`${fill(color)}\n${squares.join('\n')}\nf`);
}

function fill(color: Color): string {
  return `${color.map(coordinate).join(' ')} rg`;
}
