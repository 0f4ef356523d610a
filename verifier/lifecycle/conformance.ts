// The life of keys as a table: who replaced, joined, left or lost what, the certificate that is then shown, and what the verifier must say.
// Quick tests and the rig run the same list.

import { makePki } from '../../certs/issue/testing.ts';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatEntry } from '../../ledger/core/entry.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import type { Report } from '../core/report.ts';
import type { RevokedKey } from '../core/revocation.ts';
import type { TrustBundle } from '../core/trust.ts';
import { verify } from '../core/verify.ts';
import {
  createConsortium,
  type DepositOptions,
  NOW_MS,
  RECEIVED_MS,
  rerender,
  signer,
  type TestCertificate,
  type TestConsortium,
} from '../testing.ts';
import { bundleOf, CHANGE_SIZES, type ChangeOptions, changed, digestOf, type Era, keysWith, only } from './testing.ts';

/** Under this bundle, of this certificate, the verifier says this. */
export interface KeyCase {
  readonly name: string;
  readonly trust: TrustBundle;
  readonly certificate: TestCertificate;
  /** As {@link answerTo} gives it. */
  readonly expected: string;
}

/** A report in a few words. */
function answerOf({ outcome, reason, facts, warnings, checks }: Report): string {
  if (facts === undefined || reason !== undefined) {
    const why = checks.find(({ id, status }) => id === 'trust' && status !== 'passed')?.detail?.['why'];
    return `${outcome}: ${reason?.check} ${reason?.code}${why === undefined ? '' : ` (${String(why).replace('trust bundle: ', '')})`}`;
  }
  const warned = warnings.map(({ code }) => `, ${code}`).join('');
  const offset = (Date.parse(facts.notLaterThan.time) - Math.floor(RECEIVED_MS / 1000) * 1000) / 1000;
  return `${outcome} in epoch ${facts.epoch.number}, not later than ${offset} s${warned}`;
}

/** With the usual times court n signs after n seconds; of four courts with three needed the second that signs decides. */
const IN_EPOCH = (epoch: number, offset = 2): string => `consistent in epoch ${epoch}, not later than ${offset} s`;
const SHORT = 'unverifiable: quorum quorum-short';
const REFUSED = (why: string): string => `unverifiable: trust trust-malformed (${why})`;

/** Places before the first change, between the two changes, and after the second. */
const PLACES = [
  { index: 3, treeSize: 7 },
  { index: 12, treeSize: 15 },
  { index: 23, treeSize: 25 },
] as const;

/** When keys were stolen: ten seconds after the deposits were received, and before anybody's second signature. */
const THEFT_MS = RECEIVED_MS + 10_000;
const THEFT = new Date(THEFT_MS).toISOString();
const seconds = (offset: number): bigint => BigInt(Math.floor(RECEIVED_MS / 1000) + offset);

/** Collects cases around one consortium of four courts, of whom three are needed, and two arbitration bodies. */
class Cases {
  readonly list: KeyCase[] = [];
  readonly first: TestConsortium;
  /** A certificate of the first epoch with the first three courts. */
  readonly before: TestCertificate;

  constructor(first: TestConsortium, before: TestCertificate) {
    this.first = first;
    this.before = before;
  }

  add(name: string, trust: TrustBundle, certificate: TestCertificate, expected: string): void {
    this.list.push({ name, trust, certificate, expected });
  }

  bundle(next: TestConsortium, revoked?: RevokedKey[], change?: ChangeOptions): Promise<TrustBundle> {
    return bundleOf(
      [{ consortium: this.first }, { consortium: next, ...(revoked && { revoked }) }],
      change && [change],
    );
  }

  /** What every routine change brings about, and leaves as it was. */
  async replaced(
    what: string,
    next: TestConsortium,
    options: DepositOptions = BY_THREE,
    offset = 2,
  ): Promise<TrustBundle> {
    const trust = await this.bundle(next);
    this.add(`${what}: a certificate from before`, trust, this.before, IN_EPOCH(1));
    this.add(`${what}: a certificate from before, under the old bundle`, this.first.trust, this.before, IN_EPOCH(1));
    this.add(`${what}: a certificate from after`, trust, await after(next, options), IN_EPOCH(2, offset));
    return trust;
  }
}

const BY_THREE = { cosigners: only('123') };
const early = (of: TestConsortium, options: DepositOptions = BY_THREE) => of.certify({ ...PLACES[0], ...options });
const after = (of: TestConsortium, options: DepositOptions = BY_THREE) => of.certify({ ...PLACES[1], ...options });

const GROUPS = { rotations, bodies, thefts, forgeries };

/** The cases of these groups; of all when none is named. */
export async function keyCases(
  names: readonly (keyof typeof GROUPS)[] = ['rotations', 'bodies', 'thefts', 'forgeries'],
): Promise<KeyCase[]> {
  const first = await createConsortium('life');
  const cases = new Cases(first, await early(first));
  for (const name of names) await GROUPS[name](cases);
  return cases.list;
}

/** What the verifier answers to a case, under its bundle or another. */
export async function answerTo({ certificate, trust }: KeyCase, other = trust): Promise<string> {
  const { pdf, evidence } = certificate;
  const bundle = utf8Encode(JSON.stringify(other));
  return answerOf(
    await verify({ certificate: pdf, trust: bundle, evidence, certificateOnly: false, nowMs: NOW_MS, rerender }),
  );
}

async function rotations(cases: Cases): Promise<void> {
  const { first } = cases;
  const origin = first.parts.log.key.name;

  const log = changed(first, { log: signer(origin, 0x01, 'second') });
  const logs = await cases.replaced('log key replaced', log);
  cases.add(
    'log key replaced: the old one after it',
    logs,
    await after(first),
    'unverifiable: checkpoint note-not-signed',
  );
  cases.add(
    'log key replaced: the new one before it',
    logs,
    await early(log),
    'unverifiable: checkpoint note-not-signed',
  );

  const court = changed(first, { witnesses: keysWith(first, 'court-1', 'second') });
  const courts = await cases.replaced('court key replaced', court);
  cases.add('court key replaced: the old one after it', courts, await after(first), SHORT);
  cases.add('court key replaced: the new one before it', courts, await early(court), SHORT);

  const mirror = changed(first, { witnesses: keysWith(first, 'arbitration-1', 'second') });
  const one = { cosigners: only('123', '1') };
  const mirrors = await cases.replaced('mirror key replaced', mirror, one);
  cases.add('mirror key replaced: the old one after it', mirrors, await after(first, one), SHORT);

  const stamps = changed(first, { stamps: await makePki() });
  const stamped = await cases.replaced('timestamp key replaced', stamps);
  const untrusted = (check: string): string => `unverifiable: ${check} x509-untrusted`;
  cases.add('timestamp key replaced: the old one after it', stamped, await after(first), untrusted('timestamp'));

  const pdf = changed(first, { pki: await makePki() });
  const signed = await cases.replaced('PDF key replaced', pdf);
  cases.add('PDF key replaced: the old one after it', signed, await after(first), untrusted('pdf-chain'));
  cases.add('PDF key replaced: a proof from before, signed late', signed, await early(pdf), IN_EPOCH(1));

  await cases.replaced(
    'receipt key replaced',
    changed(first, { receipt: signer(`${origin}/receipt`, 0x01, 'second') }),
  );
}

async function bodies(cases: Cases): Promise<void> {
  const { first } = cases;
  const court5 = { member: 'court-5', kind: 'court', name: '测试第5法院', nameEn: 'Test Court 5' } as const;
  const joined = changed(first, {
    members: [...first.parts.members, court5],
    witnesses: keysWith(first, 'court-5', 'life'),
    needed: 4,
  });
  const more = await cases.replaced('court joins', joined, { cosigners: only('1235') }, 3);
  cases.add('court joins: three no longer suffice', more, await after(joined, { cosigners: only('125') }), SHORT);
  cases.add('court joins: it does not count before', more, await early(joined, { cosigners: only('125') }), SHORT);

  const left = changed(first, {
    members: first.parts.members.filter(({ member }) => member !== 'court-4'),
    witnesses: keysWith(first, 'court-4'),
  });
  const fewer = await cases.replaced('court leaves', left, BY_THREE, 3);
  const with4 = { cosigners: only('124') };
  cases.add('court leaves: it counts before', fewer, await early(first, with4), IN_EPOCH(1));
  cases.add('court leaves: it does not count after', fewer, await after(first, with4), SHORT);

  const log = changed(left, { log: signer(first.parts.log.key.name, 0x01, 'second') });
  const eras = [first, left, log].map((consortium): Era => ({ consortium }));
  const twice = await bundleOf(eras);
  cases.add('two changes: the first epoch', twice, cases.before, IN_EPOCH(1));
  cases.add('two changes: the second', twice, await after(left), IN_EPOCH(2, 3));
  cases.add('two changes: the third', twice, await log.certify({ ...PLACES[2], ...BY_THREE }), IN_EPOCH(3, 3));
  const late = await left.certify({ index: CHANGE_SIZES[0], treeSize: CHANGE_SIZES[1] });
  cases.add('two changes: the last checkpoint of the second', twice, late, IN_EPOCH(2, 3));
}

async function thefts(cases: Cases): Promise<void> {
  const { first } = cases;
  const keys = (member: string): RevokedKey[] =>
    [...first.witnesses].flatMap(([witness, { key }]) =>
      witness.startsWith(member) ? [{ key: formatVkey(key), at: THEFT }] : [],
    );
  const next = changed(first, { witnesses: keysWith(first, 'court-1', 'second') });
  const change = { time: () => seconds(60) };
  const stolen = await cases.bundle(next, keys('court-1'), change);
  const by = (courts: string, time: (witness: string) => bigint): DepositOptions => ({ cosigners: only(courts), time });
  const court1 = (itsTime: number, others: number) => (witness: string) =>
    seconds(witness.startsWith('court-1') ? itsTime : others);
  const warned = ', key-revoked';
  cases.add('court key stolen: it signed before', stolen, cases.before, IN_EPOCH(1) + warned);
  cases.add('court key stolen: it signed after', stolen, await early(first, by('123', court1(11, 3))), SHORT);
  cases.add(
    'court key stolen: three others signed',
    stolen,
    await early(first, by('1234', court1(11, 3))),
    IN_EPOCH(1, 3) + warned,
  );
  const backdated = await early(first, by('123', court1(-86_400, 8)));
  cases.add('court key stolen: the thief backdates, and moves nothing', stolen, backdated, IN_EPOCH(1, 8) + warned);
  cases.add(
    'court key stolen: its new key afterwards',
    stolen,
    await after(
      next,
      by('123', () => seconds(70)),
    ),
    IN_EPOCH(2, 70),
  );
  cases.add('court key stolen: the old one afterwards', stolen, await after(first, by('123', court1(5, 70))), SHORT);
  // Not replaced: it stays in the policy, and counts no more.
  const mere = await cases.bundle(first, keys('court-1'), change);
  cases.add(
    'court key stolen, not replaced: after the change',
    mere,
    await after(
      first,
      by('123', () => seconds(70)),
    ),
    SHORT,
  );

  const authority = first.pki.tsaPath[0];
  const signerOf = first.pki.path[0];
  if (authority === undefined || signerOf === undefined) throw new Error('invariant: a PKI has signers');
  const stampedAt = (offset: number): DepositOptions => ({ ...BY_THREE, stampMs: RECEIVED_MS + offset * 1000 });
  const revokedCertificate = (check: string): string => `unverifiable: ${check} certificate-revoked`;
  for (const [what, check, certificate] of [
    ['timestamp key', 'timestamp', authority],
    ['PDF key', 'pdf-chain', signerOf],
  ] as const) {
    const trust = await cases.bundle(first, [
      { key: digestOf(certificate), at: new Date(THEFT_MS + 5000).toISOString() },
    ]);
    cases.add(`${what} stolen: stamped before`, trust, await early(first, stampedAt(12)), IN_EPOCH(1) + warned);
    cases.add(`${what} stolen: stamped after`, trust, await early(first, stampedAt(20)), revokedCertificate(check));
  }
}

async function forgeries(cases: Cases): Promise<void> {
  const { first, before } = cases;
  const next = changed(first, { witnesses: keysWith(first, 'court-1', 'second') });
  const third = changed(next, { log: signer(first.parts.log.key.name, 0x01, 'second') });
  const refused = (name: string, trust: TrustBundle, why: string): void =>
    cases.add(`forged: ${name}`, trust, before, REFUSED(why));
  const notCosigned = 'a change is not cosigned under the policy that it ends';

  refused('cosigned by two courts', await cases.bundle(next, [], { cosigners: only('12') }), notCosigned);
  refused('cosigned by no mirror', await cases.bundle(next, [], { cosigners: only('1234', '') }), notCosigned);
  const usurpers = changed(first, { witnesses: (await createConsortium('usurper')).witnesses });
  refused('cosigned under the new policy alone', await cases.bundle(usurpers, [], { by: usurpers }), notCosigned);
  const revoked = [...first.witnesses].flatMap(([witness, { key }]) =>
    witness.startsWith('court-1') ? [{ key: formatVkey(key), at: THEFT }] : [],
  );
  const byStolen = { cosigners: only('123'), time: () => seconds(60) };
  refused('cosigned with a key that it revokes', await cases.bundle(next, revoked, byStolen), notCosigned);
  refused(
    'not the last of its checkpoint',
    await cases.bundle(next, [], { index: 8 }),
    'a change is not the last entry of its checkpoint',
  );
  const id = '019690f1-c123-7abc-8def-0123456789ab';
  const received = new Date(RECEIVED_MS).toISOString();
  const deposit = formatEntry({ kind: 'deposit', v: 1, id, received, commitment: 'ab'.repeat(32) });
  refused(
    'the entry of a deposit',
    await cases.bundle(next, [], { bytes: deposit }),
    'a change is no change of policy',
  );

  const good = await cases.bundle(next);
  const [epoch] = good.epochs ?? [];
  if (epoch === undefined) throw new Error('invariant: a bundle of two has an earlier epoch');
  const other = 'a change is to another statement';
  const laxer = (text: string): string => text.replace('group courts 3', 'group courts 2');
  refused('the newest statement altered', { ...good, policy: laxer(good.policy) }, other);
  refused('an earlier statement altered', { ...good, epochs: [{ ...epoch, policy: laxer(epoch.policy) }] }, other);
  const otherLog = { log: signer('ledger.other.example', 0x01, 'x') };
  refused(
    'a change of the log itself',
    await cases.bundle(changed(next, otherLog)),
    'a bundle with epochs is about one log',
  );

  const eras = [first, next, third].map((consortium): Era => ({ consortium }));
  const twice = await bundleOf(eras);
  const [one, two] = twice.epochs ?? [];
  if (one === undefined || two === undefined) throw new Error('invariant: a bundle of three has two earlier epochs');
  refused('epochs in another order', { ...twice, epochs: [two, one] }, other);
  refused('the epoch between left out', { ...twice, epochs: [one] }, other);
  refused('the epoch between left out, its change kept', { ...twice, epochs: [{ ...one, change: two.change }] }, other);
  refused('the first epoch left out', { ...twice, epochs: [two] }, other);
  refused('one change for both', { ...twice, epochs: [one, { ...two, change: one.change }] }, other);
  const backwards = await bundleOf(eras, [{}, { size: 10 }]);
  refused(
    'a change no later than the one before',
    backwards,
    'the change to epoch 3 does not come after the one before it',
  );
  const forgiven = await bundleOf([
    { consortium: first, revoked },
    { consortium: next, revoked: [] },
  ]);
  refused('a revocation taken back', forgiven, 'a change takes a revocation back');
}
