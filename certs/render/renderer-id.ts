// Which renderer this is: everything that decides a byte of a certificate, hashed. A certificate names the renderer that drew it, and only
// the same one can redraw it. A record names the renderer of its time, which need not be the one that draws its certificate years later.

import { hexEncode, utf8Encode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { canonicalJson } from '../../ledger/core/json.ts';
import { FONT_FILES } from './fonts.ts';

/** Raised with every change to these files that changes a byte; a test over fixed inputs notices when it was forgotten. */
export const LAYOUT_VERSION = 2;

/** The packages whose code makes bytes. A test compares them with what is installed. */
export const LIBRARIES = {
  'bidi-js': '1.1.0',
  fflate: '0.8.3',
  fontkit: '2.0.4',
  pdfkit: '0.20.2',
  restructure: '3.0.2',
  'unicode-properties': '1.4.1',
  uqr: '0.1.3',
} as const;

const fonts = Object.fromEntries(Object.entries(FONT_FILES).map(([name, { sha256 }]) => [name, sha256]));
const ID = hexEncode(sha256(utf8Encode(canonicalJson({ fonts, layout: LAYOUT_VERSION, libraries: { ...LIBRARIES } }))));

/** 64 hex digits. */
export function rendererId(): string {
  return ID;
}
