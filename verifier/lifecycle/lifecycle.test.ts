// Keys over time: what the verifier says of certificates after a theft, and of forged changes. All cases: lifecycle.slow.test.ts.
import { expect } from 'chai';
import { answerTo, keyCases } from './conformance.ts';

describe('verifier, the life of keys', function () {
  this.timeout(120_000);

  it('counts what was signed before a theft, and refuses forged changes', async () => {
    const cases = await keyCases(['thefts', 'forgeries']);
    const answers: [string, string][] = [];
    for (const each of cases) answers.push([each.name, await answerTo(each)]);
    expect(answers).to.deep.equal(cases.map(({ name, expected }) => [name, expected]));
  });
});
