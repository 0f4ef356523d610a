/** Several sources of the same, of which any will do. */

/**
 * Asks one after the other until one answers. One that fails is asked last from then on, so that one that hangs costs its timeout once, and not
 * once for each question.
 * @param sources in the order in which they are asked
 * @returns asks; rejects as the last one did that was asked
 */
export function inTurn<S>(sources: readonly S[]): <T>(ask: (source: S) => Promise<T>) => Promise<T> {
  const order = [...sources];
  return async (ask) => {
    let reason = new Error('there is nobody to ask');
    for (const source of [...order]) {
      try {
        return await ask(source);
      } catch (error) {
        reason = error as Error;
        order.push(...order.splice(order.indexOf(source), 1));
      }
    }
    throw reason;
  };
}
