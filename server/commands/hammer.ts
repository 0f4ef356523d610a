/**
 * `probata hammer`: load with verification of every answer (ledger/tools/hammer.ts) against a platform's URL.
 * Exit 0 when everything verified and the goal, if there was one, was reached; 1 otherwise.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HammerReport, hammer } from '../../ledger/tools/hammer.ts';
import { depositorToken } from '../depositor-token.ts';
import { openHttpClient } from '../http/client.ts';
import type { Terminal } from './context.ts';
import { readTrust } from './trust.ts';

/** A platform at its limit answers a batch late, and that is no failure. */
const TIMEOUT_MS = 120_000;
const ANSWER_BYTES_MAX = 33_554_432;

export interface HammerCommand {
  readonly url: string;
  /** The depositor's API token; as depositor-token.ts finds it when not given. */
  readonly token?: string;
  readonly trust: string;
  readonly writers: number;
  readonly readers: number;
  readonly rate: number;
  /** Ignores the rate. */
  readonly fullSpeed?: boolean;
  readonly batch: number;
  readonly seconds: number;
  readonly graceSeconds: number;
  readonly goal?: number;
}

/** Runs the load. @returns the exit code */
export async function runHammer(command: HammerCommand, terminal: Terminal): Promise<number> {
  const url = command.url.replace(/\/$/, '');
  const { rate, fullSpeed, ...load } = command;
  const token = depositorToken(command.token, terminal.env);
  const { policy } = readTrust(command.trust);
  const client = openHttpClient();
  const report = await hammer({
    ...load,
    token,
    rate: fullSpeed === true ? undefined : rate,
    policy,
    send: ({ path, ...request }) =>
      client.http({ ...request, url: url + path, timeoutMs: TIMEOUT_MS, responseBytesMax: ANSWER_BYTES_MAX }),
    now: () => performance.now(),
    sleep: (ms) => sleep(ms),
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    onProgress: (progress) => terminal.err(line(progress)),
  });
  client.close();
  terminal.out(JSON.stringify(report));
  const failed = report.failures.length > 0 || (command.goal !== undefined && !report.goalReached);
  return failed ? 1 : 0;
}

function line(report: HammerReport): string {
  const { seconds, acknowledged, found, pushedBack, inclusionChecks, proofChecks, size, failures } = report;
  return (
    `${seconds.toFixed(0)} s: ${acknowledged} acknowledged, ${found} found, ${pushedBack} pushed back, ` +
    `${inclusionChecks} inclusions and ${proofChecks} proofs checked, size ${size}, ${failures.length} failures`
  );
}
