import { expect } from 'chai';
import { CertError } from '../../certs/core/errors.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { CheckList } from './checks.ts';
import { VerifierError } from './errors.ts';
import { verdictOf } from './outcome.ts';
import { CHECK_IDS, type Check, type CheckId } from './report.ts';

const passed: Check[] = CHECK_IDS.map((id) => ({ id, status: 'passed' }));
const but = (...checks: Check[]): Check[] => passed.map((check) => checks.find(({ id }) => id === check.id) ?? check);

describe('verifier/core outcome', () => {
  it('is consistent only when every check passed', () => {
    expect(verdictOf(passed, false)).to.deep.equal({ outcome: 'consistent' });
    for (const id of CHECK_IDS) {
      const one = but({ id, status: 'not-run', code: 'not-reached' });
      expect(verdictOf(one, false).outcome, id).to.equal('unverifiable');
      expect(verdictOf(one, true).outcome, id).to.equal('unverifiable');
    }
  });

  it('does without the comparison of files only when that was asked for', () => {
    const asked = but({ id: 'evidence', status: 'not-run', code: 'not-asked' });
    expect(verdictOf(asked, true).outcome).to.equal('consistent');
    expect(verdictOf(asked, false).outcome).to.equal('unverifiable');
    const forgotten = but({ id: 'evidence', status: 'not-run', code: 'no-file' });
    expect(verdictOf(forgotten, false)).to.deep.equal({
      outcome: 'unverifiable',
      reason: { check: 'evidence', code: 'no-file' },
    });
    const other = but({ id: 'evidence', status: 'failed', code: 'file-not-in-record' });
    expect(verdictOf(other, true).outcome).to.equal('inconsistent');
  });

  it('lets a contradiction outweigh an open question, whichever comes first', () => {
    const unknown = { id: 'checkpoint', status: 'unknown', code: 'origin-unknown' } as const;
    const failed = { id: 'pages', status: 'failed', code: 'pages-differ' } as const;
    expect(verdictOf(but(unknown, failed), false)).to.deep.equal({
      outcome: 'inconsistent',
      reason: { check: 'pages', code: 'pages-differ' },
    });
    expect(verdictOf(but(unknown), false).outcome).to.equal('unverifiable');
  });
});

describe('verifier/core check list', () => {
  const run = (error: Error): Promise<Check | undefined> => {
    const checks = new CheckList();
    return checks
      .run('inclusion', [], () => {
        throw error;
      })
      .then(() => checks.list().find(({ id }) => id === 'inclusion'));
  };

  it('turns what parsers and checks throw into findings', async () => {
    expect(await run(new LedgerError('proof-bad', 'x'))).to.include({ status: 'failed', code: 'proof-bad' });
    expect(await run(new CertError('x509-untrusted', 'x'))).to.include({ status: 'unknown', code: 'x509-untrusted' });
    const short = await run(new VerifierError('quorum-short', 'x', { groups: ['courts'] }));
    expect(short?.detail).to.deep.equal({ why: 'x', groups: ['courts'] });
  });

  it('does not swallow any other error', async () => {
    const error = await run(new Error('invariant: x')).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).to.equal('invariant: x');
  });

  it('holds such an error against the check being made, and counts it for nothing', async () => {
    const checks = new CheckList();
    await checks.run('trust', [], () => ({ value: 1 }));
    await checks.run('record', [], () => ({ value: 1 }));
    checks.broke(new Error('invariant: x'));
    expect(checks.list().find(({ id }) => id === 'record')).to.include({ status: 'unknown', code: 'internal' });
    expect(checks.passed('trust')).to.equal(true);
    expect(checks.passed('record')).to.equal(false);
  });

  it('lists every check once and in order, made or not', async () => {
    const checks = new CheckList();
    await checks.run('pages', [undefined], (missing: number) => ({ value: missing }));
    const ids: CheckId[] = checks.list().map(({ id }) => id);
    expect(ids).to.deep.equal([...CHECK_IDS]);
    expect(new Set(checks.list().map(({ code }) => code))).to.deep.equal(new Set(['not-reached']));
  });
});
