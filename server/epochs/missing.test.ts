/** What the operator of a start that waits is told, when nobody is missing and when somebody is. */
import { expect } from 'chai';
import { until } from '../testing.ts';
import { Missing } from './missing.ts';

describe('server/epochs missing', function () {
  this.timeout(30_000);

  it('names who has not answered, and says so when everybody has and it goes on waiting', async () => {
    const told: unknown[] = [];
    const tell = (_level: string, _event: string, fields: object = {}): void => void told.push(fields);
    const missing = new Missing(['court-1', 'court-2'], tell);
    missing.hear({ kind: 'question-answered', severity: 'info', cosigner: 'court-1', size: 0 });
    await until(() => told.length === 1);
    missing.hear({ kind: 'question-answered', severity: 'info', cosigner: 'court-2', size: 0 });
    await until(() => told.length === 2);
    missing.close();
    expect(told).to.deep.equal([
      { reason: 'no answer from court-2' },
      { reason: 'everybody answers, and that is not enough yet' },
    ]);
  });
});
