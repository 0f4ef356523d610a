/**
 * `probata start`: a whole consortium on this machine, one process each, watched.
 * stdout carries one line, `ready http://127.0.0.1:8600`, once a deposit would be certified; everything else is on stderr, one readable
 * line per event with the member's name in front. A member that dies stays down and is reported; the others go on.
 * Stopping: the platform first, so that it never sees its members leave; then the members together.
 * The processes stop by themselves when this one is killed: their stdin ends (roles/process.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { TRUST_FILE } from '../config.ts';
import { writeDurably } from '../epochs/next.ts';
import { openHttpClient } from '../http/client.ts';
import { type Env, keySecrets, PASSPHRASE } from '../keys/secrets.ts';
import { openPassphrase } from '../keys.ts';
import { renderLine } from '../logging.ts';
import { livePid, pidPath } from '../pid.ts';
import { StartError } from '../start-error.ts';
import { initConsortium } from './init.ts';
import { LOOPBACK, moveTo, PLATFORM, type Place, placesOf } from './layout.ts';
import { SUPERVISED } from './process.ts';

/** What `npm start` makes when the data folder is empty. */
const DEMO = { courts: 4, mirrors: 2, name: 'demo' };
const READY_POLL_MS = 50;
/** While the platform is not ready, it is said again after this time, with its reason. */
const NOT_READY_REPORT_MS = 15_000;
const READYZ_TIMEOUT_MS = 5000;
const READYZ_BYTES_MAX = 65_536;
/** A process that has not ended this long after SIGTERM is killed. */
const KILL_AFTER_MS = 25_000;

/** A timer that only keeps this process running. */
const ALIVE_MS = 3_600_000;

interface Watched {
  readonly place: Place;
  readonly child: ChildProcess;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
}

/**
 * Runs a consortium until SIGTERM or SIGINT.
 * @param options data folder, the platform's port, and where the passphrase and the PIN come from
 * @returns the exit code: 0 when it was told to stop, 1 when the platform ended before it was ready
 * @throws StartError when it cannot start: a port in use, the data folder in use or incomplete
 */
export async function startConsortium(options: { data: string; port: number; env: Env }): Promise<number> {
  const data = resolve(options.data);
  const say = (name: string, text: string): void => void process.stderr.write(`${name.padEnd(14)} ${text}\n`);
  const passphrase = openPassphrase(options.env, PASSPHRASE);
  if ((await initConsortium({ data, port: options.port, ...DEMO, nowMs: Date.now(), passphrase })) === 'made')
    say('start', `made a consortium in ${data}`);
  const places = placesOf(data, options.port);
  refuseWhenRunning(places);
  for (const place of places) await refuseWhenTaken(place);
  moveTo(places);

  const state = { stopping: false };
  // Also when every process has died: they may be started again by hand, and we are asked to stop.
  const alive = setInterval(() => {}, ALIVE_MS);
  const signal = stopSignal(state);
  const watched = places.map((place) => watch(place, options.env, say, state));
  const platform = watched[0];
  if (platform === undefined) throw new Error('invariant: the platform has a place');
  const url = `http://${LOOPBACK}:${options.port}`;

  const outcome = await Promise.race([
    signal.then(() => 'told to stop' as const),
    platform.ended.then(() => 'ended' as const),
    ready(url, say, state).then(() => 'ready' as const),
  ]);
  const failed = outcome === 'ended' && !state.stopping;
  if (failed) say('start', 'the platform ended before it was ready; stopping the others');
  if (outcome === 'ready' && !state.stopping) {
    handOut(data);
    process.stdout.write(`ready ${url}\n`);
    await signal;
  }
  state.stopping = true;
  await stop([platform]);
  await stop(watched.slice(1));
  clearInterval(alive);
  return failed ? 1 : 0;
}

/** The judges' copy of the trust bundle follows the platform's, which a change of policy makes longer. */
function handOut(data: string): void {
  const bundle = readFileSync(join(data, PLATFORM, TRUST_FILE), 'utf8');
  if (readFileSync(join(data, TRUST_FILE), 'utf8') !== bundle) writeDurably(join(data, TRUST_FILE), bundle);
}

function stopSignal(state: { stopping: boolean }): Promise<void> {
  return new Promise((resolveSignal) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        state.stopping = true;
        resolveSignal();
      });
    }
  });
}

function refuseWhenRunning(places: readonly Place[]): void {
  for (const { dir, name, role } of places) {
    const path = pidPath(dir, name);
    const pid = livePid(path, role);
    if (pid === undefined) continue;
    throw new StartError('data-in-use', `${dir} is in use: ${name} runs as process ${pid} (${path})`);
  }
}

/** Asked before anything is started, so that a taken port is one sentence and not seven logs. */
function refuseWhenTaken(place: Place): Promise<void> {
  return new Promise((free, reject) => {
    const probe = createServer();
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      const problem = cause.code === 'EADDRINUSE' ? 'is already in use' : `cannot be opened (${cause.code})`;
      const message = `port ${place.port}, which ${place.name} needs, ${problem}; choose others with PROBATA_PORT`;
      reject(new StartError('port-in-use', message, { cause }));
    });
    probe.listen(place.port, LOOPBACK, () => probe.close(() => free()));
  });
}

function watch(
  place: Place,
  secrets: Env,
  say: (name: string, text: string) => void,
  state: { stopping: boolean },
): Watched {
  const program = process.argv[1];
  if (program === undefined) throw new Error('invariant: this process runs a program');
  const child = spawn(process.execPath, [...process.execArgv, program, place.role, place.dir], {
    // A group of its own: Ctrl-C reaches this process only, which then stops the others in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    // Our own environment has no secrets any more; a role needs them to open its keys.
    env: { ...process.env, ...keySecrets(secrets), [SUPERVISED]: '1' },
  });
  lines(child.stdout, (line) => say(place.name, renderLine(line)));
  lines(child.stderr, (line) => say(place.name, line));
  child.stdin.on('error', () => {});
  const ended = new Promise<void>((resolveEnd) => {
    child.once('error', (error) => {
      say(place.name, `could not be started: ${error.message}`);
      resolveEnd();
    });
    child.once('exit', (code, signal) => {
      if (!state.stopping)
        say(
          place.name,
          `ended ${signal === null ? `with code ${code}` : `by ${signal}`}; it stays down, the others go on`,
        );
      resolveEnd();
    });
  });
  return { place, child, ended };
}

function lines(stream: Readable, each: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', each);
}

/** Resolves when the platform says that a deposit would be certified, or when we are stopping. */
async function ready(
  url: string,
  say: (name: string, text: string) => void,
  state: { stopping: boolean },
): Promise<void> {
  const client = openHttpClient();
  let reported = Date.now();
  try {
    while (!state.stopping) {
      const answer = await client
        .http({ method: 'GET', url: `${url}/readyz`, timeoutMs: READYZ_TIMEOUT_MS, responseBytesMax: READYZ_BYTES_MAX })
        .catch(() => undefined);
      if (answer?.status === 200) return;
      if (Date.now() - reported > NOT_READY_REPORT_MS) {
        reported = Date.now();
        const reason =
          answer === undefined ? 'the platform does not answer' : Buffer.from(answer.body).toString().trim();
        say('start', `not ready: ${reason}`);
      }
      await new Promise((resolveWait) => setTimeout(resolveWait, READY_POLL_MS));
    }
  } finally {
    client.close();
  }
}

async function stop(processes: readonly Watched[]): Promise<void> {
  const kill = setTimeout(() => {
    for (const { child } of processes) child.kill('SIGKILL');
  }, KILL_AFTER_MS);
  for (const { child } of processes) child.kill('SIGTERM');
  await Promise.all(processes.map(({ ended }) => ended));
  clearTimeout(kill);
}
