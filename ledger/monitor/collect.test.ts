/** Checkpoints put together from what several show: of each all that counts, and nothing hides it. */

import { expect } from 'chai';
import { hexEncode, utf8Encode } from '../core/bytes.ts';
import { parseCheckpoint } from '../core/checkpoint.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { parseNote, vkeyOf } from '../core/note.ts';
import type { Signer } from '../core/signature.ts';
import type { Http } from '../log/ports.ts';
import { ORIGIN, TestLog, testSigner } from '../witness/testing.ts';
import { collectNotes } from './collect.ts';
import { cosignedNote, RECEIPT_COURTS, receiptPolicy } from './testing.ts';

const LOG = new TestLog();
for (let i = 0; i < 9; i++) LOG.append(utf8Encode(String(i)));
const [first, second, third] = RECEIPT_COURTS as [Signer, Signer, Signer];
const POLICY = receiptPolicy(LOG.signer, RECEIPT_COURTS);
/** The first court's key is revoked from this second on. */
const REVOKED = 100;
const revoked = [{ id: hexEncode(first.key.publicKey), atMs: REVOKED * 1000 }];

/** What was collected from nodes that show these notes: the size of each, and the times of its cosignatures in seconds. */
async function collected(notes: readonly Uint8Array[], policy = POLICY, since = revoked): Promise<string[]> {
  const http: Http = async ({ url }) => {
    const body = notes[Number(/\d+/.exec(url)?.[0])];
    return { status: body === undefined ? 404 : 200, headers: {}, body: body ?? new Uint8Array() };
  };
  const urls = notes.map((_, i) => `http://node-${i}`);
  const { notes: found, failures } = await collectNotes(urls, policy, since, http);
  expect(failures).to.deep.equal([]);
  return found.map((text) => {
    const note = parseNote(text);
    const times = openCosignatures(
      note,
      RECEIPT_COURTS.map(({ key }) => key),
    ).map(({ timeSeconds }) => timeSeconds);
    return `${parseCheckpoint(note.text).size}: ${times.sort((a, b) => Number(a - b)).join(' ')}`;
  });
}

const shown = (size: number, signers: readonly Signer[], seconds: number): Promise<Uint8Array> =>
  cosignedNote(LOG, size, signers, BigInt(seconds));

describe('ledger/monitor checkpoints collected', () => {
  it('have the latest cosignature of each court, the largest of them first', async () => {
    const notes = [
      await shown(5, [first], 10),
      await shown(9, [first, second], 30),
      await shown(5, [first, third], 20),
      await shown(7, [third], 40),
    ];
    expect(await collected(notes)).to.deep.equal(['9: 30 30', '5: 20 20']);
  });

  it('have the log’s line once, through however many changes it kept its key', async () => {
    const note = await shown(9, RECEIPT_COURTS, 30);
    const http: Http = async () => ({ status: 200, headers: {}, body: note });
    const policy = { ...POLICY, logs: Array(65).fill(POLICY.logs[0]) };
    const { notes } = await collectNotes(['http://node-0', 'http://node-1'], policy, [], http);
    expect(notes.map((text) => parseNote(text).signatures.length)).to.deep.equal([1 + RECEIPT_COURTS.length]);
  });

  it('keep what a court signed before its key was revoked, whatever is signed with it later', async () => {
    const notes = [
      await shown(9, [first], REVOKED + 5),
      await shown(9, [first], REVOKED - 5),
      await shown(9, [second], 50),
    ];
    expect(await collected(notes)).to.deep.equal([`9: 50 ${REVOKED - 5}`]);
    expect(await collected(notes.toReversed())).to.deep.equal([`9: 50 ${REVOKED - 5}`]);
    expect(await collected(notes, POLICY, []), 'not revoked (control)').to.deep.equal([`9: 50 ${REVOKED + 5}`]);
  });

  it('are not those that a revoked key was needed for', async () => {
    const notes = [await shown(9, [first, second], REVOKED), await shown(5, [second, third], REVOKED)];
    expect(await collected(notes)).to.deep.equal([`5: ${REVOKED} ${REVOKED}`]);
  });

  it('have the signatures of all keys of the log: one that was replaced hides none', async () => {
    const { sign, key } = testSigner('replaced.example', 0x01);
    const replaced = { sign, key: vkeyOf(ORIGIN, 0x01, key.publicKey) };
    class ReplacedLog extends TestLog {
      override readonly signer = replaced;
    }
    const relay = new ReplacedLog();
    for (const entry of LOG.entries) relay.append(entry);
    const policy = { ...POLICY, logs: [...POLICY.logs, { key: replaced.key }] };
    for (const order of [1, -1]) {
      const notes = [await cosignedNote(relay, 9, [first], 20n), await shown(9, [second], 20)];
      const { notes: found } = await collectNotes(['http://0', 'http://1'], policy, [], async ({ url }) => {
        const at = Number(/\d/.exec(url)?.[0]);
        return { status: 200, headers: {}, body: notes.at(order > 0 ? at : -1 - at) ?? new Uint8Array() };
      });
      const lines = parseNote(found[0] ?? '').signatures;
      expect(lines.filter(({ name }) => name === ORIGIN)).to.have.length(2);
    }
  });
});
