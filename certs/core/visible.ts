// Which text can be seen: a fact of blanks alone is no fact. Page, intake and report ask here, so that none takes for stated what
// another calls missing. A table of our own instead of the engine's Unicode data, which differs between versions.

/** First code point, last code point: white space, control and format characters, fillers, blanks of notations. None leaves ink. */
export const BLANK: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x20],
  [0x7f, 0xa0],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x1680, 0x1680],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x2000, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x206f],
  [0x2800, 0x2800],
  [0x3000, 0x3000],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x13430, 0x13442],
  [0x1bca0, 0x1bca3],
  [0x1d159, 0x1d159],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
];

/** True when at least one character of the text leaves ink. */
export function hasVisibleText(text: string): boolean {
  return Array.from(text).some((character) => !isBlank(character.codePointAt(0) as number));
}

function isBlank(codePoint: number): boolean {
  return BLANK.some(([first, last]) => codePoint >= first && codePoint <= last);
}
