/**
 * Structured events: one JSON line each, to stdout of a role's process (pino). `probata start` renders them readable.
 * Only the fields named here ever leave: names, bodies, tokens, salts and headers have no field to travel in.
 */
import { destination, pino } from 'pino';

/** Everything an event may say. Free text has one place, `reason`, and it is ours, never the submitter's. */
export interface EventFields {
  readonly id?: string;
  readonly state?: string;
  readonly member?: string;
  readonly group?: string;
  readonly origin?: string;
  readonly size?: number;
  readonly oldSize?: number;
  readonly index?: number;
  readonly root?: string;
  readonly count?: number;
  readonly bytes?: number;
  readonly ms?: number;
  readonly method?: string;
  readonly route?: string;
  readonly status?: number;
  readonly code?: string;
  readonly reason?: string;
  readonly url?: string;
  readonly port?: number;
  readonly pid?: number;
  readonly signal?: string;
  readonly report?: string;
  readonly build?: string;
}

/** How loud an event is: `warn` wants a look, `alarm` wants someone now. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'alarm';

/**
 * Writes one event.
 * @param level how loud
 * @param event kebab-case name of what happened, `checkpoint-cosigned`
 * @param fields facts; unknown fields are dropped, so that no caller can leak one
 */
export type EventLog = (level: EventLevel, event: string, fields?: EventFields) => void;

/** One for each field of EventFields; the compiler sees to that. */
const FIELDS: Readonly<Record<keyof EventFields, true>> = {
  id: true,
  state: true,
  member: true,
  group: true,
  origin: true,
  size: true,
  oldSize: true,
  index: true,
  root: true,
  count: true,
  bytes: true,
  ms: true,
  method: true,
  route: true,
  status: true,
  code: true,
  reason: true,
  url: true,
  port: true,
  pid: true,
  signal: true,
  report: true,
  build: true,
};
const FIELD_NAMES = Object.keys(FIELDS) as (keyof EventFields)[];

/** Longest text of one field, in characters: an error message cannot flood the log. */
const FIELD_CHARACTERS_MAX = 2000;

/** As numbers in the line, so that 50 and above is what needs a person, as with other programs. */
const LEVELS = { debug: 20, info: 30, warn: 40, alarm: 50 };

/**
 * Opens the log of one process.
 * @param role the process, `court-1`
 * @param write where the lines go; stdout when not given
 */
export function openLog(role: string, write?: (line: string) => void): EventLog {
  const sink = write === undefined ? stdout() : { write };
  const logger = pino(
    {
      base: { role },
      level: 'info',
      customLevels: LEVELS,
      useOnlyCustomLevels: true,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    sink,
  );
  return (level, event, fields = {}) => logger[level]({ event, ...allowed(fields) });
}

function allowed(fields: EventFields): Record<string, string | number> {
  const out: Record<string, string | number> = {};
  for (const name of FIELD_NAMES) {
    const value = fields[name];
    if (typeof value === 'number') out[name] = value;
    else if (typeof value === 'string') out[name] = value.slice(0, FIELD_CHARACTERS_MAX);
  }
  return out;
}

function stdout(): ReturnType<typeof destination> {
  const out = destination({ dest: 1, sync: true });
  // The reader of our log may go away before us: the ledger goes on without a log rather than dying with it.
  out.on('error', () => {});
  return out;
}

/**
 * One event as a person reads it: `court-1  checkpoint-cosigned size=12`, with the level when it is not `info`.
 * A line that is not one of our events (a crash of the runtime) is returned as it is.
 * @param line one line of a role's stdout, without its newline
 */
export function renderLine(line: string): string {
  let event: Record<string, unknown>;
  try {
    event = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof event?.['event'] !== 'string') return line;
  const facts = FIELD_NAMES.filter((name) => event[name] !== undefined).map((name) => `${name}=${shown(event[name])}`);
  const level = Number(event['level']);
  const loud = level >= LEVELS.alarm ? 'ALARM ' : level >= LEVELS.warn ? 'WARN ' : '';
  return [`${loud}${event['event']}`, ...facts].join(' ');
}

function shown(value: unknown): string {
  const textValue = String(value);
  return /^[!-~]+$/.test(textValue) && !textValue.includes('"') ? textValue : JSON.stringify(textValue);
}
