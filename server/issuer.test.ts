/** Certificates as the platform makes them, with the real renderer, signer and verifier: what a bad timestamp service cannot stop. */
import { expect } from 'chai';
import { issueTsa } from '../certs/issue/ca.ts';
import { signingKey } from '../certs/issue/sign-cms.ts';
import { certificates, makeTsa, subject, VALIDITY } from '../certs/issue/testing.ts';
import type { Http } from '../ledger/log/ports.ts';
import { verify } from '../verifier/core/verify.ts';
import { createConsortium, NOW_MS, rerender } from '../verifier/testing.ts';
import { openIssuer } from './issuer.ts';

describe('server/issuer', () => {
  it('asks another service after a token that holds and has no room in the certificate', async () => {
    const { pki, trustBytes, certify } = await createConsortium();
    const { record, proof } = await certify();
    const long = await issueTsa(pki.intermediate, subject('长'.repeat(4000)), VALIDITY);
    const services: Record<string, ReturnType<typeof makeTsa>> = {
      'http://court-1/tsa': makeTsa(
        { tsaSign: signingKey(long.key), tsaPath: certificates(long, pki.intermediate) },
        NOW_MS,
      ),
      'http://court-2/tsa': makeTsa(pki, NOW_MS),
    };
    const http: Http = async ({ url, body }) => ({
      status: 200,
      headers: {},
      body: (await services[url]?.respond(body as Uint8Array)) ?? expect.fail(),
    });
    const told: string[] = [];
    const issue = openIssuer({
      sign: pki.sign,
      path: pki.path,
      timestampServices: Object.keys(services).map((url) => ({ url })),
      trust: trustBytes,
      http,
      clock: () => NOW_MS,
      log: (_level, event) => told.push(event),
    });
    const refusal = (): Promise<unknown> => issue(record, proof).catch((error: Error) => error.message);
    // As many at once as there are services: together they must not go round to the bad one again.
    for (const message of await Promise.all([refusal(), refusal()])) expect(message).match(/the placeholder only/);
    const certificate = await issue(record, proof);
    expect(told, 'the token itself was good').deep.equal([]);
    const input = { certificate, trust: trustBytes, evidence: [], certificateOnly: true, nowMs: NOW_MS, rerender };
    expect((await verify(input)).outcome).equal('consistent');
  });
});
