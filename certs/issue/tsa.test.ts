/** The timestamp authority: what it grants, what it refuses and how it says so; and the client that asks it. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { concat, utf8Encode } from '../../ledger/core/bytes.ts';
import type { Http } from '../../ledger/log/ports.ts';
import { Fields, parseDer, readCount, readNamedBits } from '../core/der.ts';
import { encode, encodeInteger, encodeOctets, encodeOid, encodeSequence, TAG } from '../core/der-write.ts';
import { OID } from '../core/oids.ts';
import { checkTimestamp, parseTimestampToken } from '../core/timestamp.ts';
import { codeOf, makePki, makeTsa, NOW_MS, sha256, type TestPki } from './testing.ts';
import { NONCE_BYTES_MAX, TIMESTAMP_REQUEST_BYTES_MAX, Tsa } from './tsa.ts';
import { formatTimestampRequest, openTimestampResponse, requestToken } from './tsa-client.ts';

const MESSAGE = utf8Encode('a signature value');
const CERT_REQ = encode(TAG.boolean, Uint8Array.of(0xff));

describe('timestamp authority', () => {
  let pki: TestPki;
  let tsa: Tsa;
  before(async () => {
    pki = await makePki();
    tsa = makeTsa(pki);
  });

  const imprint = (algorithm: string, digest: Uint8Array, ...parameters: Uint8Array[]): Uint8Array =>
    encodeSequence(encodeSequence(encodeOid(algorithm), ...parameters), encodeOctets(digest));
  const sha256Imprint = imprint(OID.sha256, sha256(MESSAGE));
  const request = (...fields: Uint8Array[]): Uint8Array => encodeSequence(encodeInteger(1), ...fields);

  /** Status, failure bits and token of an answer. */
  const ask = async (bytes: Uint8Array): Promise<{ status: number; failures?: number[]; token?: Uint8Array }> => {
    const fields = new Fields(parseDer(await tsa.respond(bytes)), 'TimeStampResp');
    const info = new Fields(fields.take(), 'PKIStatusInfo');
    const status = readCount(info.take());
    const text = info.takeIf(TAG.sequence);
    const failures = info.takeIf(TAG.bitString);
    info.end();
    const token = fields.takeIf(TAG.sequence);
    fields.end();
    if (status !== 0) expect(text?.children).to.have.length(1);
    return { status, ...(failures && { failures: readNamedBits(failures) }), ...(token && { token: token.bytes }) };
  };

  describe('grants', () => {
    it('SHA-256, SHA-384 and SHA-512, with and without NULL parameters', async () => {
      for (const name of ['sha256', 'sha384', 'sha512'] as const) {
        const digest = new Uint8Array(createHash(name).update(MESSAGE).digest());
        for (const parameters of [[], [encode(TAG.null)]]) {
          const { status, token } = await ask(request(imprint(OID[name], digest, ...parameters), CERT_REQ));
          expect(status).to.equal(0);
          expect(checkTimestamp(token!, MESSAGE, pki.roots).timeMs).to.equal(NOW_MS);
        }
      }
    });

    it('certificates only when asked', async () => {
      const bare = parseTimestampToken((await ask(request(sha256Imprint))).token!);
      expect(bare.data.certificates).to.deep.equal([]);
      const full = parseTimestampToken((await ask(request(sha256Imprint, CERT_REQ))).token!);
      expect(full.data.certificates).to.have.length(2);
    });

    it('its own policy by name, and any nonce back', async () => {
      for (const nonce of [0n, -1n, 1n << 63n, (1n << 500n) + 1n]) {
        const { token } = await ask(
          request(sha256Imprint, encodeOid(OID.courtTimestampPolicy), encodeInteger(nonce), CERT_REQ),
        );
        expect(parseTimestampToken(token!).info.nonce).to.equal(nonce);
        expect(parseTimestampToken(token!).info.policy).to.equal(OID.courtTimestampPolicy);
      }
      expect(parseTimestampToken((await ask(request(sha256Imprint))).token!).info.nonce).to.equal(undefined);
    });

    it('no serial number twice, each larger than the one before', async () => {
      const serials = await Promise.all(
        Array.from(
          { length: 5 },
          async () => parseTimestampToken((await ask(request(sha256Imprint))).token!).info.serial,
        ),
      );
      expect([...serials].sort((a, b) => Number(a - b))).to.deep.equal(serials);
      expect(new Set(serials).size).to.equal(5);
    });
  });

  describe('refuses', () => {
    const badAlg = 0;
    const badRequest = 2;
    const badDataFormat = 5;
    const unacceptedPolicy = 15;
    const unacceptedExtension = 16;
    const cases: [what: string, bit: number, bytes: () => Uint8Array][] = [
      ['nothing at all', badDataFormat, () => new Uint8Array()],
      ['what is no DER', badDataFormat, () => utf8Encode('hello')],
      ['what is no request', badDataFormat, () => encodeInteger(1)],
      ['an unknown version', badRequest, () => encodeSequence(encodeInteger(2), sha256Imprint)],
      ['SHA-1', badAlg, () => request(imprint('1.3.14.3.2.26', new Uint8Array(20)))],
      ['MD5', badAlg, () => request(imprint('1.2.840.113549.2.5', new Uint8Array(16)))],
      [
        'SHA-256 with parameters of its own',
        badAlg,
        () => request(imprint(OID.sha256, sha256(MESSAGE), encodeInteger(1))),
      ],
      ['an imprint that is too short', badDataFormat, () => request(imprint(OID.sha256, new Uint8Array(31)))],
      ['an imprint of another length', badDataFormat, () => request(imprint(OID.sha512, new Uint8Array(32)))],
      ['another policy', unacceptedPolicy, () => request(sha256Imprint, encodeOid('1.2.3'))],
      [
        'any extension',
        unacceptedExtension,
        () => request(sha256Imprint, encode(0xa0, encodeSequence(encodeOid('1.2.3'), encodeOctets(encode(TAG.null))))),
      ],
      ['certReq FALSE written out', badDataFormat, () => request(sha256Imprint, encode(TAG.boolean, Uint8Array.of(0)))],
      ['fields out of order', badDataFormat, () => request(sha256Imprint, CERT_REQ, encodeInteger(1))],
      ['a nonce too long', badRequest, () => request(sha256Imprint, encodeInteger(1n << BigInt(8 * NONCE_BYTES_MAX)))],
      ['bytes behind the request', badDataFormat, () => concat(request(sha256Imprint), Uint8Array.of(0))],
      [
        'a request longer than the limit',
        badDataFormat,
        () => request(sha256Imprint, encode(0xa0, encodeOctets(new Uint8Array(TIMESTAMP_REQUEST_BYTES_MAX)))),
      ],
    ];
    for (const [what, bit, bytes] of cases) {
      it(what, async () => expect(await ask(bytes())).to.deep.equal({ status: 2, failures: [bit] }));
    }

    it('every garbled request, with an answer and not a crash', async () => {
      const good = formatTimestampRequest(sha256(MESSAGE), 7n);
      await fc.assert(
        fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, byte) => {
          const garbled = good.slice();
          garbled[at] = byte;
          const { status, token } = await ask(garbled);
          expect(status === 0).to.equal(token !== undefined);
        }),
        { numRuns: 300 },
      );
    });
  });

  it('stops instead of signing when it gets no serial number', async () => {
    const serial = (): Promise<bigint> => Promise.reject(new Error('disk full'));
    const broken = new Tsa({ sign: pki.tsaSign, path: pki.tsaPath, clock: () => NOW_MS, serial });
    const outcome = await broken
      .respond(formatTimestampRequest(sha256(MESSAGE), 7n))
      .catch((error: Error) => error.message);
    expect(outcome).to.equal('disk full');
  });

  describe('client', () => {
    const nonce = 0xdeadbeefn;
    const digest = sha256(MESSAGE);
    const http =
      (answer: (body: Uint8Array) => Promise<Uint8Array>, status = 200): Http =>
      async (sent) => {
        expect(sent.method).to.equal('POST');
        expect(sent.headers).to.deep.equal({ 'content-type': 'application/timestamp-query' });
        return { status, headers: {}, body: await answer(sent.body as Uint8Array) };
      };
    const outcome = (call: Promise<unknown>): Promise<string | undefined> =>
      call.then(
        () => undefined,
        (error: { code: string }) => error.code,
      );

    it('gets a token for its digest', async () => {
      const token = await requestToken(
        http((body) => tsa.respond(body)),
        'http://court/tsa',
        digest,
        nonce,
      );
      expect(checkTimestamp(token, MESSAGE, pki.roots).nonce).to.equal(nonce);
    });

    it('refuses the answer to another question, a refusal, an error page, and garbage', async () => {
      const answered = (answer: Uint8Array): Promise<string | undefined> =>
        outcome(
          requestToken(
            http(async () => answer),
            'http://court/tsa',
            digest,
            nonce,
          ),
        );
      expect(await answered(await tsa.respond(formatTimestampRequest(digest, nonce)))).to.equal(undefined);
      expect(await answered(await tsa.respond(formatTimestampRequest(digest, nonce + 1n)))).to.equal('timestamp-bad');
      expect(await answered(await tsa.respond(formatTimestampRequest(sha256(utf8Encode('other')), nonce)))).to.equal(
        'timestamp-bad',
      );
      expect(await answered(await tsa.respond(request(sha256Imprint, CERT_REQ)))).to.equal('timestamp-bad');
      expect(await answered(await tsa.respond(request(imprint('1.3.14.3.2.26', new Uint8Array(20)))))).to.equal(
        'timestamp-malformed',
      );
      expect(await answered(utf8Encode('<html>'))).to.equal('der-malformed');
      expect(
        await outcome(
          requestToken(
            http(async () => new Uint8Array(), 503),
            'http://court/tsa',
            digest,
            nonce,
          ),
        ),
      ).to.equal('timestamp-malformed');
    });

    it('refuses a token that comes with any other status than granted', async () => {
      const [, token] = parseDer(await tsa.respond(formatTimestampRequest(digest, nonce))).children;
      const withStatus = (status: number): Uint8Array =>
        encodeSequence(encodeSequence(encodeInteger(status)), token!.bytes);
      expect(codeOf(() => openTimestampResponse(withStatus(0), digest, nonce))).to.equal(undefined);
      for (const status of [1, 2, 5]) {
        expect(
          codeOf(() => openTimestampResponse(withStatus(status), digest, nonce)),
          `${status}`,
        ).to.equal('timestamp-malformed');
      }
      expect(
        codeOf(() => openTimestampResponse(encodeSequence(encodeSequence(encodeInteger(0))), digest, nonce)),
      ).to.equal('timestamp-malformed');
    });
  });
});
