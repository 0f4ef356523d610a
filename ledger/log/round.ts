// One round of the publisher: a head, and the cosignature lines collected over it, each verified before it counts.
// Does not ask anybody and does not decide when to publish.

import { type Cosignature, openCosignatures } from '../core/cosignature.ts';
import { formatNote, type Note, type NoteSignature, parseNote, parseSignatureLines } from '../core/note.ts';
import { evaluatePolicy, type Policy, type QuorumState } from '../core/policy.ts';
import { type PolicyWitness, witnessesUnder } from './policy-members.ts';
import type { SignedHead } from './ports.ts';

export class Round {
  readonly head: SignedHead;
  readonly #policy: Policy;
  /** By name of the policy's witness. */
  readonly #lines = new Map<string, NoteSignature>();

  constructor(head: SignedHead, policy: Policy) {
    this.head = head;
    this.#policy = policy;
  }

  /**
   * Adds what a member answered, as far as it verifies under the member's own keys.
   * @returns true when every key of the member has signed
   * @throws LedgerError when a line of one of its keys does not verify, or the answer is not signature lines: then nothing is added
   */
  add(member: string, answer: string): boolean {
    const witnesses = witnessesUnder(this.#policy, member);
    const note = { text: parseNote(this.head.note).text, signatures: parseSignatureLines(answer) };
    this.#take(witnesses, openCosignatures(note, keysOf(witnesses)));
    return this.has(member);
  }

  /** Adds the lines of a note over the same checkpoint that was published before. @throws LedgerError when one does not verify */
  restore(published: Note): void {
    const witnesses = [...this.#policy.witnesses].map(([name, { key }]) => ({ name, key }));
    this.#take(witnesses, openCosignatures(published, keysOf(witnesses)));
  }

  /** True when every key of the member has signed. */
  has(member: string): boolean {
    return witnessesUnder(this.#policy, member).every(({ name }) => this.#lines.has(name));
  }

  get quorum(): QuorumState {
    return evaluatePolicy(this.#policy, new Set(this.#lines.keys()));
  }

  /** The checkpoint with the log's signature and all lines so far, in the policy's order. */
  get note(): string {
    const { text, signatures } = parseNote(this.head.note);
    const lines = [...this.#policy.witnesses.keys()].flatMap((name) => this.#lines.get(name) ?? []);
    return formatNote({ text, signatures: [...signatures, ...lines] });
  }

  /** Names of the witnesses that have signed. */
  get cosigned(): string[] {
    return [...this.#lines.keys()];
  }

  #take(witnesses: readonly PolicyWitness[], cosignatures: readonly Cosignature[]): void {
    for (const { key, line } of cosignatures) {
      const witness = witnesses.find((candidate) => candidate.key === key);
      if (witness !== undefined) this.#lines.set(witness.name, line);
    }
  }
}

function keysOf(witnesses: readonly PolicyWitness[]) {
  return witnesses.map(({ key }) => key);
}
