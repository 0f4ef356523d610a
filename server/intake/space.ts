/**
 * Stops intake while the store can still write: LevelDB that once met a full disk loses what it acknowledges later, so it
 * must never meet one. Reading, verifying and certifying go on.
 */
import { statfs } from 'node:fs/promises';
import { Refusal } from '../refusal.ts';

/** Bytes of the volume that holds the data. */
export type VolumeState = () => Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;

export interface DiskSpace {
  /**
   * @param incomingBytes how much is about to be written, as far as known
   * @throws Refusal storage-full
   */
  check(incomingBytes: number): Promise<void>;
}

/** @param freeShareMin share of the volume that must stay free, 0..1 */
export function diskSpace(volume: VolumeState, freeShareMin: number): DiskSpace {
  return {
    async check(incomingBytes) {
      const { freeBytes, totalBytes } = await volume();
      if (freeBytes - incomingBytes < totalBytes * freeShareMin) throw new Refusal('storage-full');
    },
  };
}

/** The volume of a folder. */
export function volumeOf(dir: string): VolumeState {
  return async () => {
    const { bavail, blocks, bsize } = await statfs(dir);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  };
}
