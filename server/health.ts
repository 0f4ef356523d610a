/**
 * Would a deposit made now be certified? Yes when a checkpoint is published under the quorum, the question at its start is settled, enough
 * cosigners keep answering, and deposits are not refused: for want of space, because no token can be checked, for the clock's or for earlier promises' sake.
 * Cosigners are heard when the ledger talks to them, and asked for their latest checkpoint when it does not; what has not answered lately
 * counts as away. Space and tokens are looked at whether or not anybody deposits, and their loss is an alarm of its own, once until they are well back.
 * Asks and remembers; stops nothing: the ledger itself waits for its quorum.
 */
import { evaluatePolicy, type Policy, type QuorumState } from '../ledger/core/policy.ts';
import { witnessesUnder } from '../ledger/log/policy-members.ts';
import type { Cosigner } from '../ledger/log/ports.ts';
import { type GroupView, groupsOf, type Message, shortage } from './http/deposit-view.ts';
import type { EventLog } from './logging.ts';

/** How often every cosigner is asked, and space and tokens are looked at, in ms. */
const ASK_EVERY_MS = 5000;

/** What this process needs itself to take anything in: how its loss and its return are told, and what people are told meanwhile. */
const NEEDS = {
  tokens: {
    lost: 'tokens-unreadable',
    back: 'tokens-readable',
    message: {
      zh: '平台无法核对访问令牌，任何人都不能存证。',
      en: 'The platform cannot check tokens, so nobody can deposit.',
    },
  },
  space: {
    lost: 'storage-full',
    back: 'storage-freed',
    message: {
      zh: '平台存储空间不足，暂停接收存证。',
      en: 'The platform is short of storage and takes no deposits now.',
    },
  },
} as const;
type Need = keyof typeof NEEDS;
const NEED_NAMES = Object.keys(NEEDS) as Need[];

export interface ReadyState {
  readonly ready: boolean;
  /** Size of the published tree; null before the first. */
  readonly published: number | null;
  readonly groups: readonly GroupView[];
  readonly message: Message;
}

export interface ReadinessOptions {
  readonly policy: Policy;
  readonly cosigners: readonly Pick<Cosigner, 'name' | 'latest'>[];
  readonly publishedSize: () => number | undefined;
  /** The ledger takes nothing in and signs nothing because the clock is behind its times. */
  readonly clockIsBehind: () => boolean;
  /**
   * Deposits are refused because entries wait too long for a quorum (intake/arrears.ts): who answers a question may still cosign nothing.
   * @throws StoreError
   */
  readonly isInArrears: () => Promise<boolean>;
  /** Each throws while what it looks at would have every deposit refused; false when it soon may again, so that its return is not told yet. */
  readonly needs: Readonly<Record<Need, () => Promise<boolean>>>;
  readonly log: EventLog;
}

export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #answering = new Set<string>();
  readonly #lost = new Set<Need>();
  /** Of which the loss was told, and the return not yet. */
  readonly #told = new Set<Need>();
  #isSettled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Begins asking. */
  start(): void {
    const look = (): void => {
      this.#askAll();
      void this.#lookAtNeeds();
    };
    this.#timer = setInterval(look, ASK_EVERY_MS);
    this.#timer.unref();
    look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The ledger, or a question of ours, had a usable answer from this cosigner, or none. */
  heard(cosigner: string, answered: boolean): void {
    if (answered) this.#answering.add(cosigner);
    else this.#answering.delete(cosigner);
  }

  /** Enough cosigners have answered the ledger's question at start; before that it signs nothing. */
  settled(): void {
    this.#isSettled = true;
  }

  /** Names of the cosigners that answer. */
  answering(): ReadonlySet<string> {
    return this.#answering;
  }

  /** The groups of the policy, of which those who answer are counted. */
  groups(): GroupView[] {
    return groupsOf(this.#options.policy, this.#quorum());
  }

  /** @throws StoreError when it cannot be told whether entries wait: a deposit would fail as well */
  async state(): Promise<ReadyState> {
    const { publishedSize, clockIsBehind, isInArrears } = this.#options;
    const [inArrears] = await Promise.all([isInArrears(), this.#lookAtNeeds()]);
    const groups = this.groups();
    const published = publishedSize();
    const behind = clockIsBehind();
    const lost = NEED_NAMES.find((need) => this.#lost.has(need));
    const isOpen = published !== undefined && this.#isSettled;
    const ready = isOpen && this.#quorum().satisfied && lost === undefined && !behind && !inArrears;
    const message = lost === undefined ? messageOf(ready, groups, behind, inArrears, published) : NEEDS[lost].message;
    return { ready, published: published ?? null, groups, message };
  }

  /** Never rejects: what cannot be looked at is lost. */
  async #lookAtNeeds(): Promise<void> {
    await Promise.all(
      NEED_NAMES.map(async (need) => {
        const { isBack, error } = await this.#options.needs[need]().then(
          (toSpare) => ({ isBack: toSpare, error: undefined }),
          (thrown: unknown) => ({ isBack: false, error: thrown }),
        );
        if (error === undefined) this.#lost.delete(need);
        else this.#lost.add(need);
        // Compared and noted in one turn: of several who look at the same time one tells.
        if (error !== undefined && !this.#told.has(need)) {
          this.#told.add(need);
          this.#options.log('alarm', NEEDS[need].lost, { reason: reasonOf(error) });
        }
        if (isBack && this.#told.delete(need)) this.#options.log('info', NEEDS[need].back);
      }),
    );
  }

  #quorum(): QuorumState {
    const { policy } = this.#options;
    const witnesses = [...this.#answering].flatMap((member) => witnessesUnder(policy, member));
    return evaluatePolicy(policy, new Set(witnesses.map(({ name }) => name)));
  }

  #askAll(): void {
    for (const cosigner of this.#options.cosigners) {
      cosigner.latest().then(
        () => this.heard(cosigner.name, true),
        () => this.heard(cosigner.name, false),
      );
    }
  }
}

/** A refusal says what a depositor hears; what led to it is for whoever runs the platform. */
function reasonOf(error: unknown): string {
  return String((error as Error).cause ?? error);
}

function messageOf(
  ready: boolean,
  groups: readonly GroupView[],
  behind: boolean,
  inArrears: boolean,
  published: number | undefined,
): Message {
  if (ready) return { zh: '可以受理存证。', en: 'A deposit made now would be certified.' };
  if (behind)
    return {
      zh: '时钟回拨，账本暂停接收和签署。',
      en: 'The clock went back; the ledger takes and signs nothing until it has caught up.',
    };
  const short = shortage(groups);
  if (inArrears) {
    const en = 'The ledger has gone without the cosignatures of a quorum for half a day, so no deposits are taken now.';
    const zh = '账本已有半天未取得足够的共同签名，暂停接收存证。';
    return short === undefined ? { zh, en } : { zh: zh + short.zh, en: `${en} ${short.en}` };
  }
  if (short === undefined && published === undefined)
    return { zh: '账本尚未公布第一个检查点。', en: 'No checkpoint is published yet.' };
  if (short === undefined)
    return {
      zh: '尚无足够成员答复启动询问，账本暂不签署。',
      en: 'Too few members have answered the question at start yet; the ledger signs nothing before.',
    };
  return { zh: `应答的成员不足。${short.zh}`, en: `Not enough members answer. ${short.en}` };
}
