// Strict reading of the JSON of a trust bundle: every object has exactly the fields it must and may have, every list a limit.
// All that is refused is refused alike: `trust-malformed`, with the reason in words.

import type { Json } from '../../ledger/core/json.ts';
import { VerifierError } from './errors.ts';

export type Fields = Readonly<Record<string, Json>>;

/** @throws VerifierError trust-malformed */
export function refuse(why: string, options?: ErrorOptions): never {
  throw new VerifierError('trust-malformed', `trust bundle: ${why}`, {}, options);
}

export function object(value: Json, what: string, keys: readonly string[], optional: readonly string[] = []): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} is not an object`);
  for (const key of keys) if (!Object.hasOwn(value, key)) refuse(`${what} lacks "${key}"`);
  for (const key of Object.keys(value)) {
    if (!keys.includes(key) && !optional.includes(key)) refuse(`${what} has the unknown field "${key}"`);
  }
  return value;
}

export function list(fields: Fields, key: string, min: number, max: number): Json[] {
  const value = fields[key];
  if (!Array.isArray(value) || value.length < min || value.length > max) {
    refuse(`"${key}" is not a list of ${min} to ${max}`);
  }
  return value;
}

export function string(fields: Fields, key: string): string {
  const value = fields[key];
  return typeof value === 'string' ? value : refuse(`"${key}" is not text`);
}

/** UTC with seconds or milliseconds; a date that exists. @returns ms since epoch */
export function time(fields: Fields, key: string): number {
  const value = string(fields, key);
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/.test(value) ? Date.parse(value) : Number.NaN;
  // Date.parse rolls 30 February over; writing it again shows that.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== value.slice(0, 19)) {
    refuse(`"${key}" is not a UTC time`);
  }
  return ms;
}
