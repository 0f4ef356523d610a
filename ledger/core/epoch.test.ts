/** Which policy judges a checkpoint: by its size, with the keys of its time, and not by what is signed after the end or the revocation. */

import { expect } from 'chai';
import { cosignedNote, depositEntry, RECEIPT_COURTS, receiptOf, receiptPolicy } from '../monitor/testing.ts';
import { ORIGIN, TestLog, testSigner } from '../witness/testing.ts';
import { hexEncode, utf8Encode } from './bytes.ts';
import { cosignedAfter, epochAt, isAccepted, openJudged, openOwed, type PolicyEpoch } from './epoch.ts';
import { LedgerError } from './errors.ts';
import { CLOCK_TOLERANCE_MS } from './limits.ts';
import { type Note, parseNote, vkeyOf } from './note.ts';
import { receiptKeyName } from './receipt.ts';
import type { Signer } from './signature.ts';

/** The change: the second epoch begins above this size, at this time (s). */
const UP_TO = 5;
const CHANGE = 1000n;

/** The same log with another key. */
class RotatedLog extends TestLog {
  override readonly signer: Signer;

  constructor() {
    super();
    const signer = testSigner('rotated.example', 0x01);
    this.signer = { ...signer, key: vkeyOf(ORIGIN, 0x01, signer.key.publicKey) };
  }
}

const OLD_LOG = new TestLog();
const NEW_LOG = new RotatedLog();
for (let i = 0; i < 9; i++) for (const log of [OLD_LOG, NEW_LOG]) log.append(utf8Encode(String(i)));
const [first, second, stays] = RECEIPT_COURTS as [Signer, Signer, Signer];
/** Two of the three courts have other keys; the third has gone on with its own. */
const NEW_COURTS = [testSigner('court-1b.test.example', 0x04), testSigner('court-2b.test.example', 0x04), stays];

function epochs(revoked: PolicyEpoch['revoked'] = []): PolicyEpoch[] {
  const [old, next] = [receiptPolicy(OLD_LOG.signer, RECEIPT_COURTS), receiptPolicy(NEW_LOG.signer, NEW_COURTS)];
  return [
    { ...began(undefined), policy: old, receiptKeys: [], revoked: [], upTo: UP_TO },
    { ...began(Number(CHANGE) * 1000), policy: next, receiptKeys: [], revoked, upTo: Number.POSITIVE_INFINITY },
  ];
}

/** An epoch begins when the courts say so, and when the platform does. */
function began(sinceMs: number | undefined, changeReceivedMs = sinceMs) {
  return { sinceMs, changeReceivedMs };
}

async function note(log: TestLog, size: number, signers: readonly Signer[], timeSeconds: bigint): Promise<Note> {
  return parseNote(await cosignedNote(log, size, signers, timeSeconds));
}

/** How many keys count after a time, s, which is as late as clocks may say a deadline is; undefined when they are not enough. */
function counting(of: Note, afterSeconds: number, revoked?: PolicyEpoch['revoked']): number | undefined {
  return cosignedAfter(of, epochs(revoked), afterSeconds * 1000 - CLOCK_TOLERANCE_MS)?.length;
}

function refusal(of: Note): string {
  return outcome(() => openJudged(of, epochs()));
}

function outcome(open: () => unknown): string {
  try {
    open();
    return 'opened';
  } catch (error) {
    if (error instanceof LedgerError) return error.code;
    throw error;
  }
}

describe('epochs of a policy', () => {
  it('are chosen by size, up to and including the checkpoint that ends one', () => {
    const [old, next] = epochs();
    for (const size of [0, 1, UP_TO]) expect(epochAt([old, next] as const as PolicyEpoch[], size)).to.equal(old);
    expect(epochAt([old, next] as PolicyEpoch[], UP_TO + 1)).to.equal(next);
  });

  it('have the log’s keys of their time', async () => {
    expect(refusal(await note(OLD_LOG, UP_TO, [], 1n))).to.equal('opened');
    expect(refusal(await note(NEW_LOG, UP_TO + 1, [], 1n))).to.equal('opened');
    expect(refusal(await note(OLD_LOG, UP_TO + 1, [], 1n))).to.equal('note-not-signed');
    expect(refusal(await note(NEW_LOG, UP_TO, [], 1n))).to.equal('note-not-signed');
  });

  it('count the cosignatures of their own courts', async () => {
    expect(counting(await note(OLD_LOG, 4, [first, second], CHANGE), 900)).to.equal(2);
    expect(counting(await note(OLD_LOG, 4, NEW_COURTS, CHANGE), 900)).to.equal(undefined);
    expect(counting(await note(NEW_LOG, 6, NEW_COURTS, 5000n), 900)).to.equal(3);
    expect(counting(await note(NEW_LOG, 6, [first, second], 5000n), 900)).to.equal(undefined);
  });

  it('count nothing from before the time, or from after their end: courts that have left know no better', async () => {
    expect(counting(await note(OLD_LOG, 4, RECEIPT_COURTS, 900n), 900)).to.equal(undefined);
    expect(counting(await note(OLD_LOG, 4, RECEIPT_COURTS, 901n), 900)).to.equal(3);
    expect(counting(await note(OLD_LOG, 4, RECEIPT_COURTS, CHANGE + 1n), 900)).to.equal(undefined);
    expect(isAccepted(await note(OLD_LOG, 4, RECEIPT_COURTS, CHANGE + 1n), epochs())).to.equal(true);
  });

  it('count on the checkpoint that ended one also what the next one’s courts sign: it is the newest they know', async () => {
    expect(counting(await note(OLD_LOG, UP_TO, NEW_COURTS, CHANGE + 1n), 900)).to.equal(3);
    expect(counting(await note(OLD_LOG, UP_TO, RECEIPT_COURTS, CHANGE + 1n), 900)).to.equal(undefined);
    expect(counting(await note(OLD_LOG, UP_TO - 1, NEW_COURTS, CHANGE + 1n), 900)).to.equal(undefined);
    expect(isAccepted(await note(OLD_LOG, UP_TO, NEW_COURTS, 1n), epochs())).to.equal(true);
    expect(isAccepted(await note(OLD_LOG, UP_TO - 1, NEW_COURTS, 1n), epochs())).to.equal(false);
  });

  it('count no cosignature from after the revocation of its key, whichever epoch revoked it', async () => {
    const revoked = [{ id: hexEncode(second.key.publicKey), atMs: 950_000 }];
    const before = await note(OLD_LOG, 4, [first, second], 949n);
    const after = await note(OLD_LOG, 4, [first, second], 950n);
    expect(counting(before, 900, revoked)).to.equal(2);
    expect(counting(after, 900, revoked)).to.equal(undefined);
    expect(isAccepted(after, epochs(revoked))).to.equal(false);
    expect(counting(after, 900)).to.equal(2);
  });
});

describe('receipt keys of a log', () => {
  const [A, B, C] = ['a', 'b', 'c'].map(receiptSigner) as [Signer, Signer, Signer];
  /** When the second and the third epoch began, ms. */
  const [SECOND, THIRD] = [1_000_000_000, 2_000_000_000];

  function receiptSigner(seed: string): Signer {
    const signer = testSigner(seed, 0x01);
    return { ...signer, key: vkeyOf(receiptKeyName(ORIGIN), 0x01, signer.key.publicKey) };
  }

  /** One epoch for each list of keys. */
  function listing(lists: readonly (readonly Signer[])[], begins = [SECOND, THIRD].map((ms) => began(ms))) {
    const policy = receiptPolicy(OLD_LOG.signer, RECEIPT_COURTS);
    return lists.map((signers, i): PolicyEpoch => {
      const begun = begins[i - 1] ?? began(undefined);
      return { ...begun, policy, receiptKeys: signers.map(({ key }) => key), revoked: [], upTo: 10 * i };
    });
  }

  /** What becomes of a receipt signed by this key and received then. */
  async function owed(signer: Signer, receivedMs: number, believed: readonly PolicyEpoch[]): Promise<string> {
    const text = await receiptOf(depositEntry(1, receivedMs), receivedMs + 1000, signer);
    return outcome(() => openOwed(text, ORIGIN, believed));
  }

  it('promise up to the change that replaced them, also where later lists keep them', async () => {
    for (const kept of [true, false]) {
      const lists = kept ? [[A], [B, A], [C, B, A]] : [[A], [B], [C]];
      const believed = listing(lists);
      for (const [signer, endMs] of [
        [A, SECOND],
        [B, THIRD],
      ] as const) {
        expect(await owed(signer, endMs, believed)).to.equal('opened');
        expect(await owed(signer, endMs + CLOCK_TOLERANCE_MS, believed), 'clocks').to.equal('opened');
        expect(await owed(signer, endMs + CLOCK_TOLERANCE_MS + 1, believed)).to.equal('note-not-signed');
      }
      expect(await owed(C, 9 * THIRD, believed)).to.equal('opened');
      expect(await owed(C, 1, believed), 'receipts from before a change are given again with the new key').to.equal(
        'opened',
      );
      expect(await owed(receiptSigner('d'), 1, believed)).to.equal('note-not-signed');
    }
  });

  it('promise through changes that leave them as they are, and again once they are back', async () => {
    expect(await owed(A, 9 * SECOND, listing([[A], [A]]))).to.equal('opened');
    expect(await owed(A, 9 * SECOND, listing([[A], [A], [B, A]]))).to.equal('note-not-signed');
    expect(await owed(A, THIRD, listing([[A], [A], [B, A]]))).to.equal('opened');
    expect(await owed(A, 9 * THIRD, listing([[A], [B, A], [A, B]]))).to.equal('opened');
  });

  it('are none of them called replaced by a list that does not say so', async () => {
    const believed = listing([[A], [A, B]]);
    for (const signer of [A, B]) expect(await owed(signer, 9 * SECOND, believed)).to.equal('opened');
    expect(await owed(B, 9 * THIRD, listing([[A], [A, B], [C]]))).to.equal('note-not-signed');
  });

  it('promise up to the later of two clocks: a platform that is ahead of the courts, or dates its change back', async () => {
    const ahead = SECOND + 2 * CLOCK_TOLERANCE_MS;
    expect(await owed(A, ahead, listing([[A], [B, A]], [began(SECOND, ahead)]))).to.equal('opened');
    expect(await owed(A, ahead + 1, listing([[A], [B, A]], [began(SECOND, ahead)]))).to.equal('note-not-signed');
    expect(await owed(A, SECOND, listing([[A], [B, A]], [began(SECOND, 1)]))).to.equal('opened');
  });
});
