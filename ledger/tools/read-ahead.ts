// Reading ahead: answers that take their time (HTTP, a disk) are asked for before they are needed, a bounded number at once.

/** Answers under way at once. Memory is bounded by as many of the largest, an entry bundle of 16 MB; ours have about 50 kB. */
const AHEAD_MAX = 32;

/**
 * What `fetch` answers for each name, in the order of the names.
 * A rejection comes when its turn has come.
 */
export async function* readAhead<N, T>(
  names: Iterable<N>,
  fetch: (name: N) => Promise<T>,
): AsyncGenerator<readonly [name: N, answer: T]> {
  const waiting: { readonly name: N; readonly answer: Promise<T> }[] = [];
  const ask = (name: N): void => {
    const answer = fetch(name);
    // Whoever takes it sees the rejection; until then it is nobody's.
    answer.catch(() => undefined);
    waiting.push({ name, answer });
  };
  for (const name of names) {
    ask(name);
    if (waiting.length < AHEAD_MAX) continue;
    const first = waiting.shift();
    if (first !== undefined) yield [first.name, await first.answer];
  }
  for (const { name, answer } of waiting) yield [name, await answer];
}
