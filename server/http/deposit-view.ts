/**
 * A deposit as its owner sees it: the JSON of the API. Digests are lower-case hex; times are the platform's, ISO 8601 UTC.
 * `message` says in words where the deposit stands and for whom it waits.
 */
import { files as filesOf, parseRecord } from '../../certs/core/record.ts';
import type { Policy, QuorumState } from '../../ledger/core/policy.ts';
import type { Deposit } from '../intake/deposit-store.ts';
import type { DepositState, Notary, Standing } from '../notarize.ts';

/** How many of a group have cosigned. */
export interface GroupView {
  readonly name: string;
  readonly needed: number;
  readonly have: number;
  readonly short: boolean;
}

export interface Message {
  readonly zh: string;
  readonly en: string;
}

export interface DepositView {
  readonly id: string;
  readonly state: DepositState;
  readonly received: string;
  readonly index: number | null;
  readonly links: Readonly<Record<string, string>>;
  readonly receipt: string;
  readonly files: readonly FileView[];
  readonly quorum: { readonly groups: readonly GroupView[] };
  readonly message: Message;
}

interface FileView {
  readonly index: number;
  readonly name: string;
  readonly size: number;
  readonly mediaType: string;
  readonly sha256: string;
  readonly sm3?: string;
}

export const DEPOSITS_PATH = '/api/v1/deposits';

/** Path of a deposit. */
export function depositPath(id: string): string {
  return `${DEPOSITS_PATH}/${id}`;
}

/** Everything about a deposit. */
export async function depositView(notary: Notary, policy: Policy, deposit: Deposit): Promise<DepositView> {
  const [standing, receipt, record] = await Promise.all([
    notary.standing(deposit.id),
    notary.receipt(deposit),
    notary.store.record(deposit.id),
  ]);
  const groups = groupsOf(policy, standing.quorum);
  return {
    id: deposit.id,
    state: standing.state,
    received: deposit.received,
    index: standing.index ?? null,
    links: linksOf(deposit),
    receipt,
    files: filesOf(parseRecord(record)).map(({ v: _v, salt: _salt, ...file }) => file),
    quorum: { groups },
    message: messageOf(standing, groups, deposit),
  };
}

/** Where the artefacts of a deposit are. */
export function linksOf({ id, blob }: Deposit): Record<string, string> {
  const self = depositPath(id);
  return {
    self,
    receipt: `${self}/receipt`,
    record: `${self}/record`,
    proof: `${self}/proof`,
    certificate: `${self}/certificate`,
    ...(blob === undefined ? {} : { files: `${self}/files/{n}` }),
  };
}

/** The groups the quorum is made of; what they are made of is the policy's business. */
export function groupsOf(policy: Policy, quorum: QuorumState): GroupView[] {
  const top = policy.groups.get(policy.quorum)?.members.filter((member) => policy.groups.has(member)) ?? [];
  const named = top.length > 0 ? top : [policy.quorum];
  return quorum.groups
    .filter(({ name }) => named.includes(name))
    .map(({ name, needed, satisfiedMembers, satisfied }) => ({
      name,
      needed,
      have: satisfiedMembers.length,
      short: !satisfied,
    }));
}

const GROUP_NAMES_ZH: Readonly<Record<string, string>> = { courts: '法院', arbitration: '仲裁机构' };

/** "courts: 2 of the 3 needed have cosigned", for each group that is short. */
export function shortage(groups: readonly GroupView[]): Message | undefined {
  const short = groups.filter((group) => group.short);
  if (short.length === 0) return undefined;
  return {
    zh: short
      .map(({ name, needed, have }) => `${GROUP_NAMES_ZH[name] ?? name}：需要 ${needed} 家共同签名，已有 ${have} 家`)
      .join('；'),
    en: short.map(({ name, needed, have }) => `${name}: ${have} of the ${needed} needed have cosigned`).join('; '),
  };
}

function messageOf({ state }: Standing, groups: readonly GroupView[], { mode }: Deposit): Message {
  if (state === 'certified') return { zh: '存证证书已出具，可以下载。', en: 'The certificate is ready.' };
  if (state === 'published') {
    return mode === 'batch'
      ? {
          zh: '已上链并公布；首次下载时出具证书。',
          en: 'On the ledger and published; the certificate is made when it is first downloaded.',
        }
      : { zh: '已上链并公布，正在出具证书。', en: 'On the ledger and published; the certificate is being made.' };
  }
  if (state === 'pending' || state === 'sequenced') {
    return { zh: '已安全接收，正在排队上链。', en: 'Safely received; waiting to go on the ledger.' };
  }
  return shortage(groups) ?? { zh: '共同签名已足，正在公布。', en: 'Enough have cosigned; being published.' };
}
