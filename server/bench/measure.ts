/** What the bench measures with: loops bounded by time, memory of processes, and rows of the table. */
import { readFileSync } from 'node:fs';

/** One line of the table. */
export interface Row {
  readonly figure: string;
  readonly measured: string;
  /** The same machine, minutes apart, doing only the part that nothing can avoid. */
  readonly baseline: string;
  readonly n: number;
  readonly seconds: number;
}

export interface Timed {
  readonly n: number;
  readonly seconds: number;
  /** n / seconds */
  readonly rate: number;
  /** Of each call, ms, ascending. */
  readonly ms: readonly number[];
}

/** Calls `act` again and again, `workers` at a time, until the time is over; what has begun is finished and counted. */
export async function during(seconds: number, workers: number, act: () => Promise<unknown> | unknown): Promise<Timed> {
  const start = performance.now();
  const end = start + seconds * 1000;
  const ms: number[] = [];
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const from = performance.now();
      await act();
      ms.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return timed(ms, performance.now() - start);
}

/** Calls `act` so many times, one after the other. */
export async function times(count: number, act: () => Promise<unknown>): Promise<Timed> {
  const start = performance.now();
  const ms: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    await act();
    ms.push(performance.now() - from);
  }
  return timed(ms, performance.now() - start);
}

function timed(ms: number[], totalMs: number): Timed {
  const seconds = totalMs / 1000;
  return { n: ms.length, seconds, rate: ms.length / seconds, ms: ms.sort((a, b) => a - b) };
}

/** Resident memory of a process, MB; NaN where the system does not show it. */
export function residentMegabytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** `p50 12.3 ms, p99 45.6 ms` */
export function latencies({ ms }: Timed): string {
  const at = (share: number): string =>
    (ms[Math.min(ms.length - 1, Math.floor(ms.length * share))] ?? Number.NaN).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

/** `1,234 /s` */
export function perSecond(rate: number): string {
  return `${rate.toLocaleString('en', { maximumFractionDigits: rate < 100 ? 1 : 0 })} /s`;
}

/** The table as text, columns as wide as they need. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [
    ['figure', 'measured', 'baseline of the same run', 'n', 'seconds'],
    ...rows.map(({ figure, measured, baseline, n, seconds }) => [
      figure,
      measured,
      baseline,
      String(n),
      seconds.toFixed(1),
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
