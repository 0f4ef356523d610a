// Every conformance vector through the built program.
import { expectSameInProgram } from './cli/testing.ts';
import { conformanceVectors } from './conformance.ts';

describe('verifier conformance, all of it', () => {
  it('gives the same report in the program, and the exit code of the verdict', async () => {
    for (const vector of await conformanceVectors()) await expectSameInProgram(vector);
  });
});
