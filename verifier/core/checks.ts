// Makes checks one after another and writes down what each of them found.
// A check that did not run is never counted as passed: it is listed as `not-run`, with the reason.

import { CertError } from '../../certs/core/errors.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import type { Json } from '../../ledger/core/json.ts';
import { type NotRunCode, VerifierError } from './errors.ts';
import { statusOf } from './outcome.ts';
import { CHECK_IDS, type Check, type CheckId } from './report.ts';

/** What a check hands on when it passed. */
export interface Passed<T> {
  readonly value: T;
  readonly detail?: Readonly<Record<string, Json>>;
}

/** Collects checks as they are made. Whatever is never made stays `not-run`. */
export class CheckList {
  readonly #made = new Map<CheckId, Check>();
  #making: CheckId = CHECK_IDS[0];

  /**
   * Makes one check.
   * @param inputs what earlier checks handed on; when one is missing the check is not made
   * @param check returns what later checks need, or throws LedgerError, CertError or VerifierError with its finding
   * @returns the value, or undefined when the check did not pass
   */
  async run<I extends readonly unknown[], T>(
    id: CheckId,
    inputs: { readonly [K in keyof I]: I[K] | undefined },
    check: (...inputs: I) => Passed<T> | Promise<Passed<T>>,
  ): Promise<T | undefined> {
    this.#making = id;
    if (inputs.includes(undefined)) {
      this.skip(id, 'not-reached');
      return undefined;
    }
    try {
      const { value, detail } = await check(...(inputs as unknown as I));
      this.#made.set(id, { id, status: 'passed', ...(detail && { detail }) });
      return value;
    } catch (error) {
      this.#made.set(id, findingOf(id, error));
      return undefined;
    }
  }

  /** States why a check is not made. */
  skip(id: CheckId, code: NotRunCode): void {
    this.#made.set(id, { id, status: 'not-run', code });
  }

  /** The one place for an error that no check foresaw: it is held against the check being made, as `internal`. */
  broke(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#made.set(this.#making, { id: this.#making, status: statusOf('internal'), code: 'internal', detail: { why } });
  }

  passed(...ids: readonly CheckId[]): boolean {
    return ids.every((id) => this.#made.get(id)?.status === 'passed');
  }

  /** Every check once, in order. */
  list(): Check[] {
    return CHECK_IDS.map((id) => this.#made.get(id) ?? { id, status: 'not-run', code: 'not-reached' });
  }
}

function findingOf(id: CheckId, error: unknown): Check {
  if (error instanceof VerifierError) {
    return { id, status: statusOf(error.code), code: error.code, detail: { why: error.message, ...error.detail } };
  }
  if (error instanceof LedgerError || error instanceof CertError) {
    return { id, status: statusOf(error.code), code: error.code, detail: { why: error.message } };
  }
  throw error;
}
