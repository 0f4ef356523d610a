/** Which policy judges a checkpoint: by its size, with the keys of its time, and not by what is signed after the end or the revocation. */

import { expect } from 'chai';
import { cosignedNote, RECEIPT_COURTS, receiptPolicy } from '../monitor/testing.ts';
import { ORIGIN, TestLog, testSigner } from '../witness/testing.ts';
import { hexEncode, utf8Encode } from './bytes.ts';
import { cosignedAfter, epochAt, isAccepted, openJudged, type PolicyEpoch } from './epoch.ts';
import { LedgerError } from './errors.ts';
import { type Note, parseNote, vkeyOf } from './note.ts';
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
    { policy: old, receiptKeys: [], revoked: [], sinceMs: undefined, upTo: UP_TO },
    { policy: next, receiptKeys: [], revoked, sinceMs: Number(CHANGE) * 1000, upTo: Number.POSITIVE_INFINITY },
  ];
}

async function note(log: TestLog, size: number, signers: readonly Signer[], timeSeconds: bigint): Promise<Note> {
  return parseNote(await cosignedNote(log, size, signers, timeSeconds));
}

/** How many keys count after a time, s; undefined when they are not enough. */
function counting(of: Note, afterSeconds: number, revoked?: PolicyEpoch['revoked']): number | undefined {
  return cosignedAfter(of, epochs(revoked), afterSeconds * 1000)?.length;
}

function refusal(of: Note): string {
  try {
    openJudged(of, epochs());
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
