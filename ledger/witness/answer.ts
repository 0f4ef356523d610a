// What a court or a mirror answers to one request, as the HTTP layer sends it; and how a check ends in a refusal.
// c2sp.org/tlog-witness and c2sp.org/tlog-mirror: statuses and content types. Knows nothing of sockets and headers.

import { LedgerError } from '../core/errors.ts';

/** One answer. `contentType` and `body` are complete; the HTTP layer adds lengths and cache headers only. */
export interface ProtocolAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array | string;
}

/** An answer in plain text: signature lines, a checkpoint, or the reason of a refusal. */
export function textAnswer(status: number, body: string): ProtocolAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

/** Thrown by a check that fails on input, caught by `answering`. Never leaves the service. */
class Refusal extends Error {
  readonly answer: ProtocolAnswer;

  constructor(answer: ProtocolAnswer) {
    super(`refused with ${answer.status}`);
    this.answer = answer;
  }
}

/** Ends the request with this answer. */
export function refuseAs(answer: ProtocolAnswer): never {
  throw new Refusal(answer);
}

/** Ends the request with this status and a reason for people. */
export function refuse(status: number, reason: string): never {
  return refuseAs(textAnswer(status, `${reason}\n`));
}

/** What `check` returns; when the input is at fault (a LedgerError), ends the request with this status. Other errors are ours and pass. */
export function orRefuse<T>(status: number, check: () => T): T {
  try {
    return check();
  } catch (error) {
    return refuseFor(status, error);
  }
}

/** The same for input that is still being read. */
export async function orRefuseRead<T>(status: number, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    return refuseFor(status, error);
  }
}

function refuseFor(status: number, error: unknown): never {
  if (error instanceof LedgerError) refuse(status, `${error.code}: ${error.message}`);
  throw error;
}

/** The answer of a handler, refusals included. Rejects only when a store fails or an invariant is broken. */
export async function answering(handle: () => Promise<ProtocolAnswer>): Promise<ProtocolAnswer> {
  try {
    return await handle();
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}
