// One life of a process, from a start to a crash. What a dead process still had in hand must not touch the world any more.

/** Thrown at whoever asked for the end of the process: nothing may go on behind it. */
export class ProcessEnded extends Error {
  override readonly name = 'ProcessEnded';
}

export class Life {
  readonly #gone: Promise<void>;
  #end: () => void = () => undefined;
  #alive = true;

  constructor() {
    this.#gone = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Resolves at the end. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  end(): void {
    this.#alive = false;
    this.#end();
  }

  /** The outcome of an effect as long as the process lives; never anything after its end. */
  fence<T>(effect: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      effect.then(
        (answer) => this.#alive && resolve(answer),
        (error) => this.#alive && reject(error),
      );
    });
  }
}
