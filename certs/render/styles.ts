// How the certificate looks: colours, sizes, the measures of the page. A calm page: one dark blue, one grey, no ornament.
// Text colours have a contrast of at least 7:1 on white (WCAG 2.2, AAA).

import type { Color } from './canvas.ts';
import { PAGE_HEIGHT, PAGE_WIDTH } from './document.ts';
import type { Style } from './lines.ts';

/** Margins of the text area, in points. */
export const LEFT = 56;
export const RIGHT = PAGE_WIDTH - 56;
export const WIDTH = RIGHT - LEFT;
/** From the line beside somebody else's words to the words. */
export const QUOTE_INSET = 9;
/** Where text starts on the pages after the first, and where it ends on every page. */
export const TOP = 68;
export const BOTTOM = PAGE_HEIGHT - 54;

export const INK: Color = [0.09, 0.11, 0.15];
export const NAVY: Color = [0.11, 0.21, 0.36];
export const GREY: Color = [0.31, 0.34, 0.39];
export const RULE: Color = [0.8, 0.83, 0.87];
/** The line beside what the submitter wrote. */
export const QUOTE: Color = [0.72, 0.55, 0.25];
export const PANEL: Color = [0.95, 0.962, 0.975];

export const TITLE: Style = { size: 24, leading: 34, color: NAVY, bold: true };
export const TITLE_EN: Style = { size: 11.5, leading: 17, color: GREY, latin: true };
export const ISSUER: Style = { size: 10.5, leading: 15, color: INK };
export const HEADING: Style = { size: 12, leading: 18, color: NAVY, bold: true };
export const HEADING_EN: Style = { size: 9, leading: 18, color: GREY, latin: true };
export const LEAD: Style = { size: 10.4, leading: 16.4, color: INK };
export const LEAD_BOLD: Style = { ...LEAD, bold: true };
export const LEAD_EN: Style = { size: 8.4, leading: 12, color: GREY, latin: true };
export const COLUMN: Style = { size: 8.4, leading: 12, color: NAVY, bold: true };
export const COLUMN_EN: Style = { size: 7.2, leading: 10, color: GREY, latin: true };
export const LABEL: Style = { size: 9.2, leading: 13, color: NAVY, prose: true };
export const LABEL_EN: Style = { size: 7.4, leading: 9.8, color: GREY, latin: true };
export const VALUE: Style = { size: 9.6, leading: 14, color: INK };
export const VALUE_GREY: Style = { ...VALUE, color: GREY };
export const VALUE_EN: Style = { size: 8, leading: 11, color: GREY, latin: true };
/** What somebody wrote, which may have several lines. */
export const PROSE: Style = { ...VALUE, prose: true };
export const PROSE_EN: Style = { ...VALUE_EN, prose: true };
export const NAME: Style = { ...VALUE, name: true };
export const DIGEST: Style = { size: 7.6, leading: 11, color: INK };
export const DIGEST_LABEL: Style = { size: 6.8, leading: 9.6, color: GREY };
/** Whose clock, which key name: beneath a value. */
export const SOURCE: Style = { size: 7.6, leading: 10.4, color: GREY };
export const SOURCE_BOLD: Style = { ...SOURCE, color: INK, bold: true };
export const KEY: Style = { size: 8.6, leading: 12.5, color: INK };
export const FOOT: Style = { size: 7.6, leading: 11, color: GREY };
