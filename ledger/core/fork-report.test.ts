// Fork reports: which pairs of checkpoints prove a fork, and which only look like it. The rig T24 throws many of each.

import { expect } from 'chai';
import { ORIGIN, TestLog, testSigner } from '../witness/testing.ts';
import { LedgerError } from './errors.ts';
import { checkForkReport, type Fork, forkReport, formatForkReport, parseForkReport } from './fork-report.ts';
import { EMPTY_ROOT } from './hash.ts';
import { kindOf } from './report.ts';

const LOG = new TestLog().grow(20);
const OTHER = new TestLog(ORIGIN, 'fork').grow(20);
const KEYS = [LOG.signer.key];

const note = async (log: TestLog, size: number, root = log.root(0, size)) => (await log.head(size, [], root)).note;

function verdict(fork: Fork | string, keys = KEYS): string {
  try {
    const { older, newer } = checkForkReport(typeof fork === 'string' ? fork : formatForkReport(fork), keys);
    return `${older.checkpoint.size} and ${newer.checkpoint.size}`;
  } catch (error) {
    if (error instanceof LedgerError) return error.code;
    throw error;
  }
}

describe('fork report', () => {
  it('proves two roots at one size, and at two sizes with the newer tree’s own beginning', async () => {
    const equal = { newer: await note(LOG, 9), older: await note(OTHER, 9), root: LOG.root(0, 9), proof: [] };
    expect(verdict(equal)).to.equal('9 and 9');
    for (const older of [1, 2, 7, 8, 19]) {
      const proof = LOG.consistency(older, 20);
      const fork = { newer: await note(LOG, 20), older: await note(OTHER, older), root: LOG.root(0, older), proof };
      expect(verdict(fork)).to.equal(`${older} and 20`);
      expect(verdict({ ...fork, older: await note(LOG, older) })).to.equal('report-unproven');
    }
  });

  it('proves a tree of size 0 with another root than the empty one, by itself', async () => {
    const zero = await note(LOG, 0, LOG.root(0, 1));
    const alone = { newer: zero, older: zero, root: EMPTY_ROOT, proof: [] };
    expect(verdict(alone)).to.equal('0 and 0');
    expect(verdict({ ...alone, newer: await note(LOG, 5) })).to.equal('0 and 5');
    const empty = await note(LOG, 0);
    expect(verdict({ ...alone, newer: empty, older: empty })).to.equal('report-unproven');
    expect(verdict({ ...alone, root: LOG.root(0, 1) })).to.equal('proof-bad');
    expect(verdict({ ...alone, proof: [EMPTY_ROOT] })).to.equal('proof-malformed');
  });

  it('without a root is a suspicion, and proves nothing', async () => {
    const suspicion = { newer: await note(LOG, 9), older: await note(OTHER, 9), proof: [EMPTY_ROOT] };
    expect(verdict(suspicion)).to.equal('report-unproven');
    expect(parseForkReport(formatForkReport(suspicion))).to.deep.equal(suspicion);
  });

  it('is of one log, signed by a key that is believed, with the smaller tree as the older', async () => {
    const strange = new TestLog('other.example').grow(20);
    const fork = { newer: await note(LOG, 9), older: await note(strange, 9), root: LOG.root(0, 9), proof: [] };
    expect(verdict(fork)).to.equal('origin-unknown');
    expect(verdict(fork, [...KEYS, strange.signer.key])).to.equal('report-unproven');
    expect(verdict({ ...fork, older: await note(OTHER, 9) }, [testSigner(ORIGIN, 0x01).key])).to.equal('9 and 9');
    expect(verdict({ ...fork, older: await note(OTHER, 10) })).to.equal('report-malformed');
  });

  it('is canonical JSON of exactly its fields', async () => {
    const fork = { newer: await note(LOG, 9), older: await note(OTHER, 9), root: LOG.root(0, 9), proof: [] };
    const text = formatForkReport(fork);
    expect([verdict(text), kindOf(text)]).to.deep.equal(['9 and 9', 'probata-fork/v1']);
    for (const bad of [
      `${text}\n`,
      text.replace('{', '{"a":1,'),
      text.replace('"proof":[],', ''),
      text.replace('fork/v1', 'fork/v2'),
      text.replace('"proof":[]', '"proof":[1]'),
      text.replace('"proof":[]', '"proof":["AAAA"]'),
      text.slice(1),
      '[]',
    ]) {
      expect(verdict(bad), bad.slice(0, 30)).to.equal('report-malformed');
    }
    expect(kindOf('[]')).to.equal(undefined);
  });

  it('is only written when it proves what was found', async () => {
    const fork = { newer: await note(LOG, 9), older: await note(LOG, 9), root: LOG.root(0, 9), proof: [] };
    expect(() => forkReport(fork, KEYS)).to.throw('invariant');
  });
});
