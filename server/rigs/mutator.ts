/**
 * Seeded mutations of messages: what a careless or hostile sender makes of a valid one. Knows lines, numbers, base64, lengths and JSON
 * enough to get past the first check. Not here: HTTP around the message (requests.ts).
 */
import { createHash } from 'node:crypto';

/** A number from 0 to below. */
export type Random = (below: number) => number;

/** SHA-256 in counter mode over the seed: the same choices on every machine. */
export function randomOf(seed: number | string): Random {
  let block = Buffer.alloc(0);
  let at = 0;
  let counter = 0;
  return (below) => {
    if (at + 4 > block.length) {
      block = createHash('sha256').update(`${seed} ${counter++}`).digest();
      at = 0;
    }
    const value = block.readUInt32BE(at);
    at += 4;
    return value % below;
  };
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)] as T;
}

/** Numbers at the edges of what parsers accept. */
const NUMBERS = [
  ...[
    '0',
    '-0',
    '-1',
    '1',
    '00',
    '01',
    '255',
    '256',
    '257',
    '65535',
    '65536',
    '2147483647',
    '2147483648',
    '4294967295',
  ],
  ...['4294967296', '9007199254740991', '9007199254740992', '9223372036854775807', '9223372036854775808'],
  ...['18446744073709551615', '18446744073709551616', '1e3', '1e400', '0x10', '1.5', '+1', ' 1', '', 'NaN', '٣'],
  '9'.repeat(400),
];
const TOKENS = [
  '',
  '\0',
  '\r\n',
  '\n',
  '\n\n',
  ' ',
  '\t',
  '\uFEFF',
  '— ',
  '../',
  '%2e%2e/',
  '%00',
  '"',
  '\\',
  '{',
  '[',
  ']]',
  '}',
];
const JSON_TOKENS = [
  'null',
  'true',
  '{}',
  '[]',
  '""',
  '1e999',
  '-1',
  '"\\ud800"',
  '"\\u0000"',
  '{"__proto__":1}',
  '[[[[[[]]]]]]',
];

type Mutation = (message: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

function place(message: Buffer, random: Random): number {
  return random(message.length + 1);
}

function run(message: Buffer, random: Random): [number, number] {
  const start = place(message, random);
  return [start, Math.min(message.length, start + random(1 << random(12)))];
}

function replaced(message: Buffer, start: number, end: number, ...middle: readonly Uint8Array[]): Buffer {
  return Buffer.concat([message.subarray(0, start), ...middle, message.subarray(end)]);
}

/** Replaces one match of a pattern, chosen at random; any place when there is none. */
function atMatch(message: Buffer, random: Random, pattern: RegExp, by: (match: string) => string): Buffer {
  const matches = [...message.toString('latin1').matchAll(pattern)];
  if (matches.length === 0) return replaced(message, place(message, random), message.length);
  const match = pick(random, matches);
  const start = match.index;
  return replaced(message, start, start + match[0].length, Buffer.from(by(match[0]), 'utf8'));
}

function linesOf(message: Buffer, change: (lines: string[]) => void): Buffer {
  const lines = message.toString('latin1').split('\n');
  change(lines);
  return Buffer.from(lines.join('\n'), 'latin1');
}

const MUTATIONS: readonly Mutation[] = [
  // Bytes.
  (message, random) => {
    const changed = Buffer.from(message);
    const at = random(message.length || 1);
    if (message.length > 0) changed[at] = (changed[at] as number) ^ (1 << random(8));
    return changed;
  },
  (message, random) => replaced(message, ...run(message, random)),
  (message, random) => message.subarray(0, place(message, random)),
  (message, random) => message.subarray(place(message, random)),
  (message, random) => {
    const [start, end] = run(message, random);
    return replaced(message, end, end, message.subarray(start, end));
  },
  (message, random) => {
    const at = place(message, random);
    return replaced(message, at, at, Buffer.from(Array.from({ length: 1 + random(40) }, () => random(256))));
  },
  (message, random) => {
    // A binary length or number: two, four or eight bytes of an extreme.
    const at = place(message, random);
    const bytes = Buffer.alloc(pick(random, [2, 4, 8]), pick(random, [0x00, 0xff, 0x7f, 0x80]));
    return replaced(message, at, Math.min(message.length, at + bytes.length), bytes);
  },
  // Lines.
  (message, random) => linesOf(message, (lines) => lines.splice(random(lines.length), 1)),
  (message, random) =>
    linesOf(message, (lines) => {
      const at = random(lines.length);
      lines.splice(random(lines.length), 0, ...Array<string>(1 + random(3)).fill(lines[at] as string));
    }),
  (message, random) =>
    linesOf(message, (lines) => {
      const [a, b] = [random(lines.length), random(lines.length)];
      [lines[a], lines[b]] = [lines[b] as string, lines[a] as string];
    }),
  // Numbers, base64, words, JSON.
  (message, random) => atMatch(message, random, /\d+/g, () => pick(random, NUMBERS)),
  (message, random) => atMatch(message, random, /\d+/g, (match) => String(BigInt(match) + BigInt(random(3) - 1))),
  (message, random) =>
    atMatch(message, random, /[A-Za-z0-9+/]{8,}={0,2}/g, (match) =>
      pick(random, [
        match.slice(0, -1),
        match.slice(0, -4),
        `${match}=`,
        `${match}AAAA`,
        match.replace('=', ''),
        match.replaceAll('+', '-'),
        match.toLowerCase(),
        match.split('').reverse().join(''),
      ]),
    ),
  (message, random) => atMatch(message, random, /[0-9a-f]{16,}/g, (match) => match.toUpperCase()),
  (message, random) => {
    const at = place(message, random);
    return replaced(message, at, at, Buffer.from(pick(random, TOKENS)));
  },
  (message, random) => atMatch(message, random, /"[^"]*"|\d+|true|null|\[|\{/g, () => pick(random, JSON_TOKENS)),
  (message, random) =>
    atMatch(message, random, /"[^"]*":/g, (match) => `${match}${pick(random, JSON_TOKENS)},${match}`),
  // The whole.
  (message, random, others) => {
    const other = pick(random, others);
    return Buffer.concat([message.subarray(0, place(message, random)), other.subarray(place(other, random))]);
  },
  (message, random, others) => Buffer.concat([message, pick(random, others)]),
  (message, random) => Buffer.concat(Array.from({ length: 2 + random(3) }, () => message)),
  (message, random) => {
    if (random(20) > 0) return Buffer.alloc(0);
    return Buffer.concat([message, Buffer.alloc(1 << (8 + random(10)), pick(random, ['A', ' ', '[', '\0', '0']))]);
  },
];

/** One to three mutations of a message. @param others valid messages of the same kind, to splice with */
export function mutate(message: Uint8Array, random: Random, others: readonly Buffer[]): Buffer {
  let mutant: Buffer = Buffer.from(message);
  for (let times = 1 + random(3); times > 0; times--) mutant = pick(random, MUTATIONS)(mutant, random, others);
  return mutant;
}
