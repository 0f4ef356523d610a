// The conformance vectors through the library and through the built program; all of them through the program in conformance.slow.test.ts.
// In a browser: page.browser.test.ts.
import { expect } from 'chai';
import { byLibrary, expectSameInProgram } from './cli/testing.ts';
import { conformanceVectors, type Vector } from './conformance.ts';

describe('verifier conformance', function () {
  this.timeout(120_000);
  let vectors: readonly Vector[];
  before(async () => {
    vectors = await conformanceVectors();
  });

  it('gives every vector its verdict in the library', async () => {
    for (const vector of vectors) {
      const { outcome, reason } = await byLibrary(vector);
      expect(outcome, `${vector.name}: ${reason?.check} ${reason?.code}`).to.equal(vector.outcome);
      if (vector.check !== undefined)
        expect(reason, vector.name).to.deep.equal({ check: vector.check, code: vector.code });
    }
  });

  it('gives the same report in the program, and the exit code of the verdict, for every sixth vector', async () => {
    for (const vector of vectors.filter((_, i) => i % 6 === 0)) await expectSameInProgram(vector);
  });
});
