// Fail-stop: after the first failed or ambiguous effect nothing of this log runs on; the process ends and recovers on restart.
// Going on is what loses data: after one failed write LevelDB loses writes that it acknowledges later.

/** Guards every effect whose failure leaves the state unknown. */
export class FailStop {
  readonly #fatal: (error: Error) => never;
  readonly #end: Promise<void>;
  #stopped = false;
  #markEnd: () => void = () => undefined;

  constructor(fatal: (error: Error) => never) {
    this.#fatal = fatal;
    this.#end = new Promise((resolve) => {
      this.#markEnd = resolve;
    });
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Resolves when stopped. */
  get end(): Promise<void> {
    return this.#end;
  }

  /** The effect's answer; or, when it fails, the end: the promise then never settles, so that nothing continues behind it. */
  async guard<T>(effect: Promise<T>): Promise<T> {
    try {
      const answer = await effect;
      return this.#stopped ? await never() : answer;
    } catch (error) {
      this.stop(error);
      return never();
    }
  }

  /** Stops for good and tells the owner of the process, once. */
  stop(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#markEnd();
    try {
      this.#fatal(error instanceof Error ? error : new Error('not an Error was thrown', { cause: error }));
    } catch {
      // The owner answered by throwing instead of ending the process. This log stays stopped all the same.
    }
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
