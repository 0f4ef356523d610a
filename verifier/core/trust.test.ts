import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import { createConsortium, signer } from '../testing.ts';
import { VerifierError } from './errors.ts';
import { TRUST_BYTES_MAX } from './limits.ts';
import { witnessesOf } from './statement.ts';
import { parseTrustBundle, type TrustBundle } from './trust.ts';

type Change = (bundle: TrustBundle) => unknown;

describe('verifier/core trust bundle', () => {
  let bundle: TrustBundle;
  before(async () => {
    bundle = (await createConsortium()).trust;
  });

  function refusal(bytes: Uint8Array): string {
    try {
      parseTrustBundle(bytes);
    } catch (error) {
      if (error instanceof VerifierError && error.code === 'trust-malformed') return error.message;
      throw error;
    }
    return 'accepted';
  }

  it('reads a bundle as a consortium writes it', () => {
    const trust = parseTrustBundle(utf8Encode(JSON.stringify(bundle)));
    expect(trust.members.map(({ member }) => member)).to.deep.equal([
      'court-1',
      'court-2',
      'court-3',
      'court-4',
      'arbitration-1',
      'arbitration-2',
    ]);
    expect(trust.pdfRoots).to.have.length(1);
    expect(trust.notAfterMs).to.be.greaterThan(trust.notBeforeMs);
    expect(witnessesOf(trust.policy, 'court-1')).to.deep.equal(['court-1.ed25519', 'court-1.ml-dsa-44']);
  });

  const stranger = formatVkey(signer('stranger.example', 0x04, 'stranger').key);
  const refused: [why: RegExp, change: Change][] = [
    [/unknown field "note"/, (b) => ({ ...b, note: '' })],
    [/lacks "receiptKeys"/, ({ receiptKeys: _, ...b }) => b],
    [/not an object/, () => []],
    [/policy is not text|"policy" is not text/, (b) => ({ ...b, policy: 7 })],
    [/policy/, (b) => ({ ...b, policy: b.policy.replace('group courts 3', 'group courts 5') })],
    [/names no log/, (b) => ({ ...b, policy: b.policy.replace(/^log .*\n/, '') })],
    [/no cosignature/, (b) => ({ ...b, policy: b.policy.replace('quorum consortium', 'quorum none') })],
    [
      /do without the group courts/,
      (b) => ({ ...b, policy: b.policy.replace('quorum consortium', 'quorum arbitration') }),
    ],
    [
      /do without the group courts/,
      (b) => ({ ...b, policy: b.policy.replace('consortium all courts', 'consortium any courts') }),
    ],
    [/belongs to no member/, (b) => ({ ...b, policy: `witness stranger ${stranger}\n${b.policy}` })],
    [/not a member of that kind/, (b) => ({ ...b, members: b.members.slice(1) })],
    [/in no group of its kind/, (b) => ({ ...b, members: [...b.members, { ...b.members[0], member: 'court-9' }] })],
    [/named twice/, (b) => ({ ...b, members: [...b.members, b.members[0]] })],
    [/not a member of that kind/, (b) => ({ ...b, members: b.members.map((m) => ({ ...m, kind: 'court' })) })],
    [/neither court nor arbitration/, (b) => ({ ...b, members: b.members.map((m) => ({ ...m, kind: 'notary' })) })],
    [/empty or too long/, (b) => ({ ...b, members: b.members.map((m) => ({ ...m, name: '' })) })],
    [/a member has the unknown field/, (b) => ({ ...b, members: b.members.map((m) => ({ ...m, url: '' })) })],
    [/"pdfRoots" is not a list/, (b) => ({ ...b, pdfRoots: [] })],
    [/PEM/, (b) => ({ ...b, pdfRoots: ['-----BEGIN CERTIFICATE-----\nAA==\n'] })],
    [/PEM/, (b) => ({ ...b, timestampRoots: [7] })],
    [/not after/, (b) => ({ ...b, notAfter: b.notBefore })],
    [/not a UTC time/, (b) => ({ ...b, notBefore: '2026-02-30T00:00:00Z' })],
    [/not a UTC time/, (b) => ({ ...b, notBefore: '2026-02-03T00:00:00+08:00' })],
    [/vkey/, (b) => ({ ...b, receiptKeys: ['not a vkey'] })],
  ];
  for (const [why, change] of refused) {
    it(`refuses: ${change}`, () => {
      const changed = change(structuredClone(bundle));
      expect(refusal(utf8Encode(JSON.stringify(changed)))).to.match(why);
    });
  }

  it('refuses what is no JSON, no UTF-8, a repeated key, or too long', () => {
    expect(refusal(utf8Encode('{'))).to.match(/trust bundle/);
    expect(refusal(Uint8Array.of(0xff))).to.match(/UTF-8/);
    const text = JSON.stringify(bundle);
    expect(refusal(utf8Encode(`{"policy":"",${text.slice(1)}`))).to.match(/trust bundle/);
    expect(refusal(new Uint8Array(TRUST_BYTES_MAX + 1))).to.match(/longer/);
  });
});
