/**
 * Would a deposit made now be certified? Yes when a checkpoint is published under the quorum, enough cosigners keep answering, and deposits
 * are not refused for the clock's or for earlier promises' sake. Cosigners are heard when the ledger talks to them, and asked for their
 * latest checkpoint when it does not; what has not answered lately counts as away. Asks and remembers; stops nothing: the ledger itself waits for its quorum.
 */
import { evaluatePolicy, type Policy, type QuorumState } from '../ledger/core/policy.ts';
import { witnessesUnder } from '../ledger/log/policy-members.ts';
import type { Cosigner } from '../ledger/log/ports.ts';
import { type GroupView, groupsOf, type Message, shortage } from './http/deposit-view.ts';

/** How often every cosigner is asked, in ms. */
const ASK_EVERY_MS = 5000;

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
}

export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #answering = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Begins asking. */
  start(): void {
    this.#timer = setInterval(() => this.#askAll(), ASK_EVERY_MS);
    this.#timer.unref();
    this.#askAll();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The ledger, or a question of ours, had a usable answer from this cosigner, or none. */
  heard(cosigner: string, answered: boolean): void {
    if (answered) this.#answering.add(cosigner);
    else this.#answering.delete(cosigner);
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
    const inArrears = await isInArrears();
    const groups = this.groups();
    const published = publishedSize();
    const behind = clockIsBehind();
    const ready = published !== undefined && this.#quorum().satisfied && !behind && !inArrears;
    return { ready, published: published ?? null, groups, message: messageOf(ready, groups, behind, inArrears) };
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

function messageOf(ready: boolean, groups: readonly GroupView[], behind: boolean, inArrears: boolean): Message {
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
  if (short === undefined) return { zh: '账本尚未公布第一个检查点。', en: 'No checkpoint is published yet.' };
  return { zh: `应答的成员不足。${short.zh}`, en: `Not enough members answer. ${short.en}` };
}
