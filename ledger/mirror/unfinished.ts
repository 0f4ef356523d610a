// What all uploads together hold of packages that nobody has authenticated yet. Anyone can begin an upload, of 17 MB a package, of a few
// kilobytes when compressed, and leave it there. So there is one budget; when it is used up, the package that was begun first is given up:
// whoever means it sends it within a moment, and has made room long before.

import type { ByteReader } from './byte-reader.ts';

/** Bytes of unfinished packages: four of the largest, so that one alone always has room. Own choice. */
export const UNFINISHED_BYTES_MAX = 64 * 1024 * 1024;

/** One package that is being read, or checked. */
export interface Holding {
  readonly reader: ByteReader;
  bytes: number;
  /** It has come in whole: it will be done with in a moment, and nothing is gained by giving it up. */
  whole: boolean;
  givenUp: boolean;
}

/** The budget of one mirror. */
export class Unfinished {
  /** In the order in which their packages were begun. */
  readonly #holdings = new Set<Holding>();
  #bytes = 0;

  /** A package is begun. `end` must follow, whatever becomes of it. */
  begin(reader: ByteReader): Holding {
    const holding = { reader, bytes: 0, whole: false, givenUp: false };
    this.#holdings.add(holding);
    return holding;
  }

  /** Some of it came in. Gives up others, or this one, when it is too much: their bodies end there. */
  add(holding: Holding, bytes: number): void {
    if (holding.givenUp) return;
    holding.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > UNFINISHED_BYTES_MAX && !holding.givenUp) {
      const first = [...this.#holdings].find(({ whole }) => !whole) ?? holding;
      first.givenUp = true;
      first.reader.cut();
      this.end(first);
    }
  }

  /** It is done with. */
  end(holding: Holding): void {
    if (this.#holdings.delete(holding)) this.#bytes -= holding.bytes;
  }
}
