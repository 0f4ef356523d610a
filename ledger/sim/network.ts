// The simulated network: requests and answers take their time, get lost, come twice, or meet a link that is cut.

import { concat, utf8Encode } from '../core/bytes.ts';
import type { Http } from '../log/ports.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import type { Life } from './life.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** Probabilities for each exchange, and the longest way in ms. */
export interface NetworkFaults {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  /** The request arrives a second time, later. */
  readonly twice: number;
  /** A streamed body ends early. */
  readonly cutBody: number;
  readonly delayMs: number;
}

export const NO_NETWORK_FAULTS: NetworkFaults = { lostRequest: 0, lostAnswer: 0, twice: 0, cutBody: 0, delayMs: 5 };

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Who answers under a name. */
export interface Host {
  readonly name: string;
  /** The life that would answer now; undefined while nothing listens. */
  readonly listening: Life | undefined;
  /** Never rejects: a service that fails ends its process. */
  answer(request: Request): Promise<ProtocolAnswer>;
}

const BROKEN = 'the connection broke';

type HttpRequest = Parameters<Http>[0];
type HttpAnswer = Awaited<ReturnType<Http>>;

export class Network {
  faults: NetworkFaults = NO_NETWORK_FAULTS;
  /** Names of hosts that cannot be reached. */
  readonly cut = new Set<string>();
  /** Sees every request that leaves the log and every answer that leaves a host. */
  onRequest: (host: string, path: string, body: Uint8Array | undefined) => void = () => undefined;
  onAnswer: (host: string, request: Request, answer: ProtocolAnswer) => void = () => undefined;
  readonly #hosts = new Map<string, Host>();
  readonly #timeline: Timeline;
  readonly #random: Random;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  add(host: Host): void {
    this.#hosts.set(host.name, host);
  }

  /** The connection of one life of a process. */
  http(sender: Life): Http {
    return (request) => sender.fence(this.#exchange(sender, request));
  }

  async #exchange(sender: Life, request: HttpRequest): Promise<HttpAnswer> {
    const { method, url, body, timeoutMs } = request;
    const [, name = '', path = ''] = /^http:\/\/([^/]+)(\/.*)$/.exec(url) ?? [];
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name}`);
    this.onRequest(name, path, body instanceof Uint8Array ? body : undefined);
    const timeline = this.#timeline;
    return new Promise((resolve, reject) => {
      let over = false;
      let markEnd = () => {};
      const ended = new Promise<void>((ending) => {
        markEnd = ending;
      });
      const end = (outcome: () => void, what: string) => {
        if (over) return;
        over = true;
        markEnd();
        cancelTimeout();
        timeline.note(`${method} ${name}${path}: ${what}`);
        outcome();
      };
      const fail = (what: string) => end(() => reject(new Error(`${name}: ${what}`)), what);
      const cancelTimeout = timeline.after(timeoutMs, () => fail('timeout'));
      if (this.#roll('lostRequest') || this.cut.has(name)) {
        // Some lost requests are refused at once, others are never heard of.
        if (this.#random.chance(0.5)) timeline.after(this.#delay(), () => fail('unreachable'));
        return;
      }
      const broken = Promise.race([sender.gone, ended]).then(() => Promise.reject(new Error(BROKEN)));
      broken.catch(() => undefined);
      const chunks = body instanceof Uint8Array || body === undefined ? once(body) : this.#relay(body, broken);
      timeline.after(this.#delay(), () => {
        this.#deliver(host, { method, path, body: chunks }, fail, (answer) => {
          if (this.#roll('lostAnswer') || this.cut.has(name)) return;
          timeline.after(this.#delay(), () => end(() => resolve(answer), String(answer.status)));
        });
      });
      if (body instanceof Uint8Array && this.#roll('twice')) {
        const again = { method, path, body: once(body) };
        timeline.after(this.#delay() * 4, () => {
          this.#deliver(
            host,
            again,
            () => undefined,
            () => undefined,
          );
        });
      }
    });
  }

  #deliver(host: Host, request: Request, fail: (what: string) => void, answered: (answer: HttpAnswer) => void): void {
    const life = host.listening;
    if (life === undefined) {
      fail('refused');
      return;
    }
    void life.gone.then(() => fail('reset'));
    void host.answer(request).then((answer) => {
      this.onAnswer(host.name, request, answer);
      const { status, contentType, body } = answer;
      const bytes = typeof body === 'string' ? utf8Encode(body) : body;
      answered({ status, headers: { 'content-type': contentType }, body: bytes });
    });
  }

  /** A streamed body, chunk by chunk, until it is broken, or where the network cuts it. */
  async *#relay(body: AsyncIterable<Uint8Array>, broken: Promise<never>): AsyncGenerator<Uint8Array> {
    const chunks = body[Symbol.asyncIterator]();
    let left = this.#roll('cutBody') ? this.#random.integer(0, 4) : Number.POSITIVE_INFINITY;
    for (; left > 0; left--) {
      const next = await Promise.race([chunks.next(), broken]);
      if (next.done === true) return;
      yield next.value;
    }
    throw new Error(BROKEN);
  }

  #roll(fault: Exclude<keyof NetworkFaults, 'delayMs'>): boolean {
    return this.#random.chance(this.faults[fault]);
  }

  #delay(): number {
    return this.#random.between(0.1, this.faults.delayMs);
  }
}

async function* once(bytes: Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (bytes !== undefined) yield bytes;
}

/** All bytes of a body. */
export async function wholeBody(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return concat(...parts);
}
