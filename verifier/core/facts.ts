// The facts for the judge: what a certificate shows once every check of the certificate itself has passed.
// Names of courts and arbitration bodies come from the verifier's trust bundle; what comes from the record is a claim of
// the platform or the submitter and is labelled so. Plain JSON values; the sentences around them are in explain.ts.

import { files, header, type RecordHeader, type ShownRecord } from '../../certs/core/record.ts';
import type { VerifiedTimestamp } from '../../certs/core/timestamp.ts';
import { nameText, type X509 } from '../../certs/core/x509.ts';
import { base64Encode } from '../../ledger/core/bytes.ts';
import { type Cosigned, keyRevokedMs } from '../../ledger/core/cosigned.ts';
import { CLOCK_TOLERANCE_MS } from '../../ledger/core/limits.ts';
import type { VerifierKey } from '../../ledger/core/note.ts';
import { comparedOf, type Given } from './check-evidence.ts';
import { type ReadProof, unknownLines } from './check-ledger.ts';
import type { Times } from './check-times.ts';
import { type Forgery, forgeryOf } from './forgery.ts';
import type { Warning } from './report.ts';
import { certificateRevokedMs } from './revocation.ts';
import { GROUP_OF, type MemberKind, type TrustMember, witnessesOf } from './statement.ts';
import { type Trust, trustAt } from './trust.ts';

/** Times are ISO 8601 UTC, digests lower-case hex, the root base64. */
export interface Facts {
  readonly deposit: {
    readonly id: string;
    /** By the platform's clock. */
    readonly received: string;
    /** When the platform says it signed the certificate. */
    readonly signedAt: string;
    readonly platform: RecordHeader['platform'];
    readonly submitter: RecordHeader['submitter'];
    readonly capture: RecordHeader['capture'];
    /** How many the deposit has; a record may show fewer. */
    readonly files: number;
  };
  readonly files: readonly FactFile[];
  readonly given: readonly Given[];
  readonly ledger: {
    readonly origin: string;
    readonly index: number;
    readonly treeSize: number;
    readonly rootHash: string;
    readonly commitment: string;
  };
  /** The epoch it was judged under, of how many, and since when that one holds by the courts' clocks; the first always did. */
  readonly epoch: { readonly number: number; readonly epochs: number; readonly since?: string };
  /** By the courts' clocks. */
  readonly notLaterThan: { readonly time: string; readonly courts: Times['courts'] };
  /** Every member of the policy, cosigned or not. */
  readonly members: readonly FactMember[];
  /** What the policy asks of each kind. */
  readonly needed: Readonly<Record<MemberKind, { readonly needed: number; readonly members: number }>>;
  /** By the timestamp authority's clock. */
  readonly timestamp: { readonly time: string; readonly authority: string };
  readonly forgery: Forgery;
  /** Online Litigation Rules Art. 17 and 18: what the platform and the submitter have stated; text that cannot be seen = nothing. Not checked by us. */
  readonly stated: Readonly<Record<StatedId, string>>;
}

export interface FactFile {
  readonly number: number;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly sm3?: string;
  /** Some file at hand is equal to it. */
  readonly compared: boolean;
}

export interface FactMember extends TrustMember {
  readonly keyName: string;
  readonly algorithms: readonly string[];
  /** Its cosignature time; undefined when it does not count: it has not cosigned with all its keys, or its clock cannot be right. */
  readonly time?: string;
  /** When a key was revoked with which it cosigned then or later: that does not count. */
  readonly revoked?: string;
}

/** Art. 17 (1) to (4), then the six facts of Art. 18. */
export const STATED_17 = ['qualification', 'neutrality', 'system', 'process'] as const;
export const STATED_18 = ['source', 'generation', 'storage', 'notarisation', 'witness', 'corroboration'] as const;
export type StatedId = (typeof STATED_17)[number] | (typeof STATED_18)[number];

/** Everything the checks have handed on. */
export interface Shown {
  /** Of the epoch that the checkpoint falls into. */
  readonly trust: Trust;
  readonly record: ShownRecord;
  readonly proof: ReadProof;
  /** Signer's certificate up to its root. */
  readonly signerPath: readonly X509[];
  readonly cosigned: Cosigned;
  readonly times: Times;
  readonly timestamp: VerifiedTimestamp;
  readonly signedAt: string;
  readonly given: readonly Given[];
}

const ALGORITHMS: Readonly<Record<number, string>> = { 4: 'Ed25519', 6: 'ML-DSA-44' };

/** The facts of a certificate of which every check but the evidence has passed. */
export function factsOf(shown: Shown): Facts {
  const { trust, record, proof, times, timestamp, given } = shown;
  const head = header(record);
  const compared = comparedOf(given);
  const { policy } = trust;
  const needed = (kind: MemberKind): { needed: number; members: number } => {
    const group = policy.groups.get(GROUP_OF[kind]);
    return { needed: group?.needed ?? 0, members: group?.members.length ?? 0 };
  };
  return {
    deposit: {
      id: head.id,
      received: head.received,
      signedAt: shown.signedAt,
      platform: head.platform,
      submitter: head.submitter,
      capture: head.capture,
      files: head.files,
    },
    files: files(record).map(({ index, name, size, sha256, sm3 }) => ({
      number: index,
      name,
      size,
      sha256,
      ...(sm3 !== undefined && { sm3 }),
      compared: compared.has(index),
    })),
    given,
    ledger: {
      origin: proof.checkpoint.origin,
      index: proof.proof.index,
      treeSize: proof.checkpoint.size,
      rootHash: base64Encode(proof.checkpoint.root),
      commitment: proof.entry.commitment,
    },
    epoch: {
      number: trust.number,
      epochs: trust.epochs.length,
      ...(trust.sinceMs !== undefined && { since: iso(trust.sinceMs) }),
    },
    notLaterThan: { time: iso(times.notLaterThanMs), courts: times.courts },
    members: trust.members.map((member) => memberFact(member, shown)),
    needed: { court: needed('court'), arbitration: needed('arbitration') },
    timestamp: { time: iso(timestamp.timeMs), authority: nameText(timestamp.authority.subject) },
    forgery: forgeryOf(policy, trust.members),
    stated: statedIn(head),
  };
}

function memberFact(member: TrustMember, { trust, cosigned, times }: Shown): FactMember {
  const witnesses = witnessesOf(trust.policy, member.member);
  const keysOf = (named: Cosigned['counting']): VerifierKey[] =>
    named.filter(({ witness }) => witnesses.includes(witness)).map(({ cosignature }) => cosignature.key);
  const time = times.members[member.kind].find((each) => each.member === member.member);
  return {
    ...member,
    keyName: keyNameOf(member, trust),
    algorithms: keysOf(cosigned.counting).map(({ type }) => ALGORITHMS[type] ?? ''),
    ...(time && { time: iso(Number(time.timeSeconds) * 1000) }),
    ...revokedFrom(keysOf(cosigned.revoked), trust),
  };
}

/** The earliest time from which one of these keys is revoked. */
function revokedFrom(keys: readonly VerifierKey[], { revoked }: Trust): { revoked?: string } {
  const times = keys.flatMap((key) => keyRevokedMs(revoked, key) ?? []);
  return times.length === 0 ? {} : { revoked: iso(Math.min(...times)) };
}

function keyNameOf({ member }: TrustMember, { policy }: Trust): string {
  const [witness = ''] = witnessesOf(policy, member);
  return policy.witnesses.get(witness)?.key.name ?? '';
}

/** Art. 17 asks about platform and process, which is what statement, relation, build and transport speak to. */
function statedIn({ platform, submitter, capture, declared }: RecordHeader): Facts['stated'] {
  return {
    qualification: platform.statement,
    neutrality: submitter.relation,
    system: capture.build,
    process: capture.transport,
    ...declared,
  };
}

/** What a reader must not overlook. */
export function warningsOf(shown: Shown): Warning[] {
  const { trust, record, proof, times, timestamp } = shown;
  const head = header(record);
  const warnings: Warning[] = [];
  const compared = comparedOf(shown.given).size;
  if (compared > 0 && compared < head.files) {
    warnings.push({ code: 'files-not-compared', detail: { compared, files: head.files } });
  }
  // The record was made in the epoch of its entry; a later one may have proven it.
  const issued = trustAt(trust, proof.proof.index + 1);
  const misnamed = head.members.filter((printed) => !issued.members.some((known) => sameNames(printed, known, issued)));
  if (misnamed.length > 0) {
    warnings.push({ code: 'names-differ', detail: { names: misnamed.map(({ name }) => name) } });
  }
  if (head.policySha256 !== issued.policyDigest) warnings.push({ code: 'policy-differs', detail: {} });
  const unconfirmed = unconfirmedNames(shown);
  if (unconfirmed.length > 0) warnings.push({ code: 'signatures-unconfirmed', detail: { names: unconfirmed } });
  warnings.push(...revokedKeys(shown));
  const claims = {
    received: Date.parse(head.received),
    notLaterThan: times.notLaterThanMs,
    timestamp: timestamp.timeMs,
    signedAt: Date.parse(shown.signedAt),
  };
  if (isDisordered(claims)) {
    const detail = Object.fromEntries(Object.entries(claims).map(([claim, ms]) => [claim, iso(ms)]));
    warnings.push({ code: 'clocks-disagree', detail });
  }
  return warnings;
}

/**
 * Names of the record under which the pages show a signature that nobody has verified. Pages list lines by their key name alone: drawing
 * them needs no trust bundle. An honest platform puts no such line on a proof, but an older bundle does not know the newest keys.
 */
function unconfirmedNames({ trust, record, proof }: Shown): string[] {
  const { origin, members } = header(record);
  const printed = [{ keyName: origin, name: origin }, ...members];
  const unknown = new Set(unknownLines(proof.note, trust.policy).map(({ name }) => name));
  return printed.filter(({ keyName }) => unknown.has(keyName)).map(({ name }) => name);
}

/** Keys that signed here, or could have, and have been revoked since: what they signed before still counts. */
function revokedKeys({ trust, signerPath, timestamp }: Shown): Warning[] {
  const members = trust.members.flatMap((member) => {
    const { policy } = trust;
    const keys = witnessesOf(policy, member.member).flatMap((witness) => policy.witnesses.get(witness)?.key ?? []);
    const { revoked } = revokedFrom(keys, trust);
    return revoked === undefined ? [] : [{ name: member.name, nameEn: member.nameEn, revoked }];
  });
  const certificates = [...signerPath, ...timestamp.path].flatMap((certificate) => {
    const revokedMs = certificateRevokedMs(trust.revoked, certificate);
    const name = nameText(certificate.subject);
    return revokedMs === undefined ? [] : [{ name, nameEn: name, revoked: iso(revokedMs) }];
  });
  return [...members, ...certificates].map((detail) => ({ code: 'key-revoked', detail }));
}

function sameNames(printed: RecordHeader['members'][number], known: TrustMember, trust: Trust): boolean {
  return (
    printed.member === known.member &&
    printed.kind === known.kind &&
    printed.name === known.name &&
    printed.nameEn === known.nameEn &&
    printed.keyName === keyNameOf(known, trust)
  );
}

/** A deposit is received, then cosigned, then its certificate signed and stamped: more than a clock's tolerance apart is odd. */
function isDisordered(ms: Readonly<Record<'received' | 'notLaterThan' | 'timestamp' | 'signedAt', number>>): boolean {
  return (
    ms.received > ms.notLaterThan + CLOCK_TOLERANCE_MS ||
    ms.notLaterThan > ms.timestamp + CLOCK_TOLERANCE_MS ||
    Math.abs(ms.signedAt - ms.timestamp) > CLOCK_TOLERANCE_MS
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
