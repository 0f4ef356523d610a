// A statement: what a consortium believes during one epoch. Policy text (c2sp.org/tlog-policy), the bodies behind its names, roots for
// PDF signatures and RFC 3161 tokens, the platform's receipt keys, and every revocation so far.
// Strict: an unknown field, an unnamed cosigner or a name without a group is refused. A statement is written by machine.
// Not here: which statement followed which (epochs.ts).

import { certificateFromPem, type X509 } from '../../certs/core/x509.ts';
import { hexEncode, utf8Encode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { canonicalJson, type Json } from '../../ledger/core/json.ts';
import { parseVkey, type VerifierKey } from '../../ledger/core/note.ts';
import { type Policy, parsePolicy } from '../../ledger/core/policy.ts';
import { type Fields, list, object, refuse, string } from './fields.ts';
import { TRUST_NAME_CHARACTERS_MAX, TRUST_RECEIPT_KEYS_MAX, TRUST_REVOKED_MAX, TRUST_ROOTS_MAX } from './limits.ts';
import { type Revocation, type RevokedKey, readRevocation } from './revocation.ts';

export type MemberKind = 'court' | 'arbitration';

/** A court or arbitration body: one direct member of the policy group of its kind. */
export interface TrustMember {
  readonly member: string;
  readonly kind: MemberKind;
  readonly name: string;
  readonly nameEn: string;
}

/** The JSON of a statement. */
export interface StatementJson {
  policy: string;
  /** PEM. */
  pdfRoots: string[];
  /** PEM. */
  timestampRoots: string[];
  members: TrustMember[];
  /** vkeys of the platform's receipts. */
  receiptKeys: string[];
  /** None when absent. */
  revoked?: RevokedKey[];
}

/** A statement as read. */
export interface Statement {
  readonly policy: Policy;
  readonly pdfRoots: readonly X509[];
  readonly timestampRoots: readonly X509[];
  /** In the order of the policy groups: courts, then arbitration. */
  readonly members: readonly TrustMember[];
  readonly receiptKeys: readonly VerifierKey[];
  readonly revoked: readonly Revocation[];
  /** SHA-256 of the policy text, lower-case hex: what a record calls `policySha256`. */
  readonly policyDigest: string;
  /** See {@link statementDigest}. */
  readonly digest: string;
}

/** Fields of a statement that must be there, and those that may. */
export const STATEMENT_KEYS = ['policy', 'pdfRoots', 'timestampRoots', 'members', 'receiptKeys'];
export const STATEMENT_OPTIONAL = ['revoked'];

/** The policy group that holds all members of a kind (DESIGN.md, "Standards": who must have signed). */
export const GROUP_OF: Readonly<Record<MemberKind, string>> = { court: 'courts', arbitration: 'arbitration' };

const KINDS = ['court', 'arbitration'] as const;

/**
 * The digest by which a change of policy names the statement that follows: SHA-256 over its JCS form, lower-case hex.
 * @param previous digest of the statement before it; it is part of the form, so no statement can be left out or put elsewhere
 */
export function statementDigest(statement: StatementJson, previous: string | undefined): string {
  const { policy, pdfRoots, timestampRoots, members, receiptKeys, revoked = [] } = statement;
  const bound = previous === undefined ? {} : { previous };
  const form = { v: 1, policy, pdfRoots, timestampRoots, members, receiptKeys, revoked, ...bound };
  return hexEncode(sha256(utf8Encode(canonicalJson(form as unknown as Json))));
}

/**
 * Reads the fields of a statement; others are the caller's.
 * @param previous digest of the statement before it
 * @throws VerifierError trust-malformed; LedgerError and CertError of what it holds
 */
export function readStatement(fields: Fields, previous: string | undefined): Statement {
  const policy = parsePolicy(string(fields, 'policy'));
  if (policy.logs.length === 0) refuse('the policy names no log');
  // SPEC tlog-policy: "A policy without witness cosigning can be defined using a `quorum none` line". It would let the
  // platform vouch for itself, which is what a certificate is there to avoid.
  if (policy.quorum === 'none') refuse('the policy asks for no cosignature');
  return {
    policy,
    pdfRoots: roots(fields, 'pdfRoots'),
    timestampRoots: roots(fields, 'timestampRoots'),
    members: readMembers(list(fields, 'members', 1, policy.groups.size + policy.witnesses.size), policy),
    receiptKeys: list(fields, 'receiptKeys', 0, TRUST_RECEIPT_KEYS_MAX).map((vkey) =>
      parseVkey(typeof vkey === 'string' ? vkey : refuse('a receipt key is not text')),
    ),
    revoked: fields['revoked'] === undefined ? [] : list(fields, 'revoked', 0, TRUST_REVOKED_MAX).map(readRevocation),
    policyDigest: hexEncode(sha256(utf8Encode(policy.text))),
    // Every field has the form that was asked for, or reading it has thrown.
    digest: statementDigest(fields as unknown as StatementJson, previous),
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

function name(fields: Fields, key: string): string {
  const value = string(fields, key);
  if (value.length === 0 || value.length > TRUST_NAME_CHARACTERS_MAX) refuse(`"${key}" is empty or too long`);
  return value;
}

/** All witnesses below a name of the policy. */
export function witnessesOf(policy: Policy, name: string): string[] {
  const group = policy.groups.get(name);
  return group === undefined ? [name] : group.members.flatMap((member) => witnessesOf(policy, member));
}
