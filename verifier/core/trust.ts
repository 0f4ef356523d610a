// The trust bundle: what the verifier believes, and nothing else is believed.
// DESIGN.md, "The outside interface": policy text (c2sp.org/tlog-policy), roots for the PDF signature and for RFC 3161
// tokens, the dates between which all of it holds, and the bodies behind the names of the policy.
// Strict: an unknown field, an unnamed cosigner or a name without a group is refused. A bundle is written by machine.
// Not here: how a bundle reaches the judge. Whoever hands over another bundle hands over another belief.

import { CertError } from '../../certs/core/errors.ts';
import { certificateFromPem, type X509 } from '../../certs/core/x509.ts';
import { hexEncode, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { type Json, parseJson } from '../../ledger/core/json.ts';
import { parseVkey, type VerifierKey } from '../../ledger/core/note.ts';
import { type Policy, parsePolicy } from '../../ledger/core/policy.ts';
import { VerifierError } from './errors.ts';
import { TRUST_BYTES_MAX, TRUST_NAME_CHARACTERS_MAX, TRUST_RECEIPT_KEYS_MAX, TRUST_ROOTS_MAX } from './limits.ts';

export type MemberKind = 'court' | 'arbitration';

/** A court or arbitration body: one direct member of the policy group of its kind. */
export interface TrustMember {
  readonly member: string;
  readonly kind: MemberKind;
  readonly name: string;
  readonly nameEn: string;
}

/** The JSON of a trust bundle. */
export interface TrustBundle {
  policy: string;
  /** PEM. */
  pdfRoots: string[];
  /** PEM. */
  timestampRoots: string[];
  /** ISO 8601 UTC; times outside are not vouched for. */
  notBefore: string;
  notAfter: string;
  members: TrustMember[];
  /** vkeys of the platform's receipts. */
  receiptKeys: string[];
}

/** A trust bundle as read. */
export interface Trust {
  readonly policy: Policy;
  readonly pdfRoots: readonly X509[];
  readonly timestampRoots: readonly X509[];
  /** Inclusive, ms since epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** In the order of the policy groups: courts, then arbitration. */
  readonly members: readonly TrustMember[];
  readonly receiptKeys: readonly VerifierKey[];
  /** SHA-256 of the policy text, lower-case hex: what a record calls `policySha256`. */
  readonly policyDigest: string;
}

/** The policy group that holds all members of a kind (DESIGN.md, "Standards": who must have signed). */
export const GROUP_OF: Readonly<Record<MemberKind, string>> = { court: 'courts', arbitration: 'arbitration' };

const KINDS = ['court', 'arbitration'] as const;
const KEYS = ['policy', 'pdfRoots', 'timestampRoots', 'notBefore', 'notAfter', 'members', 'receiptKeys'];

/**
 * Reads a trust bundle.
 * @param bytes UTF-8 JSON
 * @throws VerifierError trust-malformed
 */
export function parseTrustBundle(bytes: Uint8Array): Trust {
  if (bytes.length > TRUST_BYTES_MAX) refuse(`longer than ${TRUST_BYTES_MAX} bytes`);
  const text = utf8Decode(bytes) ?? refuse('not UTF-8');
  try {
    return readBundle(object(parseJson(text), 'the bundle', KEYS));
  } catch (cause) {
    if (cause instanceof LedgerError || cause instanceof CertError) refuse(cause.message, { cause });
    throw cause;
  }
}

function readBundle(fields: Fields): Trust {
  const policy = parsePolicy(string(fields, 'policy'));
  if (policy.logs.length === 0) refuse('the policy names no log');
  // SPEC tlog-policy: "A policy without witness cosigning can be defined using a `quorum none` line". It would let the
  // platform vouch for itself, which is what a certificate is there to avoid.
  if (policy.quorum === 'none') refuse('the policy asks for no cosignature');
  const [notBeforeMs, notAfterMs] = [time(fields, 'notBefore'), time(fields, 'notAfter')];
  if (notBeforeMs >= notAfterMs) refuse('"notAfter" is not after "notBefore"');
  return {
    policy,
    pdfRoots: roots(fields, 'pdfRoots'),
    timestampRoots: roots(fields, 'timestampRoots'),
    notBeforeMs,
    notAfterMs,
    members: readMembers(list(fields, 'members', 1, policy.groups.size + policy.witnesses.size), policy),
    receiptKeys: list(fields, 'receiptKeys', 0, TRUST_RECEIPT_KEYS_MAX).map((vkey) =>
      parseVkey(typeof vkey === 'string' ? vkey : refuse('a receipt key is not text')),
    ),
    policyDigest: hexEncode(sha256(utf8Encode(policy.text))),
  };
}

function roots(fields: Fields, key: string): X509[] {
  return list(fields, key, 1, TRUST_ROOTS_MAX).map((pem) =>
    certificateFromPem(typeof pem === 'string' ? pem : refuse(`"${key}" holds something else than PEM`)),
  );
}

/** The members, which must be exactly the direct members of the groups `courts` and `arbitration`. */
function readMembers(values: readonly Json[], policy: Policy): TrustMember[] {
  const byName = new Map(values.map(readMember).map((member) => [member.member, member]));
  if (byName.size !== values.length) refuse('a member is named twice');
  const members = KINDS.flatMap((kind) =>
    (policy.groups.get(GROUP_OF[kind])?.members ?? []).map((name) => {
      const member = byName.get(name);
      return member?.kind === kind ? member : refuse(`${name} of group ${GROUP_OF[kind]} is not a member of that kind`);
    }),
  );
  if (members.length !== byName.size) refuse('a member is in no group of its kind');
  // "Not later than" is what the courts say, so every quorum must have theirs.
  if (!isNeeded(policy, policy.quorum, GROUP_OF.court)) refuse(`the quorum can do without the group ${GROUP_OF.court}`);
  // A cosigner behind no named body would vouch without a name.
  const named = new Set(members.flatMap(({ member }) => witnessesOf(policy, member)));
  for (const witness of policy.witnesses.keys()) if (!named.has(witness)) refuse(`${witness} belongs to no member`);
  return members;
}

/** Whether `from` is only ever satisfied together with `name`. */
function isNeeded(policy: Policy, from: string, name: string): boolean {
  const group = policy.groups.get(from);
  if (from === name) return group !== undefined;
  return group?.needed === group?.members.length && group?.members.some((m) => isNeeded(policy, m, name)) === true;
}

function readMember(value: Json): TrustMember {
  const fields = object(value, 'a member', ['member', 'kind', 'name', 'nameEn']);
  const kind = KINDS.find((each) => each === fields['kind']) ?? refuse('a member is neither court nor arbitration');
  return { member: string(fields, 'member'), kind, name: name(fields, 'name'), nameEn: name(fields, 'nameEn') };
}

/** All witnesses below a name of the policy. */
export function witnessesOf(policy: Policy, name: string): string[] {
  const group = policy.groups.get(name);
  return group === undefined ? [name] : group.members.flatMap((member) => witnessesOf(policy, member));
}

// ---- strict reading --------------------------------------------------------------------------------------------------

type Fields = Readonly<Record<string, Json>>;

function refuse(why: string, options?: ErrorOptions): never {
  throw new VerifierError('trust-malformed', `trust bundle: ${why}`, {}, options);
}

function object(value: Json, what: string, keys: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} is not an object`);
  for (const key of keys) if (!Object.hasOwn(value, key)) refuse(`${what} lacks "${key}"`);
  for (const key of Object.keys(value)) if (!keys.includes(key)) refuse(`${what} has the unknown field "${key}"`);
  return value;
}

function list(fields: Fields, key: string, min: number, max: number): Json[] {
  const value = fields[key];
  if (!Array.isArray(value) || value.length < min || value.length > max) {
    refuse(`"${key}" is not a list of ${min} to ${max}`);
  }
  return value;
}

function string(fields: Fields, key: string): string {
  const value = fields[key];
  return typeof value === 'string' ? value : refuse(`"${key}" is not text`);
}

function name(fields: Fields, key: string): string {
  const value = string(fields, key);
  if (value.length === 0 || value.length > TRUST_NAME_CHARACTERS_MAX) refuse(`"${key}" is empty or too long`);
  return value;
}

/** UTC with seconds or milliseconds; a date that exists. @returns ms since epoch */
function time(fields: Fields, key: string): number {
  const value = string(fields, key);
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/.test(value) ? Date.parse(value) : Number.NaN;
  // Date.parse rolls 30 February over; writing it again shows that.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== value.slice(0, 19)) {
    refuse(`"${key}" is not a UTC time`);
  }
  return ms;
}
