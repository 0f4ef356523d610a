// How often a thing that happens again and again is told.

/** The 1st, 2nd, 4th, 8th … time: nobody can drown the rest by repeating himself. @param count from 1 on */
export function isTold(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}
