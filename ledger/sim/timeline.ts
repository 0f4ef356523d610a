// Virtual time: a queue of what will happen, in order of time. While it is in force the global timers stand in it too, so a simulated
// hour costs nothing, and nothing but the seed decides what comes first. Between two events all promises that can settle do.

import { createHash } from 'node:crypto';

interface Event {
  readonly atMs: number;
  /** Events of one moment happen in the order in which they were planned. */
  readonly number: number;
  readonly run: () => void;
}

/** What undoes a plan. */
export type Cancel = () => void;

const realImmediate = setImmediate;

export class Timeline {
  /** Since the beginning, in ms. */
  nowMs: number;
  /** Events so far: the steps of the simulation. */
  steps = 0;
  /** The lines of the trace; kept when somebody is going to read them. */
  readonly lines: string[] = [];
  readonly #hash = createHash('sha256');
  readonly #keepLines: boolean;
  /** A heap: no event is after those at twice its place, and one more. */
  readonly #heap: Event[] = [];
  readonly #cancelled = new Set<number>();
  #planned = 0;

  /** @param nowMs where another timeline ended, to go on from there */
  constructor(keepLines: boolean, nowMs = 0) {
    this.#keepLines = keepLines;
    this.nowMs = nowMs;
  }

  /** Plans an event `delayMs` from now. */
  after(delayMs: number, run: () => void): Cancel {
    const number = this.#plan(delayMs, run);
    return () => this.#cancelled.add(number);
  }

  /** Resolves `delayMs` from now. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#plan(delayMs, resolve);
    });
  }

  /** Makes the next event happen, and all that follows from it at once; false when nothing is planned. */
  async step(): Promise<boolean> {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      if (this.#cancelled.delete(event.number)) continue;
      this.nowMs = event.atMs;
      this.steps += 1;
      event.run();
      await settle();
      return true;
    }
  }

  /** A line of the trace. */
  note(line: string): void {
    const text = `${this.steps} ${this.nowMs.toFixed(3)} ${line}\n`;
    this.#hash.update(text);
    if (this.#keepLines) this.lines.push(text);
  }

  /** Lower-case hex of the SHA-256 of the trace. Ends it. */
  traceHash(): string {
    return this.#hash.digest('hex');
  }

  /** Puts the global timers on this timeline. @returns puts the real ones back */
  takeOverTimers(): Cancel {
    const real = { setTimeout, clearTimeout, setInterval, clearInterval };
    const cancels = new Map<number, Cancel>();
    let handles = 0;
    const clear = (handle: number | undefined) => {
      if (handle === undefined) return;
      cancels.get(handle)?.();
      cancels.delete(handle);
    };
    const begin = (run: () => void, ms: number, again: boolean) => {
      const handle = ++handles;
      const plan = () => {
        const fire = () => {
          cancels.delete(handle);
          if (again) plan();
          run();
        };
        cancels.set(handle, this.after(Math.max(1, ms), fire));
      };
      plan();
      return handle;
    };
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms = 0) => begin(run, ms, false),
      setInterval: (run: () => void, ms = 0) => begin(run, ms, true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    return () => void Object.assign(globalThis, real);
  }

  #plan(delayMs: number, run: () => void): number {
    const event: Event = { atMs: this.nowMs + delayMs, number: this.#planned++, run };
    const heap = this.#heap;
    let at = heap.length;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(event, heap[parent]); parent = (at - 1) >> 1) {
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
    return event.number;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
}

/** Resolves when no promise can settle any more without an event: the whole simulation runs on microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve);
  });
}
