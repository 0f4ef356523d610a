/** Certificates of the real issuer and a revocation with a time in the past: what still holds, and what is made in the place of the rest. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TrustBundle } from '../verifier/core/trust.ts';
import { verify } from '../verifier/core/verify.ts';
import { createConsortium, NOW_MS, rerender } from '../verifier/testing.ts';
import { propose } from './epochs/propose.ts';
import { openRecheck } from './recheck.ts';
import { TestConsortium } from './roles/testing.ts';
import { digests, until } from './testing.ts';

const bytesOf = (trust: object): Uint8Array => Buffer.from(JSON.stringify(trust));

describe('server/recheck', () => {
  it('finds against a certificate what was revoked when it was signed, and nothing else', async () => {
    const { pki, trust, certify } = await createConsortium();
    const { pdf: certificate } = await certify();
    const [signer] = pki.path;
    const key = createHash('sha256')
      .update(signer?.der ?? expect.fail('no signer'))
      .digest('hex');
    const recheck = (ms: number): ReturnType<typeof openRecheck> => {
      const at = new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
      const bundle: TrustBundle = { ...trust, revoked: [{ key, at }] };
      return openRecheck(bytesOf(bundle), () => NOW_MS);
    };
    const day = 86_400_000;
    expect(recheck(NOW_MS).revocations).to.equal(1);
    expect(openRecheck(bytesOf(trust), () => NOW_MS).revocations).to.equal(0);
    expect(await recheck(NOW_MS + day).holds(certificate)).to.equal(true);
    expect(await recheck(NOW_MS - 365 * day).holds(certificate)).to.equal(false);
  });

  it('a certificate signed between a theft and its revocation is made anew when it is next asked for', async function () {
    this.timeout(60_000);
    const consortium = await TestConsortium.start({}, 1, 1);
    try {
      const dir = consortium.dir('platform');
      await until(async () => (await consortium.fetch('/readyz')).status === 200);
      const answer = await consortium.fetch('/api/v1/deposits', {
        method: 'POST',
        body: JSON.stringify({ files: digests('evidence').files }),
        headers: { 'content-type': 'application/json', prefer: 'wait=20' },
      });
      const { links } = (await answer.json()) as { links: { certificate: string } };
      const get = async (): Promise<Uint8Array> =>
        new Uint8Array(await (await consortium.fetch(links.certificate)).arrayBuffer());
      const judge = async (certificate: Uint8Array): Promise<string> => {
        const trust = new Uint8Array(readFileSync(join(dir, 'trust.json')));
        const input = { certificate, trust, evidence: [], certificateOnly: true, nowMs: Date.now(), rerender };
        const { outcome, reason } = await verify(input);
        return reason?.code ?? outcome;
      };
      const old = await get();
      const { raw } = new X509Certificate(readFileSync(join(dir, 'keys/pdf-chain.pem')));
      const theft = new Date(Date.now() - 1_800_000).toISOString();
      const revoke = [`${createHash('sha256').update(raw).digest('hex')}=${theft}`];
      await propose(dir, { member: [], leave: [], newKey: ['pdf'], revoke }, Date.now());
      await consortium.stop('platform');
      await consortium.startPlatform();
      expect(await judge(old)).to.equal('certificate-revoked');
      const made = await get();
      expect(await judge(made)).to.equal('consistent');
      expect(consortium.events.map(({ event }) => event)).to.include('certificate-replaced');
      expect(Buffer.from(await get()).equals(made), 'once').to.equal(true);
    } finally {
      await consortium.end();
    }
  });
});
