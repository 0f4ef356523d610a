/** Timestamps for certificates: one service out of many that answers nonsense, in whatever way, costs a question and no certificate. */
import { expect } from 'chai';
import { issueTsa } from '../certs/issue/ca.ts';
import { signingKey } from '../certs/issue/sign-cms.ts';
import { certificates, makePki, makeTsa, NOW_MS, subject, type TestPki, VALIDITY } from '../certs/issue/testing.ts';
import type { Tsa } from '../certs/issue/tsa.ts';
import { hexEncode, utf8Encode } from '../ledger/core/bytes.ts';
import { sha256 } from '../ledger/core/hash.ts';
import type { Http } from '../ledger/log/ports.ts';
import type { TrustBundle } from '../verifier/core/trust.ts';
import { createConsortium } from '../verifier/testing.ts';
import type { EventFields } from './logging.ts';
import { Timestamps } from './timestamps.ts';

const SIGNATURE = utf8Encode('a signature');
const BAD = { url: 'http://court-1/tsa', member: 'court-1' };
const GOOD = { url: 'http://court-2/tsa', member: 'court-2' };
const DAY_MS = 86_400_000;

describe('server/timestamps', () => {
  let pki: TestPki;
  let good: Tsa;
  let trust: TrustBundle;
  before(async () => {
    ({ pki, trust } = await createConsortium());
    good = makeTsa(pki);
  });

  /** A platform that asks the bad one first. */
  function open(bad: () => Promise<Pick<Tsa, 'respond'>>, more: Partial<TrustBundle> = {}) {
    const asked: string[] = [];
    const told: EventFields[] = [];
    let up = true;
    const http: Http = async ({ url, body }) => {
      asked.push(url.slice(7, 14));
      if (url === GOOD.url && !up) throw new Error('down');
      const tsa = url === GOOD.url ? good : await bad();
      return { status: 200, headers: {}, body: await tsa.respond(body as Uint8Array) };
    };
    const timestamps = new Timestamps({
      timestampServices: [BAD, GOOD],
      trust: utf8Encode(JSON.stringify({ ...trust, ...more })),
      http,
      clock: () => NOW_MS,
      log: (level, event, fields = {}) => {
        expect(`${level} ${event}`).equal('warn timestamp-failed');
        told.push(fields);
      },
    });
    const outcome = (): Promise<string> =>
      timestamps.over(SIGNATURE).then(
        () => asked.splice(0).join(),
        (error: Error) => `${asked.splice(0).join()}: ${error.message}`,
      );
    return { outcome, told, stop: () => (up = false) };
  }

  it('takes a token that the verifier believes, and asks whoever gave it first the next time', async () => {
    const { outcome, told } = open(async () => good);
    expect(await outcome()).equal('court-1');
    expect(await outcome()).equal('court-1');
    expect(told).deep.equal([]);
  });

  const liars: Record<string, { tsa: () => Promise<Pick<Tsa, 'respond'>>; why: RegExp }> = {
    'is down': { tsa: () => Promise.reject(new Error('no route')), why: /no route/ },
    'answers garbage': { tsa: async () => ({ respond: async () => utf8Encode('<html>') }), why: /DER/ },
    'has a certificate that no pinned root vouches for': {
      tsa: async () => makeTsa(await makePki()),
      why: /root/,
    },
    'has an expired certificate': {
      tsa: async () => {
        const expired = { ...VALIDITY, notAfterMs: NOW_MS - DAY_MS };
        const tsa = await issueTsa(pki.intermediate, subject('第一法院 Court 1'), expired);
        return makeTsa({ tsaSign: signingKey(tsa.key), tsaPath: certificates(tsa, pki.intermediate) });
      },
      why: /expired|valid/,
    },
    'signs with another key than the one of its certificate': {
      tsa: async () => makeTsa({ tsaPath: pki.tsaPath, tsaSign: pki.sign }),
      why: /signature/,
    },
    'stamps the future': { tsa: async () => makeTsa(pki, NOW_MS + DAY_MS), why: /^the timestamp is of 20/ },
  };
  for (const [name, { tsa, why }] of Object.entries(liars)) {
    it(`goes on to the next service when one ${name}, and names it`, async () => {
      const { outcome, told } = open(tsa);
      expect(await outcome()).equal('court-1,court-2');
      const [{ reason, ...fields } = {}] = told;
      expect(fields).deep.equal({ ...BAD, count: 1 });
      expect(reason).match(why);
      expect(await outcome(), 'the good one is asked first from now on').equal('court-2');
      expect(told.length).equal(1);
    });
  }

  it('goes on to the next service when the certificate of one is revoked', async () => {
    const other = await issueTsa(pki.intermediate, subject('第一法院 Court 1'), VALIDITY);
    const revokedTsa = makeTsa({ tsaSign: signingKey(other.key), tsaPath: certificates(other, pki.intermediate) });
    const [certificate] = certificates(other);
    const key = hexEncode(sha256(certificate?.der ?? expect.fail()));
    const revoked = (atMs: number) => ({ revoked: [{ key, at: new Date(atMs).toISOString() }] });
    expect(await open(async () => revokedTsa, revoked(NOW_MS + DAY_MS)).outcome()).equal('court-1');
    const { outcome, told } = open(async () => revokedTsa, revoked(NOW_MS - DAY_MS));
    expect(await outcome()).equal('court-1,court-2');
    expect(told[0]?.reason).match(/was revoked/);
  });

  it('takes no time that the trust bundle does not vouch for', async () => {
    const before = { notBefore: new Date(NOW_MS - DAY_MS).toISOString() };
    const { outcome } = open(async () => makeTsa(pki, NOW_MS - 2 * DAY_MS), before);
    expect(await outcome()).equal('court-1,court-2');
  });

  it('says of all that fail why, and tells of each at its 1st, 2nd, 4th, 8th time', async () => {
    const { outcome, told, stop } = open(() => Promise.reject(new Error('no route')));
    stop();
    for (let i = 0; i < 9; i++) {
      expect(await outcome()).match(/^court-1,court-2: .*court-1\/tsa: no route; .*court-2\/tsa: down$/);
    }
    const counts = (name: string): unknown[] => told.filter(({ member }) => member === name).map(({ count }) => count);
    for (const name of ['court-1', 'court-2']) expect(counts(name)).deep.equal([1, 2, 4, 8]);
  });
});
