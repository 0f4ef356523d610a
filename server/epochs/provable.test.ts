/** Changes that no judge would ever accept, told before they are on the ledger. Each is refused for its own reason. */
import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import { TRUST_BYTES_MAX, TRUST_EPOCHS_MAX } from '../../verifier/core/limits.ts';
import type { RevokedKey } from '../../verifier/core/revocation.ts';
import { parseTrustBundle, type Trust, type TrustBundle } from '../../verifier/core/trust.ts';
import { changed, keysWith } from '../../verifier/lifecycle/testing.ts';
import { createConsortium, signer, type TestConsortium } from '../../verifier/testing.ts';
import { whyNeverProven } from './provable.ts';

const AT = '2026-11-20T00:00:00Z';

describe('server/epochs provable', () => {
  let consortium: TestConsortium;
  let bundle: TrustBundle;
  let present: Trust;
  before(async () => {
    consortium = await createConsortium();
    bundle = consortium.trust;
    present = parse(bundle);
  });

  const parse = (value: object): Trust => parseTrustBundle(utf8Encode(JSON.stringify(value)));
  const why = (next: object, from = present, now: object = bundle): string | undefined =>
    whyNeverProven(from, utf8Encode(JSON.stringify(next)), utf8Encode(JSON.stringify(now)));
  /** Both keys of these members, as they are in the policy. */
  const revoking = (...members: string[]): RevokedKey[] =>
    members.flatMap((member) =>
      ['ed25519', 'ml-dsa-44'].map((kind) => {
        const key = present.policy.witnesses.get(`${member}.${kind}`)?.key;
        return { key: key === undefined ? expect.fail(member) : formatVkey(key), at: AT };
      }),
    );

  it('lets pass what the rest of the policy can prove', () => {
    expect(why(bundle)).to.equal(undefined);
    expect(why({ ...bundle, revoked: revoking('court-1', 'arbitration-1') })).to.equal(undefined);
  });

  it('wants the present policy satisfied without the keys that are revoked, whenever that is', () => {
    for (const members of [
      ['court-1', 'court-2'],
      ['arbitration-1', 'arbitration-2'],
    ]) {
      const said = why({ ...bundle, revoked: revoking(...members) });
      expect(said).to.match(/the present policy cannot cosign it; replace these keys by one change, and revoke them/);
      for (const member of members) expect(said).to.include(`${member}.ed25519, ${member}.ml-dsa-44`);
    }
    const later = revoking('court-1', 'court-2').map(({ key }) => ({ key, at: '2999-01-01T00:00:00Z' }));
    expect(why({ ...bundle, revoked: later })).to.match(/the present policy cannot cosign it/);
    // What is to be done instead can be done: first other keys, then the revocation of the old ones.
    const one = changed(consortium, { witnesses: keysWith(consortium, 'court-1', 'new') });
    const replaced = changed(one, { witnesses: keysWith(one, 'court-2', 'new') }).trust;
    expect(why(replaced)).to.equal(undefined);
    expect(why({ ...replaced, revoked: revoking('court-1', 'court-2') }, parse(replaced))).to.equal(undefined);
  });

  it('wants the new policy satisfied without them too', () => {
    const policy = bundle.policy.replace('group courts 3', 'group courts 4');
    expect(why({ ...bundle, policy, revoked: revoking('court-1') })).to.match(
      /the new policy could never be satisfied without court-1\.ed25519, court-1\.ml-dsa-44/,
    );
  });

  it('wants enough left to answer the question at every later start', () => {
    const policy = bundle.policy.replace('group courts 3', 'group courts 2');
    const few = why(
      { ...bundle, policy, revoked: revoking('court-1', 'court-2', 'arbitration-1') },
      parse({ ...bundle, policy }),
    );
    expect(few).to.match(/^after it no start could find out .* without court-1, court-2, arbitration-1, revoked then/);
    const enough = revoking('court-1', 'arbitration-1');
    expect(why({ ...bundle, policy, revoked: enough }, parse({ ...bundle, policy }))).to.equal(undefined);
  });

  it('takes no revocation back, and leaves no log', () => {
    const revoked = revoking('court-1');
    expect(why(bundle, parse({ ...bundle, revoked }))).to.match(/takes a revocation back/);
    const log = formatVkey(signer('another.example', 0x01, 'another').key);
    expect(why({ ...bundle, policy: bundle.policy.replace(/^log \S+/, `log ${log}`) })).to.match(/about one log/);
    expect(why({ ...bundle, policy: '' })).to.match(/trust bundle: /);
  });

  it('makes no bundle that is too long to be read, as it will be written', () => {
    const of = (change: number): object => ({ ...bundle, epochs: [{ ...bundle, change: 'x'.repeat(change) }] });
    expect(why(bundle, present, of(TRUST_BYTES_MAX - 100_000))).to.equal(undefined);
    expect(why(bundle, present, of(TRUST_BYTES_MAX - 10_000))).to.match(/^the bundle with its proof would have about/);
  });

  it('makes as many changes as a verifier reads, and no more', () => {
    expect(why(bundle, { ...present, number: TRUST_EPOCHS_MAX })).to.equal(undefined);
    expect(why(bundle, { ...present, number: TRUST_EPOCHS_MAX + 1 })).to.match(/a bundle holds 64 changes at most/);
  });
});
