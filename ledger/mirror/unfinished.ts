// What all uploads together hold of packages that nobody has authenticated yet. Anyone can begin an upload, of 17 MB a package, of a few
// kilobytes when compressed, and leave it there. So there is one budget; when it is used up, the upload is given up that has cost most, bytes
// times age: whoever means it sends a package within a moment, and a small one costs little however long it takes.

import type { Clock } from '../log/ports.ts';
import type { ByteReader } from './byte-reader.ts';
import type { EntryPackage } from './package.ts';

/** Bytes of unfinished uploads: four of the largest packages. Beside them one package of each log is being checked. Own choice. */
export const UNFINISHED_BYTES_MAX = 64 * 1024 * 1024;

/** What one upload holds: its header, then one package after the other. */
export interface Holding {
  readonly reader: ByteReader;
  bytes: number;
  sinceMs: number;
  /** It is there in whole and waits for its turn to be checked. */
  waiting: EntryPackage | undefined;
  givenUp: boolean;
}

/** The budget of one mirror. */
export class Unfinished {
  readonly #clock: Clock;
  readonly #holdings = new Set<Holding>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An upload is begun. `release` must follow, whatever becomes of it. */
  begin(reader: ByteReader): Holding {
    return { reader, bytes: 0, sinceMs: this.#clock(), waiting: undefined, givenUp: false };
  }

  /** So many bytes are about to come in. Gives up others, or this one, when it is too much: their bodies end there. */
  add(holding: Holding, bytes: number): void {
    if (holding.givenUp) return;
    this.#holdings.add(holding);
    holding.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > UNFINISHED_BYTES_MAX && !holding.givenUp) this.#giveUp(this.#costliest(holding));
  }

  /** The package whose turn it is to be checked, from now on outside of the budget; undefined when it was given up. */
  take(holding: Holding): EntryPackage | undefined {
    const { waiting } = holding;
    this.release(holding);
    return waiting;
  }

  /** Nothing of it is held any longer: the upload has ended, or its next package begins. */
  release(holding: Holding): void {
    if (this.#holdings.delete(holding)) this.#bytes -= holding.bytes;
    holding.bytes = 0;
    holding.sinceMs = this.#clock();
    holding.waiting = undefined;
  }

  #costliest(first: Holding): Holding {
    const now = this.#clock();
    // A clock may stand still, or go back.
    const cost = ({ bytes, sinceMs }: Holding): number => bytes * Math.max(1, now - sinceMs);
    let found = first;
    for (const holding of this.#holdings) if (cost(holding) > cost(found)) found = holding;
    return found;
  }

  #giveUp(holding: Holding): void {
    this.release(holding);
    holding.givenUp = true;
    holding.reader.cut();
  }
}
