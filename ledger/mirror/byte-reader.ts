// Reads a request body that arrives in chunks of any length. For package.ts.
// A body that fails halfway counts as one that ended there: tlog-mirror keeps what was authenticated before.

/** Takes bytes from the front of a body. One caller at a time. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest = new Uint8Array(0);
  #isCut = false;
  /** Ends the wait for the next chunk. */
  #stopWaiting: () => void = () => undefined;

  /** The body is read only as far as asked for, and never closed: the HTTP layer still has to send the answer. */
  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, or undefined when the body ends before them. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      if (this.#rest.length === 0 && !(await this.#pull())) return undefined;
      const part = this.#rest.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes;
  }

  /** The body counts as ended here, also for whoever waits for more of it. */
  cut(): void {
    this.#rest = new Uint8Array(0);
    this.#isCut = true;
    this.#stopWaiting();
  }

  async #pull(): Promise<boolean> {
    if (this.#isCut) return false;
    // No race with a promise that lives as long as the reader: that would hold every chunk until then.
    const next = await new Promise<IteratorResult<Uint8Array> | undefined>((resolve) => {
      this.#stopWaiting = () => resolve(undefined);
      this.#chunks.next().then(resolve, this.#stopWaiting);
    });
    if (next === undefined || next.done || this.#isCut) return false;
    this.#rest = next.value as Uint8Array<ArrayBuffer>;
    return true;
  }
}
