// JSON read strictly (RFC 8259) and written canonically (RFC 8785, JCS).
// Strictly: no duplicate keys, no lone surrogates, no numbers beyond a double, bounded length and depth.
// Integers above 2^53 - 1 lose digits like in any JSON reader: formats that need them write them as strings.

import { hasControl, isWellFormed, utf8Decode } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { JSON_DEPTH_MAX, JSON_LENGTH_MAX } from './limits.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/**
 * Reads one JSON text, RFC 8259.
 * @throws LedgerError json-malformed, also for duplicate keys, lone surrogates and nesting deeper than JSON_DEPTH_MAX
 */
export function parseJson(text: string): Json {
  if (text.length > JSON_LENGTH_MAX) throw malformed(`longer than ${JSON_LENGTH_MAX} characters`, 0);
  return new Reader(text).document();
}

/**
 * Writes the canonical text of a value, RFC 8785: no spaces, keys sorted by UTF-16 unit, numbers as ECMAScript prints them.
 * @throws LedgerError json-malformed for a value that no JSON text can carry: lone surrogates, NaN, infinities, too deep
 */
export function canonicalJson(value: Json): string {
  return write(value, 0);
}

/**
 * Reads bytes that must be exactly the canonical text of what they say.
 * @throws LedgerError json-malformed
 */
export function parseCanonicalJson(bytes: Uint8Array): Json {
  const text = utf8Decode(bytes);
  if (text === undefined) throw malformed('not UTF-8', 0);
  const value = parseJson(text);
  if (canonicalJson(value) !== text)
    throw new LedgerError('json-malformed', 'JSON is not in its canonical form (RFC 8785)');
  return value;
}

function write(value: Json, depth: number): string {
  if (depth > JSON_DEPTH_MAX) throw new LedgerError('json-malformed', `JSON deeper than ${JSON_DEPTH_MAX}`);
  if (typeof value === 'string') return writeString(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new LedgerError('json-malformed', `JSON has no ${value}`);
    return String(value); // RFC 8785 section 3.2.2.3 is ECMAScript's own rule; minus zero prints as 0
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, item]) => `${writeString(key)}:${write(item, depth + 1)}`).join(',')}}`;
}

function writeString(text: string): string {
  if (!isWellFormed(text)) throw new LedgerError('json-malformed', 'JSON string with a lone surrogate');
  return JSON.stringify(text); // RFC 8785 section 3.2.2.2 is ECMAScript's own rule
}

function malformed(why: string, at: number): LedgerError {
  return new LedgerError('json-malformed', `JSON: ${why} at character ${at}`);
}

/** Recursive descent over one text; `at` is the next unread UTF-16 unit. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Json {
    const value = this.#value(0);
    this.#space();
    if (this.#at !== this.#text.length) throw malformed('text after the value', this.#at);
    return value;
  }

  /** Reads one value and the space before it. `depth` counts the arrays and objects around it. */
  #value(depth: number): Json {
    if (depth > JSON_DEPTH_MAX) throw malformed(`deeper than ${JSON_DEPTH_MAX}`, this.#at);
    this.#space();
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): Json {
    const members = new Map<string, Json>();
    this.#expect('{');
    if (this.#next('}')) return {};
    do {
      this.#space();
      const at = this.#at;
      const key = this.#string();
      if (members.has(key)) throw malformed('duplicate key', at);
      this.#space();
      this.#expect(':');
      members.set(key, this.#value(depth + 1));
    } while (this.#next(','));
    this.#expect('}');
    // Defines own properties, so a key "__proto__" is data like any other.
    return Object.fromEntries(members);
  }

  #array(depth: number): Json {
    const items: Json[] = [];
    this.#expect('[');
    if (this.#next(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#next(','));
    this.#expect(']');
    return items;
  }

  #string(): string {
    const start = this.#at;
    this.#expect('"');
    let value = '';
    for (;;) {
      value += this.#match(/[^"\\]*/y) ?? '';
      if (this.#text.charAt(this.#at) !== '\\') break;
      value += this.#escape();
    }
    this.#expect('"');
    // Unescaped: an escaped control character has become one by now, so the source is asked.
    if (hasControl(this.#text.slice(start, this.#at))) throw malformed('control character in a string', start);
    if (!isWellFormed(value)) throw malformed('lone surrogate', start);
    return value;
  }

  #escape(): string {
    const unicode = this.#match(/\\u[0-9a-fA-F]{4}/y);
    if (unicode !== undefined) return String.fromCharCode(Number(`0x${unicode.slice(2)}`));
    const value = ESCAPES.get(this.#text.charAt(this.#at + 1));
    if (value === undefined) throw malformed('unknown escape', this.#at);
    this.#at += 2;
    return value;
  }

  #number(): number {
    const at = this.#at;
    const digits = this.#match(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y);
    if (digits === undefined) throw malformed('no value', at);
    const value = Number(digits);
    if (!Number.isFinite(value)) throw malformed('number too large', at);
    return value;
  }

  #word<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw malformed('no value', this.#at);
    this.#at += word.length;
    return value;
  }

  /** Skips space, then reads `character` if it is next. */
  #next(character: string): boolean {
    this.#space();
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character: string): void {
    if (this.#text.charAt(this.#at) !== character) throw malformed(`no ${character}`, this.#at);
    this.#at += 1;
  }

  #space(): void {
    this.#match(/[ \t\n\r]*/y);
  }

  /** What the sticky pattern matches at the current place, and steps over it. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
