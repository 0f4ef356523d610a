/**
 * Throws mutants at one endpoint of a running process and looks at everything that bad input must not do: end the process, change what it
 * holds, grow its memory, get an answer that the interface does not have. Endpoints: cosigner-endpoints.ts, platform-endpoints.ts.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Tally } from '../../fixtures/rig.ts';
import { randomOf } from './mutator.ts';
import { KeptConnection, type RawAnswer, sendAlone } from './raw-http.ts';
import { type Message, type Mutant, mutantOf } from './requests.ts';

export interface Endpoint {
  readonly name: string;
  /** Valid messages, all of them already answered or without effect, so that no mutant that means the same changes anything. */
  readonly messages: readonly Message[];
  /** Statuses with which a message of the right form but the wrong content is refused. */
  readonly refusals: readonly number[];
  /** Codes of its problem+json. */
  readonly codes: ReadonlySet<string>;
  /** Why an answer of 2xx is wrong for what was sent; undefined when the message means what a valid one means. */
  accepted(mutant: Mutant, answer: RawAnswer): string | undefined;
  /** What the process holds, as one text. */
  state(): Promise<string>;
}

export interface Target {
  readonly port: number;
  readonly pid: number;
}

export interface Outcome extends Tally {
  /** Resident memory of the process after half of the mutants and at the end, in KiB. */
  readonly rssKiB: readonly [middle: number, end: number];
}

const CONNECTIONS = 8;
/** What HTTP itself refuses, whatever the endpoint. */
const HTTP_REFUSALS = [400, 401, 404, 405, 413, 415, 417, 431];
/** Far above what a garbage collector leaves lying about, far below what 50,000 leaked requests keep. */
const GROWTH_KIB_MAX = 160 * 1024;

/**
 * @param target where the mutants go, and the process whose life and memory are watched; a control's proxy may be between them
 * @param seed chooses the mutants: mutant i of a seed is always the same, if the messages are
 */
export async function throwMutants(
  endpoint: Endpoint,
  { port, pid }: Target,
  n: number,
  seed: number,
): Promise<Outcome> {
  const failures: string[] = [];
  const before = await endpoint.state();
  let middle = rssKiB(pid);
  let next = 0;
  const worker = async (): Promise<void> => {
    const connection = new KeptConnection(port);
    while (next < n) {
      const index = next++;
      if (index === Math.floor(n / 2)) middle = rssKiB(pid);
      const mutant = mutantOf(endpoint.messages, randomOf(`${seed} ${endpoint.name} ${index}`));
      const wrong = await judge(endpoint, mutant, connection, port).catch((error: Error) => error.message);
      if (wrong !== undefined) failures.push(`${endpoint.name}, mutant ${index} (${mutant.class}): ${wrong}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  if (!existsSync(`/proc/${pid}`)) return { n, failures: [...failures, 'the process ended'], rssKiB: [middle, 0] };
  const end = rssKiB(pid);
  if (end - middle > GROWTH_KIB_MAX) failures.push(`${endpoint.name}: memory grew from ${middle} to ${end} KiB`);
  const after = await endpoint.state();
  if (after !== before) failures.push(`${endpoint.name}: the state changed: ${difference(before, after)}`);
  return { n, failures, rssKiB: [middle, end] };
}

async function judge(
  endpoint: Endpoint,
  mutant: Mutant,
  connection: KeptConnection,
  port: number,
): Promise<string | undefined> {
  if (mutant.class === 'framing') {
    // Nobody knows how many messages broken framing is; whatever comes back must be refusals, or what a whole message gets.
    const answers = await sendAlone(port, mutant.bytes);
    const wrong = answers.find(
      ({ status }) => status >= 300 && ![...HTTP_REFUSALS, 408, ...endpoint.refusals].includes(status),
    );
    return wrong === undefined ? undefined : describe(wrong);
  }
  const answer = await connection.exchange(mutant.bytes, mutant.method === 'HEAD');
  if (answer === undefined) return 'no answer';
  const problem = wrongProblem(endpoint, mutant, answer);
  if (problem !== undefined) return problem;
  const { status } = answer;
  if (status >= 200 && status < 300) {
    if (mutant.method === 'HEAD') return undefined;
    const why = endpoint.accepted(mutant, answer);
    return why === undefined ? undefined : `${why}: ${describe(answer)} to ${show(mutant.bytes)}`;
  }
  const allowed = mutant.class === 'body' ? endpoint.refusals : [...HTTP_REFUSALS, ...endpoint.refusals];
  return allowed.includes(status) ? undefined : `${describe(answer)} to ${show(mutant.bytes)}`;
}

/** A problem+json must be one whole: the same status, a code that we know, its URN. */
function wrongProblem({ codes }: Endpoint, mutant: Mutant, answer: RawAnswer): string | undefined {
  if (answer.headers.get('content-type')?.startsWith('application/problem+json') !== true) return undefined;
  if (mutant.method === 'HEAD') return undefined;
  const { type, status, code, detail } = JSON.parse(answer.body.toString('utf8'));
  const whole = type === `urn:probata:problem:${code}` && status === answer.status && typeof detail === 'string';
  return whole && codes.has(code) ? undefined : `not a problem that we know: ${describe(answer)}`;
}

function describe({ status, body }: RawAnswer): string {
  return `${status} ${show(body)}`;
}

function show(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 600)).toString('latin1'));
}

function rssKiB(pid: number): number {
  if (!existsSync(`/proc/${pid}/status`)) return 0;
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** The lines that only one of two states has. */
function difference(before: string, after: string): string {
  const [old, young] = [before.split('\n'), after.split('\n')];
  const gone = old.filter((line) => !young.includes(line)).map((line) => `- ${line}`);
  return [...gone, ...young.filter((line) => !old.includes(line)).map((line) => `+ ${line}`)].slice(0, 20).join('; ');
}

/** Every file of a folder with its size and digest, a line each. What a database writes about itself is left out. */
export function contentsOf(dir: string): string {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile() && !['LOCK', 'LOG', 'LOG.old'].includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return names
    .map((name) => {
      const bytes = readFileSync(name);
      return `${relative(dir, name)} ${bytes.length} ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
    })
    .join('\n');
}
