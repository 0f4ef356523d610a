// Numbers and times as people read them. No locale: the same digits on every machine.

const BEIJING_OFFSET_MS = 8 * 3600 * 1000;
/** The last time a Date can hold, in seconds. */
const DATE_SECONDS_MAX = 8_640_000_000_000n - 8n * 3600n;

/** 1234567 → 1,234,567 */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Bytes in binary units, 1536 → 1.50 KiB; undefined below 1 KiB, where the bytes say it all. */
export function humanSize(bytes: number): string | undefined {
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = -1;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit < 0 ? undefined : `${value.toFixed(2)} ${units[unit]}`;
}

/** A moment twice: by the clock in Beijing (UTC+8, no summer time since 1991), and in UTC. */
export interface Moment {
  readonly beijing: string;
  readonly utc: string;
}

/** A time of our own: YYYY-MM-DDTHH:MM:SS[.mmm]Z. */
export function momentOf(utc: string): Moment {
  const beijing = new Date(Date.parse(utc) + BEIJING_OFFSET_MS).toISOString().slice(0, utc.includes('.') ? -1 : -5);
  return { beijing: beijing.replace('T', ' '), utc: utc.slice(0, -1).replace('T', ' ') };
}

/** A cosigner's time in seconds. One that no calendar holds is shown as the number it is. */
export function momentOfSeconds(seconds: bigint): Moment {
  if (seconds > DATE_SECONDS_MAX) return { beijing: `POSIX ${seconds}`, utc: `POSIX ${seconds}` };
  return momentOf(`${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}Z`);
}
