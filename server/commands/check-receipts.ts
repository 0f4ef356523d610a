/**
 * `probata check-receipts`: holds receipts against the ledger, and writes a report for each promise that is shown to be broken.
 * Nothing is asked of the platform but its public checkpoint and tiles, and any mirror's will do. Courts and mirrors that are named are asked to
 * cosign again when they do not agree on a checkpoint, or have cosigned none since a deadline.
 * Exit 0 all are honoured or not yet due, 1 at least one is proven broken, 2 something could not be decided, 64 usage.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8Decode } from '../../ledger/core/bytes.ts';
import { isAccepted, openJudged, revokedIn } from '../../ledger/core/epoch.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { parseNote } from '../../ledger/core/note.ts';
import type { Http } from '../../ledger/log/ports.ts';
import { collectNotes } from '../../ledger/monitor/collect.ts';
import { tilesOf } from '../../ledger/monitor/peer.ts';
import { ReceiptMonitor, type ReceiptState } from '../../ledger/monitor/receipts.ts';
import type { Trust } from '../../verifier/core/trust.ts';
import { openHttpClient } from '../http/client.ts';
import { StartError } from '../start-error.ts';
import type { Terminal } from './context.ts';
import { cosignAgain } from './cosign-again.ts';
import { inTurn } from './in-turn.ts';
import { readTrust } from './trust.ts';

const EXIT_BROKEN = 1;
const EXIT_UNDECIDED = 2;
const EXIT_USAGE = 64;

/** As large as no receipt is. */
const RECEIPT_BYTES_MAX = 65_536;

/** Checks receipts. @returns the exit code @throws StartError output-refused */
export async function checkReceipts(
  receipts: readonly string[],
  options: { readonly url: readonly string[]; readonly trust: string; readonly out: string },
  terminal: Terminal,
): Promise<number> {
  let trust: Trust;
  let texts: Receipt[];
  try {
    trust = readTrust(options.trust);
    texts = receipts.map((path) => ({ path, text: readReceipt(path) }));
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    terminal.err(`probata: ${error.message}`);
    return EXIT_USAGE;
  }
  const client = openHttpClient();
  try {
    const urls = options.url.map((url) => url.replace(/\/+$/, ''));
    const found = await decide(texts, { urls, trust, http: client.http, terminal });
    if (found === undefined) {
      terminal.err('probata: none of the sources, and not all together, shows a checkpoint that the policy accepts');
      return EXIT_UNDECIDED;
    }
    const codes = found.states.map(({ path, state }) => tell(path, state, options.out, terminal));
    return codes.includes(EXIT_BROKEN) ? EXIT_BROKEN : Math.max(0, ...codes);
  } finally {
    client.close();
  }
}

interface Receipt {
  readonly path: string;
  readonly text: string;
}

/** Where the ledger is read, and what its checkpoints are held against. */
interface Sources {
  readonly urls: readonly string[];
  readonly trust: Trust;
  readonly http: Http;
  readonly terminal: Terminal;
}

interface Found {
  readonly note: string;
  readonly states: readonly { readonly path: string; readonly state: ReceiptState | Error }[];
}

/** What became of all receipts; once more under fresh cosignatures, when there were not enough, or none after some deadline. */
async function decide(receipts: readonly Receipt[], sources: Sources): Promise<Found | undefined> {
  const { urls, trust, http, terminal } = sources;
  const found = await look(receipts, sources);
  const isSettled = found?.states.every(({ state }) => state instanceof Error || state.state !== 'undecided');
  if (isSettled) return found;
  terminal.err('probata: 正在请法院和仲裁机构再次联署，每家最长一小时。');
  terminal.err('probata: courts and mirrors are asked to cosign again, which may take up to an hour each');
  complain(await cosignAgain(urls, trust.epochs, http), terminal);
  return look(receipts, sources);
}

/** Undefined when no checkpoint that is shown is one that the policy accepts. */
async function look(receipts: readonly Receipt[], sources: Sources): Promise<Found | undefined> {
  const { urls, trust, http } = sources;
  const note = await newestNote(sources);
  if (note === undefined) return undefined;
  const ask = inTurn(urls.map((url) => new ReceiptMonitor(note, trust, tilesOf(url, http))));
  const states = [];
  for (const { path, text } of receipts) {
    const state = await ask((monitor) => monitor.look(text, Date.now())).catch((error: Error) => error);
    states.push({ path, state });
  }
  return { note, states };
}

/**
 * The newest checkpoint that the policy of its size accepts. Cosignatures are joined under one policy after the other, the newest first: after a
 * change nothing is larger than the last checkpoint of an earlier epoch before somebody deposits something.
 */
async function newestNote({ urls, trust: { epochs }, http, terminal }: Sources): Promise<string | undefined> {
  const logs = epochs.flatMap(({ policy }) => policy.logs);
  const failures: (readonly Error[])[] = [];
  for (const { policy } of epochs.toReversed()) {
    const collected = await collectNotes(urls, { ...policy, logs }, revokedIn(epochs), http);
    failures.push(collected.failures);
    const note = collected.notes.find((each) => isJudgedGood(each, epochs));
    if (note !== undefined) {
      complain(collected.failures, terminal);
      return note;
    }
  }
  complain(failures[0] ?? [], terminal);
  return undefined;
}

function isJudgedGood(text: string, epochs: Trust['epochs']): boolean {
  try {
    const note = parseNote(text);
    openJudged(note, epochs);
    return isAccepted(note, epochs);
  } catch (error) {
    // Signed with a key that the log did not have at that size.
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

function complain(failures: readonly Error[], terminal: Terminal): void {
  for (const { message } of failures) terminal.err(`probata: ${message}`);
}

/** Says what became of one receipt. @returns the exit code that it asks for */
function tell(path: string, state: ReceiptState | Error, dir: string, { out }: Terminal): number {
  const say = (zh: string, en: string): void => out(`${path}: ${zh} ${en}`);
  if (state instanceof Error) {
    const code = state instanceof LedgerError ? ` (${state.code})` : '';
    say('无法判断。', `cannot be decided: ${state.message}${code}`);
    return EXIT_UNDECIDED;
  }
  switch (state.state) {
    case 'honoured':
      say(`已上链，序号 ${state.index}。`, `on the ledger as entry ${state.index}`);
      return 0;
    case 'not-due':
      say('尚未上链，未到截止时间。', 'not on the ledger yet, and not due yet');
      return 0;
    case 'undecided':
      say(
        '已过截止时间仍未上链；尚无在截止时间 5 分钟（时钟容差）之后联署的检查点，暂不能证明。请以 --url 列出法院和仲裁机构，或稍后再查。',
        'overdue and not on the ledger; no checkpoint is cosigned more than 5 minutes, by which clocks may differ, after the deadline yet, so it cannot be proven: name courts and mirrors with --url, or ask again later',
      );
      return EXIT_UNDECIDED;
    case 'buried':
      say(
        '无法判断：该条目应在之处有过多不载时间或时间相同的条目，报告无法容纳。正常的账本不会如此，平台这样做等于拒绝兑现承诺。',
        'cannot be decided: around its place are more entries without a time, or of one time, than a report can hold. No honest ledger has them: the platform refuses what it promised',
      );
      return EXIT_UNDECIDED;
    case 'newer-format':
      say(
        '无法判断：该条目应在之处有过多本程序不认识的新格式条目，请使用更新版本的程序。',
        'cannot be decided: newer format. Around its place are more entries than a report can hold, some of them of a kind or version that this program does not know: use a newer one',
      );
      return EXIT_UNDECIDED;
    case 'broken':
      say('平台违背回执，已写出报告：', `the promise is broken; report written to ${writeReport(dir, state)}`);
      return EXIT_BROKEN;
  }
}

function writeReport(dir: string, { what, id, report }: Extract<ReceiptState, { state: 'broken' }>): string {
  const path = join(dir, `${what}-${id}.json`);
  try {
    mkdirSync(dir, { recursive: true });
    writeFileSync(path, report);
  } catch (cause) {
    throw new StartError('output-refused', `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
  return path;
}

function readReceipt(path: string): string {
  try {
    const bytes = new Uint8Array(readFileSync(path));
    return (bytes.length > RECEIPT_BYTES_MAX ? undefined : utf8Decode(bytes)) ?? '';
  } catch (cause) {
    throw new StartError('input-missing', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
  }
}
