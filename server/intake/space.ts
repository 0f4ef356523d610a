/**
 * Stops intake while the store can still write: LevelDB that once met a full disk loses what it acknowledges later, so it
 * must never meet one. Certifying goes on to a second, lower floor, and reading and verifying always.
 */
import { statfs } from 'node:fs/promises';
import { Refusal } from '../refusal.ts';
import type { Limits } from './limits.ts';

/** Bytes of the volume that holds the data. */
export type VolumeState = () => Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;

export interface DiskSpace {
  /**
   * For a deposit.
   * @param incomingBytes how much is about to be written, as far as known
   * @throws Refusal storage-full
   */
  check(incomingBytes: number): Promise<void>;
  /**
   * For whoever tells of it.
   * @returns whether deposits are taken with so much to spare that it will not stop again at once
   * @throws Refusal storage-full
   */
  look(): Promise<boolean>;
  /** For a certificate. @throws Refusal storage-full */
  checkCertificate(): Promise<void>;
}

/** Times the share at which intake stops. */
const TO_SPARE = 1.2;

/** The space of a volume, with the shares of it that must stay free. */
export function diskSpace(
  volume: VolumeState,
  { freeShareMin, certificateShareMin }: Pick<Limits, 'freeShareMin' | 'certificateShareMin'>,
): DiskSpace {
  /** @returns the share that is free */
  const check = async (incomingBytes: number, shareMin: number): Promise<number> => {
    const { freeBytes, totalBytes } = await volume();
    if (freeBytes - incomingBytes < totalBytes * shareMin) throw new Refusal('storage-full');
    return freeBytes / totalBytes;
  };
  return {
    async check(incomingBytes) {
      await check(incomingBytes, freeShareMin);
    },
    look: async () => (await check(0, freeShareMin)) >= freeShareMin * TO_SPARE,
    async checkCertificate() {
      await check(0, certificateShareMin);
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
