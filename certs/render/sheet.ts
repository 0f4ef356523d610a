// Pages that fill from top to bottom. Everything on them is a row of cells; a row moves to the next page whole when it fits
// there, and is continued line by line when it is longer than a page. Each cell is tagged as it is drawn.
// Not here: what is written (pages.ts), how a line is drawn (canvas.ts).

import { type Color, drawArea, drawLine } from './canvas.ts';
import type { CertificateDocument } from './document.ts';
import type { Fonts } from './fonts.ts';
import type { Element } from './kit.ts';
import { type Line, layOut, type Style } from './lines.ts';
import { BOTTOM, HEADING, HEADING_EN, LEFT, NAVY, QUOTE, QUOTE_INSET, RULE, TOP, WIDTH } from './styles.ts';

/** Text in one style. */
export interface Block {
  readonly text: string;
  readonly style: Style;
  /** Set when the text is not Chinese. */
  readonly lang?: 'en';
  /** Points of white above. */
  readonly gap?: number;
}

/** One cell of a row. */
export interface Cell {
  /** Points from the left edge of the text area. */
  readonly x: number;
  readonly width: number;
  readonly blocks: readonly Block[];
  /** A heading of its row or column. */
  readonly heads?: 'Row' | 'Column';
  /** What stands here on the further pages of a row that is longer than a page. */
  readonly continued?: readonly Block[];
  /** Somebody else's words: a line runs beside all of them. */
  readonly quoted?: true;
}

export interface RowOptions {
  /** Points of white above and below the text. */
  readonly padding?: number;
  /** A thin line below. */
  readonly rule?: Color;
  /** Colour behind the row, with a dark edge at its left. */
  readonly panel?: Color;
}

/** A line with its place in the cell. */
interface Placed {
  readonly line: Line;
  readonly block: Block;
  /** Points from the top of the cell. */
  readonly top: number;
}

/** A cell being drawn, perhaps over several pages. */
interface OpenCell {
  readonly cell: Cell;
  readonly element: Element;
  readonly placed: readonly Placed[];
  /** Elements of the blocks that are not Chinese, made when first drawn. */
  readonly spans: Map<Block, Element>;
  next: number;
}

/** The baseline within a line: Noto's ideographic em box has 0.88 above it. */
const EM_ABOVE = 0.88;
/** A heading takes at least this much of what follows with it, in points. */
const HEADING_COMPANY = 64;
/** Below this much room a row that must be cut starts on the next page, in points. */
const CUT_ROOM_MIN = 90;

/** The pages of one certificate. */
export class Sheet {
  readonly document: CertificateDocument;
  readonly fonts: Fonts;
  /** Where the next row starts, in points from the top. */
  y = 0;
  pages = 0;
  #columns: readonly Cell[] | undefined;

  constructor(document: CertificateDocument, fonts: Fonts) {
    this.document = document;
    this.fonts = fonts;
  }

  newPage(): void {
    this.document.addPage();
    this.pages += 1;
    this.y = TOP;
    if (this.#columns !== undefined) this.#repeatColumns(this.#columns);
  }

  /** A section's heading, kept together with what follows. */
  heading(text: string, textEn: string): void {
    if (this.y > TOP) this.y += 14;
    this.keepTogether();
    const { document } = this;
    const element = document.element(document.root, 'H2');
    document.artifact(() => drawArea(document, LEFT, this.y + 3.2, 3, 12.4, NAVY));
    const [line] = layOut(this.fonts, text, HEADING, WIDTH);
    const [lineEn] = layOut(this.fonts, textEn, HEADING_EN, WIDTH);
    if (line === undefined || lineEn === undefined) throw new Error('invariant: text has a line');
    const baseline = this.y + 13.6;
    document.mark(element, () => drawLine(document, line, HEADING, LEFT + 10, baseline, WIDTH));
    const span = document.element(element, 'Span', { lang: 'en' });
    const after = LEFT + 10 + (line.width / 1000) * HEADING.size + 8;
    document.mark(span, () => drawLine(document, lineEn, HEADING_EN, after, baseline, WIDTH));
    element.end();
    this.y += HEADING.leading + 4;
  }

  /** Starts a new page when there is no room for a heading with some of what follows. */
  keepTogether(): void {
    if (this.y + HEADING_COMPANY > BOTTOM) this.newPage();
  }

  /** Starts a table; its column heads, if any, are repeated on every page. */
  table(columns: readonly Cell[] | undefined, rows: (table: Element) => void): void {
    const table = this.document.element(this.document.root, 'Table');
    if (columns !== undefined) this.row(table, columns, { padding: 3, rule: NAVY });
    this.#columns = columns;
    rows(table);
    this.#columns = undefined;
    table.end();
  }

  /** A row of a table. */
  row(table: Element, cells: readonly Cell[], options: RowOptions = { padding: 4, rule: RULE }): void {
    const element = this.document.element(table, 'TR');
    const open = cells.map((cell): OpenCell => {
      const tag = cell.heads === undefined ? 'TD' : 'TH';
      const scope = cell.heads === undefined ? {} : { scope: cell.heads };
      return { ...this.#open(cell), element: this.document.element(element, tag, scope) };
    });
    this.#flow(open, options);
    element.end();
  }

  /** A paragraph, or with another tag a title. */
  paragraph(blocks: readonly Block[], options: RowOptions & { tag?: 'H1'; x?: number; width?: number } = {}): void {
    const { tag = 'P', x = 0, width = WIDTH, ...row } = options;
    const element = this.document.element(this.document.root, tag);
    this.#flow([{ ...this.#open({ x, width, blocks }), element }], row);
  }

  #open(cell: Cell): Omit<OpenCell, 'element'> {
    const inset = cell.quoted === undefined ? 0 : QUOTE_INSET;
    const inner = { ...cell, x: cell.x + inset, width: cell.width - inset };
    return { cell: inner, placed: place(this.fonts, inner), spans: new Map(), next: 0 };
  }

  #flow(cells: readonly OpenCell[], options: RowOptions): void {
    const padding = options.padding ?? 0;
    const height = Math.max(...cells.map(({ placed }) => heightOf(placed))) + 2 * padding;
    const fitsOnAPage = height <= BOTTOM - TOP - CUT_ROOM_MIN;
    if (this.y + height > BOTTOM && (fitsOnAPage || BOTTOM - this.y < CUT_ROOM_MIN)) this.newPage();
    for (let page = 0; cells.some(({ next, placed }) => next < placed.length); page++) {
      if (page > 0) this.newPage();
      this.#slice(cells, options, padding, page > 0);
    }
    for (const { element } of cells) element.end();
  }

  /** Draws what fits on this page. */
  #slice(cells: readonly OpenCell[], options: RowOptions, padding: number, isContinued: boolean): void {
    const { document } = this;
    const room = BOTTOM - this.y - 2 * padding;
    const slices = cells.map((cell) => takeThatFits(cell, room));
    const again = cells.map(({ cell }) => {
      return isContinued ? place(this.fonts, { ...cell, blocks: cell.continued ?? [] }) : [];
    });
    const height = Math.max(...[...slices, ...again].map(heightOf)) + 2 * padding;
    const { panel, rule } = options;
    if (panel !== undefined) {
      document.artifact(() => {
        drawArea(document, LEFT, this.y, WIDTH, height, panel);
        drawArea(document, LEFT, this.y, 3, height, NAVY);
      });
    }
    for (const [i, cell] of cells.entries()) {
      this.#drawCell(cell, slices[i] ?? [], this.y + padding);
      this.#drawAside(cell.cell, slices[i] ?? [], again[i] ?? [], this.y + padding);
    }
    this.y += height;
    if (rule !== undefined) document.artifact(() => drawArea(document, LEFT, this.y - 0.5, WIDTH, 0.5, rule));
  }

  #drawCell({ cell, element, spans }: OpenCell, slice: readonly Placed[], top: number): void {
    const { document } = this;
    const start = slice[0]?.top ?? 0;
    for (const group of byBlock(slice)) {
      const { block } = group[0] as Placed;
      let target = element;
      if (block.lang !== undefined) {
        target = spans.get(block) ?? document.element(element, 'Span', { lang: block.lang });
        spans.set(block, target);
      }
      document.mark(target, () => {
        for (const placed of group) drawPlaced(document, placed, cell, top - start);
      });
    }
  }

  /** What is for the eye only: the line beside somebody's words, and a label again, which a reader of the tags has heard. */
  #drawAside(cell: Cell, slice: readonly Placed[], again: readonly Placed[], top: number): void {
    const { document } = this;
    if (cell.quoted !== undefined && slice.length > 0) {
      document.artifact(() => drawArea(document, LEFT + cell.x - QUOTE_INSET, top, 1.5, heightOf(slice), QUOTE));
    }
    if (again.length === 0) return;
    document.artifact(() => {
      for (const placed of again) drawPlaced(document, placed, cell, top);
    }, 'Pagination');
  }

  /** Column heads again on a new page: for the eye only, a reader of the tags has heard them. */
  #repeatColumns(columns: readonly Cell[]): void {
    const { document } = this;
    const cells = columns.map((cell) => ({ cell, placed: place(this.fonts, cell) }));
    const height = Math.max(...cells.map(({ placed }) => heightOf(placed))) + 6;
    document.artifact(() => {
      for (const { cell, placed } of cells) {
        for (const each of placed) drawPlaced(document, each, cell, this.y + 3);
      }
      drawArea(document, LEFT, this.y + height - 0.5, WIDTH, 0.5, NAVY);
    }, 'Pagination');
    this.y += height;
  }
}

function place(fonts: Fonts, { blocks, width }: Cell): Placed[] {
  const placed: Placed[] = [];
  let top = 0;
  for (const block of blocks) {
    top += block.gap ?? 0;
    for (const line of layOut(fonts, block.text, block.style, width)) {
      placed.push({ line, block, top });
      top += block.style.leading;
    }
  }
  return placed;
}

function drawPlaced(document: CertificateDocument, { line, block, top }: Placed, cell: Cell, cellTop: number): void {
  const { style } = block;
  const baseline = cellTop + top + (style.leading - style.size) / 2 + style.size * EM_ABOVE;
  drawLine(document, line, style, LEFT + cell.x, baseline, cell.width);
}

function takeThatFits(open: OpenCell, room: number): Placed[] {
  // An empty line between paragraphs is not carried over to the top of a page.
  if (open.next > 0 && open.placed[open.next]?.line.spans.length === 0) open.next += 1;
  const start = open.placed[open.next]?.top ?? 0;
  const slice: Placed[] = [];
  for (let placed = open.placed[open.next]; placed !== undefined; placed = open.placed[open.next]) {
    if (placed.top + placed.block.style.leading - start > room) break;
    slice.push(placed);
    open.next += 1;
  }
  return slice;
}

function heightOf(placed: readonly Placed[]): number {
  const [first] = placed;
  const last = placed.at(-1);
  return first === undefined || last === undefined ? 0 : last.top + last.block.style.leading - first.top;
}

/** Lines of the same block, together. */
function byBlock(placed: readonly Placed[]): Placed[][] {
  const groups: Placed[][] = [];
  for (const each of placed) {
    if (groups.at(-1)?.[0]?.block === each.block) groups.at(-1)?.push(each);
    else groups.push([each]);
  }
  return groups;
}
