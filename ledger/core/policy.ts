// Trust policies: which logs, which witnesses, and which sets of them suffice. c2sp.org/tlog-policy.
// Narrower than the text in two ways, both refused with a message: logs have keys of type 0x01, witnesses of type 0x04 or 0x06.
// What a satisfied quorum is worth, in liars it survives, is arithmetic here and prose in the verifier's report.

import { decimal, hasControl, hexEncode, isWellFormed, lines } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { POLICY_GROUPS_MAX, POLICY_LENGTH_MAX, POLICY_LOGS_MAX, POLICY_WITNESSES_MAX } from './limits.ts';
import { parseVkey, type VerifierKey } from './note.ts';

/** A log or a witness as its line gives it; the meaning of the URL is the application's. */
export interface PolicyParty {
  readonly key: VerifierKey;
  readonly url?: string;
}

/** Satisfied when at least `needed` of the members (names of witnesses or groups) are. */
export interface PolicyGroup {
  readonly needed: number;
  readonly members: readonly string[];
}

/** A policy file. Maps are in file order; `quorum` names a witness or a group, or is 'none'. */
export interface Policy {
  readonly text: string;
  readonly logs: readonly PolicyParty[];
  readonly witnesses: ReadonlyMap<string, PolicyParty>;
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  readonly quorum: string;
}

/** What a set of cosignatures means for one group. */
export interface GroupState {
  readonly name: string;
  readonly needed: number;
  readonly satisfiedMembers: readonly string[];
  readonly members: readonly string[];
  readonly satisfied: boolean;
}

/** What a set of cosignatures means for the policy; `groups` are in file order. */
export interface QuorumState {
  readonly satisfied: boolean;
  readonly groups: readonly GroupState[];
}

/** The time at which a group's member vouched, seconds since the epoch. */
export interface MemberTime {
  readonly member: string;
  readonly timeSeconds: bigint;
}

const NO_QUORUM = 'none';

/**
 * Reads a policy file.
 * @throws LedgerError policy-malformed; the message names the line
 */
export function parsePolicy(text: string): Policy {
  if (text.length > POLICY_LENGTH_MAX) throw malformed(undefined, `longer than ${POLICY_LENGTH_MAX} characters`);
  const found = lines(text);
  // SPEC tlog-policy: "each line is terminated by ASCII newline".
  if (found === undefined) throw malformed(undefined, 'the last line does not end in a newline');
  const reader = new PolicyReader();
  for (const [i, line] of found.entries()) reader.line(line, i + 1);
  return reader.policy(text);
}

function malformed(line: number | undefined, why: string, cause?: unknown): LedgerError {
  const where = line === undefined ? 'policy' : `policy line ${line}`;
  return new LedgerError('policy-malformed', `${where}: ${why}`, { cause });
}

/** Takes the lines of a policy one by one. */
class PolicyReader {
  readonly #logs: PolicyParty[] = [];
  readonly #witnesses = new Map<string, PolicyParty>();
  readonly #groups = new Map<string, PolicyGroup>();
  readonly #logKeys = new Set<string>();
  readonly #witnessKeys = new Set<string>();
  readonly #members = new Set<string>();
  #quorum: string | undefined;
  #number = 0;

  line(line: string, number: number): void {
    this.#number = number;
    // SPEC tlog-policy: "the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF."
    if (hasControl(line, '\t') || line.includes('\u007f')) throw this.#refuse('control character');
    if (!isWellFormed(line)) throw this.#refuse('lone surrogate');
    // SPEC tlog-policy: whitespace is "sequences of ASCII space and tab characters *only*".
    const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== '');
    if (keyword === undefined || keyword.startsWith('#')) return;
    if (keyword === 'log') this.#log(items);
    else if (keyword === 'witness') this.#witness(items);
    else if (keyword === 'group') this.#group(items);
    else if (keyword === 'quorum') this.#setQuorum(items);
    else throw this.#refuse('begins with none of log, witness, group, quorum');
  }

  policy(text: string): Policy {
    // SPEC tlog-policy: "A policy file must include exactly one quorum line."
    if (this.#quorum === undefined) throw malformed(undefined, 'no quorum line');
    return { text, logs: this.#logs, witnesses: this.#witnesses, groups: this.#groups, quorum: this.#quorum };
  }

  #log(items: readonly string[]): void {
    const party = this.#party(items, 'log <vkey> [<url>]');
    if (party.key.type !== 0x01) throw this.#refuse('a log has a key of type 0x01');
    // SPEC tlog-policy: "multiple log lines with the same public key, are not allowed."
    this.#claimKey(this.#logKeys, party.key);
    if (this.#logs.push(party) > POLICY_LOGS_MAX) throw this.#refuse(`more than ${POLICY_LOGS_MAX} logs`);
  }

  #witness([name, ...items]: readonly string[]): void {
    const form = 'witness <name> <vkey> [<url>]';
    if (name === undefined) throw this.#refuse(`not of the form ${form}`);
    const party = this.#party(items, form);
    if (party.key.type === 0x01) throw this.#refuse('a witness has a key of type 0x04 or 0x06');
    this.#requireFree(name);
    // SPEC tlog-policy: "multiple witness lines with the same public key, are not allowed."
    this.#claimKey(this.#witnessKeys, party.key);
    this.#witnesses.set(name, party);
    if (this.#witnesses.size > POLICY_WITNESSES_MAX) throw this.#refuse(`more than ${POLICY_WITNESSES_MAX} witnesses`);
  }

  #group([name, threshold, ...members]: readonly string[]): void {
    // SPEC tlog-policy: "At least one member must be listed (i.e., n >= 1)."
    if (name === undefined || threshold === undefined || members.length === 0) {
      throw this.#refuse('not of the form group <name> all|any|<k> <name>...');
    }
    const needed = threshold === 'all' ? members.length : threshold === 'any' ? 1 : decimal(threshold);
    // SPEC tlog-policy: "it is required that 1 <= k <= n."
    if (needed === undefined || needed < 1 || needed > members.length) throw this.#refuse('needed is not 1..n');
    this.#requireFree(name);
    for (const member of members) {
      this.#requireDefined(member);
      // SPEC tlog-policy: "Each defined name can be listed as a group member at most once."
      if (this.#members.has(member)) throw this.#refuse(`${member} is a member already`);
      this.#members.add(member);
    }
    this.#groups.set(name, { needed, members });
    if (this.#groups.size > POLICY_GROUPS_MAX) throw this.#refuse(`more than ${POLICY_GROUPS_MAX} groups`);
  }

  #setQuorum([name, ...rest]: readonly string[]): void {
    if (name === undefined || rest.length > 0) throw this.#refuse('not of the form quorum <name>');
    if (this.#quorum !== undefined) throw this.#refuse('a second quorum line');
    if (name !== NO_QUORUM) this.#requireDefined(name);
    this.#quorum = name;
  }

  #party([vkey, url, ...rest]: readonly string[], form: string): PolicyParty {
    if (vkey === undefined || rest.length > 0) throw this.#refuse(`not of the form ${form}`);
    try {
      const key = parseVkey(vkey);
      return url === undefined ? { key } : { key, url };
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      throw this.#refuse(error.message, error);
    }
  }

  #claimKey(taken: Set<string>, key: VerifierKey): void {
    // SPEC tlog-policy: keys are duplicate "if they wrap the same underlying public key, even if they differ by key name and key id."
    const publicKey = hexEncode(key.publicKey);
    if (taken.has(publicKey)) throw this.#refuse('a public key that an earlier line has');
    taken.add(publicKey);
  }

  #requireFree(name: string): void {
    // SPEC tlog-policy: "Witnesses and groups share a single namespace. The special name none is predefined".
    if (name === NO_QUORUM || this.#isDefined(name)) throw this.#refuse(`the name ${name} is taken`);
  }

  #requireDefined(name: string): void {
    // SPEC tlog-policy: "A line defining a group can only reference names of groups and witnesses defined on preceding lines."
    if (!this.#isDefined(name)) throw this.#refuse(`${name} is not defined on a preceding line`);
  }

  #isDefined(name: string): boolean {
    return this.#witnesses.has(name) || this.#groups.has(name);
  }

  #refuse(why: string, cause?: unknown): LedgerError {
    return malformed(this.#number, why, cause);
  }
}

/**
 * Says which groups are satisfied when these witnesses, and no others, have cosigned.
 * @param cosigned names of the policy's witnesses; other names count for nothing
 */
export function evaluatePolicy(policy: Policy, cosigned: ReadonlySet<string>): QuorumState {
  const satisfied = new Set([...policy.witnesses.keys()].filter((name) => cosigned.has(name)));
  const groups: GroupState[] = [];
  // Members are defined on preceding lines, so file order has every member decided before its group.
  for (const [name, { needed, members }] of policy.groups) {
    const satisfiedMembers = members.filter((member) => satisfied.has(member));
    const enough = satisfiedMembers.length >= needed;
    if (enough) satisfied.add(name);
    groups.push({ name, needed, satisfiedMembers, members, satisfied: enough });
  }
  return { satisfied: policy.quorum === NO_QUORUM || satisfied.has(policy.quorum), groups };
}

/**
 * For each satisfied member of a group, the latest time among the witnesses that satisfied it, earliest member first.
 * With f liars among the members, the (f+1)-th time is one that an honest member vouches for: see liarsSurvived.
 * @param timeOf cosignature time of a witness, seconds since the epoch; undefined when it has not cosigned
 */
export function memberTimes(
  policy: Policy,
  groupName: string,
  timeOf: (witness: string) => bigint | undefined,
): MemberTime[] {
  const members = policy.groups.get(groupName)?.members;
  if (members === undefined) throw new Error(`invariant: the policy has no group ${groupName}`);
  return members
    .flatMap((member) => {
      const timeSeconds = latestTime(policy, member, timeOf);
      return timeSeconds === undefined ? [] : [{ member, timeSeconds }];
    })
    .sort((a, b) => ascending(a.timeSeconds, b.timeSeconds));
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Latest time among the witnesses that satisfied a name; undefined when it is not satisfied. */
function latestTime(policy: Policy, name: string, timeOf: (witness: string) => bigint | undefined): bigint | undefined {
  const group = policy.groups.get(name);
  if (group === undefined) return timeOf(name);
  const times = group.members.flatMap((member) => latestTime(policy, member, timeOf) ?? []);
  if (times.length < group.needed) return undefined;
  return times.sort(ascending).at(-1);
}

/**
 * The (f+1)-th smallest of the {@link memberTimes}, f being the liars that the group survives: by then an honest member had vouched.
 * @returns seconds since the epoch; undefined when the group is not satisfied
 */
export function honestTime(
  policy: Policy,
  groupName: string,
  timeOf: (witness: string) => bigint | undefined,
): bigint | undefined {
  const times = memberTimes(policy, groupName, timeOf);
  const { members = [], needed = 0 } = policy.groups.get(groupName) ?? {};
  return times.length < needed ? undefined : times[liarsSurvived(members.length, needed)]?.timeSeconds;
}

/**
 * How many of a group's members may lie before two conflicting trees could both satisfy it.
 * Two satisfied sets share at least 2 * needed - members of them, and one honest member in common is enough.
 */
export function liarsSurvived(members: number, needed: number): number {
  return Math.max(0, 2 * needed - members - 1);
}
