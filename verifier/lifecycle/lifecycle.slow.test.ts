// T23, the key life cycle: every case of the table under the bundle with its epochs and revocations. The control is a verifier that
// believes the newest statement for all time and knows of no revocation: it is what a bundle with nothing else in it makes of ours.
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { noteRow } from '../../fixtures/tables.ts';
import type { TrustBundle } from '../core/trust.ts';
import { answerTo, type KeyCase, keyCases } from './conformance.ts';

let cases: Promise<KeyCase[]> | undefined;

/** A failure is an answer other than the one expected. */
async function throwAll(
  bundleOf: (trust: TrustBundle) => TrustBundle,
  note: (each: KeyCase, answer: string) => void,
): Promise<Tally> {
  cases ??= keyCases();
  const failures: string[] = [];
  for (const each of await cases) {
    const answer = await answerTo(each, bundleOf(each.trust));
    note(each, answer);
    if (answer !== each.expected) failures.push(`${each.name}: ${answer}, not ${each.expected}`);
  }
  return { n: (await cases).length, failures };
}

defineRig({
  id: 'T23',
  name: 'keys replaced, stolen and revoked, bodies joining and leaving, changes forged',
  run: () =>
    throwAll(
      (trust) => trust,
      ({ name, expected }, result) => noteRow('key life cycle', name, { case: name, expectation: expected, result }),
    ),
  without: 'epochs and revocations',
  control: () =>
    throwAll(
      ({ epochs: _, revoked: __, ...newest }) => newest,
      () => {},
    ),
});
