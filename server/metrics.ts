/**
 * Figures for whoever runs the platform, in the Prometheus text format. Labels come from our own closed lists (routes, events,
 * members, groups), never from a request: nobody can make them grow.
 */

import type { Middleware } from 'koa';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Misbehaviour } from './alarms.ts';
import type { GroupView } from './http/deposit-view.ts';
import { routeOf } from './http/errors.ts';
import type { EventLog } from './logging.ts';

/** What is read when somebody asks, not kept. */
export interface MetricSources {
  readonly requests: () => number;
  readonly outstanding: () => number;
  readonly owed: () => number;
  readonly headSize: () => number;
  readonly members: readonly string[];
  readonly answering: () => ReadonlySet<string>;
  readonly publishedSize: () => number;
  readonly groups: () => readonly GroupView[];
  readonly isReady: () => Promise<boolean>;
}

/** From a cached page to an upload of an hour. Seconds. */
const REQUEST_BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600, 3600];

export class Metrics {
  readonly #registry = new Registry();
  readonly #events: Counter<'event' | 'level'>;
  readonly #misbehaviour: Counter<'kind'>;
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly contentType = this.#registry.contentType;

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, prefix: 'probata_' });
    this.#events = new Counter({
      name: 'probata_events_total',
      help: 'Events of the log, by name and level',
      labelNames: ['event', 'level'],
      registers,
    });
    this.#misbehaviour = new Counter({
      name: 'probata_misbehaviour_total',
      help: 'Alarms about others: forks proven, proofs that do not hold, proofs withheld, members that forgot',
      labelNames: ['kind'],
      registers,
    });
    // A rule that watches for an increase needs the zero before it.
    for (const kind of ['fork', 'suspicion', 'withheld', 'rollback'] as const) this.#misbehaviour.inc({ kind }, 0);
    this.#requests = new Histogram({
      name: 'probata_http_request_seconds',
      help: 'Time from the request line to the end of the answer',
      labelNames: ['method', 'route', 'status'],
      buckets: REQUEST_BUCKETS,
      registers,
    });
  }

  /** The same log; every event is counted on its way. */
  counting(log: EventLog): EventLog {
    return (level, event, fields) => {
      this.#events.inc({ event, level });
      log(level, event, fields);
    };
  }

  /** One alarm about somebody else. */
  misbehaviour(kind: Misbehaviour): void {
    this.#misbehaviour.inc({ kind });
  }

  /** Outermost middleware: one observation a request, labelled with the route's pattern. */
  middleware(): Middleware {
    return async (ctx, next) => {
      const stop = this.#requests.startTimer();
      ctx.res.once('close', () => stop({ method: ctx.method, route: routeOf(ctx), status: String(ctx.status) }));
      await next();
    };
  }

  /** Adds what is read from the running platform. */
  watch(sources: MetricSources): void {
    this.#gauge('probata_requests_in_flight', 'Requests being handled, this one included', sources.requests);
    this.#gauge('probata_deposits_outstanding', 'Deposits the ledger has not integrated', sources.outstanding);
    this.#gauge('probata_certificates_owed', 'Deposits whose certificate is owed', sources.owed);
    this.#gauge('probata_ledger_size', 'Entries under the newest signed head', sources.headSize);
    this.#gauge('probata_published_size', 'Entries under the published checkpoint', sources.publishedSize);
    // What cannot be read makes a platform that is not ready, and no page without figures.
    this.#gauge('probata_ready', '1 when a deposit made now would be certified', () =>
      sources.isReady().then(Number, () => 0),
    );
    this.#labelled('probata_cosigner_answering', 'Whether a member answers', 'member', () =>
      sources.members.map((member) => [member, Number(sources.answering().has(member))]),
    );
    this.#labelled('probata_group_short', 'Whether a group has too few answering members', 'group', () =>
      sources.groups().map(({ name, short }) => [name, Number(short)]),
    );
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        this.set(await read());
      },
    });
  }

  #labelled(name: string, help: string, label: string, read: () => [string, number][]): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        for (const [value, figure] of read()) this.set({ [label]: value }, figure);
      },
    });
  }
}
