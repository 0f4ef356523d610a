/**
 * `probata epoch propose`: prepares the next statement in the platform's folder (next.ts): bodies that join, leave or have other keys, new
 * keys of the platform itself, revocations. Nothing is in force before the platform has made the change (change.ts).
 * A policy that was written by hand is left to the hand: this program only writes the form that it makes itself.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hexDecode, utf8Encode } from '../../ledger/core/bytes.ts';
import { keyRevokedMs } from '../../ledger/core/cosigned.ts';
import { HASH_BYTES } from '../../ledger/core/limits.ts';
import { formatVkey, parseVkey } from '../../ledger/core/note.ts';
import { type Policy, parsePolicy } from '../../ledger/core/policy.ts';
import type { RevokedKey } from '../../verifier/core/revocation.ts';
import { parseTrustBundle, type Trust, type TrustBundle } from '../../verifier/core/trust.ts';
import { KEY_FILES, type MemberConfig, type PlatformConfig, readConfig } from '../config.ts';
import { finishRewrite, syncFolder } from '../keys/rewrite.ts';
import { newSeal, type Passphrase, type Seal } from '../keys.ts';
import { timestampUrlBeside } from '../roles/layout.ts';
import { makeKey, makePdfKeys, trustDates } from '../roles/make-consortium.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { courtsNeeded, type PolicyMember, policyText } from '../roles/policy-text.ts';
import { StartError } from '../start-error.ts';
import { type MemberFile, readMemberFile } from './member-file.ts';
import { isProposed, isProven, nextDir, writeNextConfig, writeProposed } from './next.ts';
import { requirePdfPath } from './pdf-path.ts';
import { whyNeverProven } from './provable.ts';

/** Keys of the platform that can be made anew. */
export const PLATFORM_KEYS = ['log', 'receipt', 'pdf'] as const;
export type PlatformKey = (typeof PLATFORM_KEYS)[number];

export interface Proposal {
  /** Files that members have made of themselves: who is new joins, who is known has these keys from then on. */
  readonly member: readonly string[];
  /** Names of members that leave. */
  readonly leave: readonly string[];
  /** Keys of the platform to make anew. */
  readonly newKey: readonly PlatformKey[];
  /** `<member, vkey or SHA-256 of a certificate>=<UTC time>`. */
  readonly revoke: readonly string[];
  /** How many courts the policy needs; when the courts change and this is not given, as in a new consortium. */
  readonly courtsNeeded?: number;
}

/**
 * Prepares a change.
 * @param dir the platform's folder
 * @param passphrase encrypts new keys; without it they are written in the clear
 * @returns lines for the operator: what was made, and what others must know
 * @throws StartError input-malformed | output-refused | config-* | key-*
 */
export async function propose(
  dir: string,
  proposal: Proposal,
  nowMs: number,
  passphrase?: Passphrase,
): Promise<string[]> {
  if (isProposed(dir) || isProven(dir)) {
    throw new StartError(
      'output-refused',
      `${nextDir(dir)} holds a proposal already: start the platform, or remove it`,
    );
  }
  const config = readConfig(dir, 'platform');
  const { bytes } = readTrust(dir);
  const present = parseTrustBundle(bytes);
  const { epochs: _, ...bundle } = JSON.parse(Buffer.from(bytes).toString('utf8')) as TrustBundle;
  const members = proposal.member.map(readMemberFile);
  for (const name of proposal.leave) requireMember(config, name);
  for (const name of proposal.newKey) requireFile(config, name);
  // What an attempt that failed left behind was never proposed.
  rmSync(nextDir(dir), { recursive: true, force: true });
  // A rewrite of keys that were withdrawn, cut short, would be finished over the new ones.
  finishRewrite(dir);
  mkdirSync(join(nextDir(dir), 'keys'), { recursive: true });
  const lines: string[] = [];
  const own = await makeKeys(dir, bundle, config, proposal.newKey, nowMs, newSeal(passphrase), lines);
  const configured = nextConfig(config, members, proposal.leave);
  writeNextConfig(dir, configured);
  const revoked = proposal.revoke.flatMap((text) => revocations(text, present));
  lines.push(...revoked.map(({ key, at }) => `revoked as of ${at}: ${key}`));
  const renewed = own.pdfRoots !== undefined || members.some(({ timestampRoot }) => timestampRoot !== undefined);
  const statement: TrustBundle = {
    ...bundle,
    ...own,
    ...(renewed && { notAfter: later(bundle.notAfter, trustDates(nowMs).notAfter) }),
    policy: nextPolicy(parsePolicy(own.policy ?? bundle.policy), config, configured, members, proposal.courtsNeeded),
    members: configured.members.map(({ member, kind, name, nameEn }) => ({ member, kind, name, nameEn })),
    timestampRoots: withRoots(bundle.timestampRoots, members),
    revoked: [...(bundle.revoked ?? []), ...revoked],
  };
  const stated = utf8Encode(JSON.stringify(statement));
  const why = whyNeverProven(present, stated, bytes);
  if (why !== undefined) throw new StartError('input-malformed', `this change is not proposed: ${why}`);
  const next = parseTrustBundle(stated);
  for (const member of members) requireUnrevoked(member, next);
  requirePdfPath(dir, next, nowMs);
  // Before the statement says that all is there.
  for (const folder of [join(nextDir(dir), 'keys'), dir]) syncFolder(folder);
  writeProposed(dir, statement, present.digest);
  return [...lines, ...statement.policy.trimEnd().split('\n')];
}

/** A file from before `rotate` has the keys that are in use now: revoked, the member would be silent from then on. */
function requireUnrevoked({ member, ed25519, mlDsa44 }: MemberFile, { revoked }: Trust): void {
  if ([ed25519, mlDsa44].every((vkey) => keyRevokedMs(revoked, parseVkey(vkey)) === undefined)) return;
  const why = `the member file of ${member} has keys that are revoked: run probata member rotate there first, and propose with the file it writes`;
  throw new StartError('input-malformed', why);
}

function requireMember({ members }: PlatformConfig, name: string): void {
  if (!members.some(({ member }) => member === name)) {
    throw new StartError(
      'input-malformed',
      `there is no member ${name}: ${members.map(({ member }) => member).join(', ')}`,
    );
  }
}

/** A key in a token is made there, and what names it is written by whoever made it. */
function requireFile({ hsm }: PlatformConfig, name: PlatformKey): void {
  const label = hsm?.keys[name];
  if (label === undefined) return;
  throw new StartError(
    'input-malformed',
    `the ${name} key is in the token, as "${label}": make the new one there, and write the change by hand (OPERATIONS.md, "Keys in an HSM")`,
  );
}

/**
 * The later of two times, for the dates of the bundle: new certificates must not outlive them. They are no part of a statement, and bound all
 * epochs at once. What was signed under an older certificate gains nothing by it: that ends by dates of its own (certs/core/x509-path.ts).
 */
function later(a: string, b: string): string {
  return Date.parse(a) < Date.parse(b) ? b : a;
}

/** New keys in `next/keys`. @returns the fields of the statement that they change */
async function makeKeys(
  dir: string,
  { policy, receiptKeys }: TrustBundle,
  { consortium }: PlatformConfig,
  names: readonly PlatformKey[],
  nowMs: number,
  seal: Seal | undefined,
  lines: string[],
): Promise<Partial<TrustBundle>> {
  const next = nextDir(dir);
  const made: Partial<TrustBundle> = {};
  const log = parsePolicy(policy).logs[0];
  if (log === undefined) throw new Error('invariant: a trust bundle names a log');
  const origin = log.key.name;
  if (names.includes('log')) {
    const vkey = formatVkey(makeKey(join(next, KEY_FILES.log), origin, 0x01, seal));
    made.policy = policy.replace(formatVkey(log.key), vkey);
    lines.push(`the log’s new key, which every court and mirror must trust before the platform starts: ${vkey}`);
  }
  if (names.includes('receipt')) {
    const vkey = formatVkey(makeKey(join(next, KEY_FILES.receipt), `${origin}/receipt`, 0x01, seal));
    // The old one stays: receipts do not say under which epoch they were given.
    made.receiptKeys = [vkey, ...receiptKeys];
  }
  if (names.includes('pdf')) made.pdfRoots = [await makePdfKeys(next, { name: consortium, nowMs }, seal)];
  return made;
}

function nextConfig(config: PlatformConfig, files: readonly MemberFile[], leave: readonly string[]): PlatformConfig {
  const kept = config.members.filter(({ member }) => !leave.includes(member));
  const members = [
    ...kept.map((known) => ({ ...known, ...memberConfig(files.find(({ member }) => member === known.member)) })),
    ...files
      .filter(({ member }) => !kept.some((known) => known.member === member))
      .flatMap((file) => memberConfig(file) ?? []),
  ];
  const gone = config.members.filter(({ member }) => leave.includes(member)).map(({ url }) => timestampUrlBeside(url));
  const added = files.flatMap(({ timestampUrl }) => timestampUrl ?? []);
  const timestampUrls = [...config.timestampUrls.filter((url) => !gone.includes(url)), ...added];
  return { ...config, members, timestampUrls: [...new Set(timestampUrls)] };
}

function memberConfig(file: MemberFile | undefined): MemberConfig | undefined {
  if (file === undefined) return undefined;
  const { member, kind, keyName, name, nameEn, url } = file;
  return { member, kind, keyName, name, nameEn, url };
}

function nextPolicy(
  policy: Policy,
  before: PlatformConfig,
  after: PlatformConfig,
  files: readonly MemberFile[],
  needed: number | undefined,
): string {
  const log = policy.logs[0];
  const neededNow = {
    court: policy.groups.get('courts')?.needed ?? 0,
    arbitration: policy.groups.get('arbitration')?.needed ?? 0,
  };
  if (log?.url === undefined) throw handWritten();
  const logLine = { key: log.key, url: log.url };
  const known = before.members.map((member) => policyMember(member, policy));
  if (policyText(logLine, known, neededNow) !== policy.text) throw handWritten();
  const members = after.members.map((member) => {
    const file = files.find((each) => each.member === member.member);
    const same = known.find((each) => each.member === member.member);
    if (file !== undefined) return { ...member, ed25519: parseVkey(file.ed25519), mlDsa44: parseVkey(file.mlDsa44) };
    if (same === undefined) throw new Error('invariant: a member is known or has a file');
    return same;
  });
  const count = (of: PlatformConfig, kind: MemberConfig['kind']): number =>
    of.members.filter((each) => each.kind === kind).length;
  const courts = count(after, 'court');
  const sameCourts = courts === count(before, 'court');
  return policyText(logLine, members, {
    court: needed ?? (sameCourts ? neededNow.court : courtsNeeded(courts)),
    arbitration: Math.min(neededNow.arbitration, count(after, 'arbitration')),
  });
}

/** The policy's URLs are those of the day it was made, so they come from its own lines. */
function policyMember({ member, kind }: MemberConfig, policy: Policy): PolicyMember {
  const [ed25519, mlDsa44] = [policy.witnesses.get(`${member}.ed25519`), policy.witnesses.get(`${member}.ml-dsa-44`)];
  if (ed25519?.url === undefined || mlDsa44 === undefined) throw handWritten();
  return { member, kind, url: ed25519.url, ed25519: ed25519.key, mlDsa44: mlDsa44.key };
}

function handWritten(): StartError {
  return new StartError(
    'input-malformed',
    'the policy was written by hand: write next/statement.json and next/config.json by hand too',
  );
}

/** New authorities are added; an old root goes when its court leaves no more tokens that are wanted: by hand, or by a revocation. */
function withRoots(roots: readonly string[], files: readonly MemberFile[]): string[] {
  return [...new Set([...roots, ...files.flatMap(({ timestampRoot }) => timestampRoot ?? [])])];
}

/** Both keys of a member, as the newest policy that knows it has them; one vkey of any policy so far; or one certificate. */
function revocations(text: string, { epochs }: Trust): RevokedKey[] {
  const at = text.slice(text.lastIndexOf('=') + 1);
  const what = text.slice(0, Math.max(0, text.length - at.length - 1));
  // Keys of ended epochs too: what they signed is still shown to judges.
  for (const { policy } of [...epochs].reverse()) {
    const named = [`${what}.ed25519`, `${what}.ml-dsa-44`].flatMap((name) => policy.witnesses.get(name) ?? []);
    if (named.length > 0) return named.map(({ key }) => ({ key: formatVkey(key), at }));
    if ([...policy.witnesses.values()].some(({ key }) => formatVkey(key) === what)) return [{ key: what, at }];
  }
  if (hexDecode(what, HASH_BYTES) !== undefined) return [{ key: what, at }];
  throw new StartError('input-malformed', `"${what}" is no member, no vkey of one, and no SHA-256 of a certificate`);
}
