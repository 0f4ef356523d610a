// Every hostile certificate, through the whole verifier: none consistent, and all but the few that name no root of ours inconsistent.
import { expect } from 'chai';
import { type Hostile, hostileCertificates, insiderCertificates } from '../../fixtures/hostile/make.ts';
import { createConsortium, inputFor, SMALL, type TestCertificate, type TestConsortium } from '../testing.ts';
import { verify } from './verify.ts';

/** Whoever signs or stamps these is nobody the trust bundle knows. */
const STRANGERS = [
  'signature/foreign-keys-under-our-names: x509-untrusted',
  'signature/foreign-signer-under-our-intermediate: x509-untrusted',
  'signature/timestamp-of-an-unknown-authority: x509-untrusted',
];

describe('verifier/core verify, hostile certificates', function () {
  this.timeout(120_000);
  let consortium: TestConsortium;
  let certificate: TestCertificate;
  let hostile: readonly Hostile[];
  before(async () => {
    consortium = await createConsortium('small', SMALL);
    certificate = await consortium.certify();
    const other = await consortium.certify({ id: '019690f1-c123-7abc-8def-000000000000' });
    hostile = [
      ...(await hostileCertificates(certificate.pdf, other.pdf)),
      ...(await insiderCertificates(certificate.pdf, consortium.pki)),
    ];
  });

  it('refuses every one of them', async () => {
    const outcomes = new Map<string, string[]>();
    for (const { name, bytes } of hostile) {
      const { outcome, reason } = await verify({ ...inputFor(consortium, certificate), certificate: bytes });
      outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), `${name}: ${reason?.code}`]);
    }
    expect(outcomes.get('consistent')).to.equal(undefined);
    expect(outcomes.get('unverifiable')).to.have.members(STRANGERS);
  });

  it('finds the certificate they were made from consistent: the control', async () => {
    expect((await verify(inputFor(consortium, certificate))).outcome).to.equal('consistent');
  });
});
