// The question at start: has anybody seen more of this log than we have? An old backup does not know that it is old;
// only the cosigners' memory can tell. Until enough of them have answered, nothing is signed. design: "The write path".
// Does not stop the log: it throws, and who asked decides.

import { evaluatePolicy, liarsSurvived, type Policy } from '../core/policy.ts';
import { askMemory, compareMemory, type OwnTree } from './cosigner-memory.ts';
import type { LogEvent } from './events.ts';
import type { LogKeys } from './past-epoch.ts';
import { witnessesUnder } from './policy-members.ts';
import type { Cosigner, SignedHead } from './ports.ts';
import { retryMs, Wakeup } from './wakeup.ts';

export interface QuestionOptions {
  readonly cosigners: readonly Cosigner[];
  readonly policy: Policy;
  /** A member may have cosigned last in an earlier epoch. */
  readonly keys: LogKeys;
  /** Undefined before the first head. */
  readonly own: OwnTree | undefined;
  onEvent(event: LogEvent): void;
}

/**
 * True when those who answered include, for every head that may ever have been published, an honest one that cosigned it.
 * In a group of n that needs q, of whom f may lie, these are n - q + f + 1. A group that is fully covered covers the whole of
 * an `all` above it, for whatever that `all` accepted, this group accepted. On top of that the answering ones must satisfy
 * the policy: then a group too small to rule out a fork by itself (any 1 of 2) is asked too, but no more is asked than
 * publishing needs, so one mirror that is down stops no start.
 */
export function isAnswered(policy: Policy, answered: ReadonlySet<string>): boolean {
  const witnesses = [...answered].flatMap((name) => witnessesUnder(policy, name).map((witness) => witness.name));
  const covers = (name: string): boolean => {
    if (answered.has(name)) return true;
    const group = policy.groups.get(name);
    if (group === undefined) return witnesses.includes(name);
    const silent = group.members.length - group.needed;
    const liars = Math.min(liarsSurvived(group.members.length, group.needed), silent);
    return group.members.filter(covers).length >= silent + liars + 1;
  };
  const state = evaluatePolicy(policy, new Set(witnesses));
  return state.satisfied && (policy.quorum === 'none' || covers(policy.quorum));
}

/** Asks every cosigner, each as often as it takes, until enough have answered. */
export class StartupQuestion {
  readonly #options: QuestionOptions;
  readonly #answered = new Set<string>();
  readonly #pauses = new Set<Wakeup>();
  #over = false;
  #resolve: (settled: boolean) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: QuestionOptions) {
    this.#options = options;
  }

  /**
   * Resolves true when enough have answered, false when closed before.
   * @throws LogError behind-cosigners | fork: nothing may be signed
   */
  ask(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#settleIfEnough();
      for (const cosigner of this.#options.cosigners) void this.#askOne(cosigner);
    });
  }

  /** Stops asking. */
  close(): void {
    this.#over = true;
    for (const pause of this.#pauses) pause.wake();
    this.#resolve(false);
  }

  async #askOne(cosigner: Cosigner): Promise<void> {
    const pause = new Wakeup();
    this.#pauses.add(pause);
    for (let failures = 1; !this.#over; failures++) {
      const note = await askMemory(cosigner, this.#options.keys, this.#options.own?.head);
      if (this.#over) return;
      if (!(note instanceof Error)) return this.#take(cosigner, note).catch(this.#reject);
      const { name } = cosigner;
      this.#options.onEvent({ kind: 'question-unanswered', severity: 'warning', cosigner: name, error: note });
      await pause.wait(retryMs(failures));
    }
  }

  async #take(cosigner: Cosigner, theirs: SignedHead | undefined): Promise<void> {
    const { own, keys, onEvent } = this.#options;
    if (theirs !== undefined) await compareMemory(cosigner, theirs, own, keys, onEvent);
    this.#answered.add(cosigner.name);
    const size = theirs?.checkpoint.size ?? 0;
    onEvent({ kind: 'question-answered', severity: 'info', cosigner: cosigner.name, size });
    this.#settleIfEnough();
  }

  #settleIfEnough(): void {
    if (this.#over || !isAnswered(this.#options.policy, this.#answered)) return;
    this.#options.onEvent({ kind: 'question-settled', severity: 'info' });
    this.#resolve(true);
    this.close();
  }
}
