/** The PDF's signature: every rule of the profile broken one at a time, every byte turned, and the controls. */
import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { concat, utf8Encode } from '../../ledger/core/bytes.ts';
import { issueIntermediate, issueTsa } from '../issue/ca.ts';
import { type PdfSigner, signDocument } from '../issue/sign.ts';
import { signCms, signingKey } from '../issue/sign-cms.ts';
import {
  certificates,
  codeOf,
  makePki,
  makeTsa,
  NOW_MS,
  signerOf,
  subject,
  type TestPki,
  tokenOver,
  VALIDITY,
} from '../issue/testing.ts';
import {
  type Attribute,
  attribute,
  BAG_CERTIFICATES_MAX,
  encodeSigningCertificate,
  formatSignedData,
  parseSignedData,
  type SignedData,
  signedBytes,
} from './cms.ts';
import { type Der, Fields, parseDer, readInteger } from './der.ts';
import {
  encode,
  encodeGeneralizedTime,
  encodeInteger,
  encodeOctets,
  encodeOid,
  encodeSequence,
  encodeSetOf,
} from './der-write.ts';
import { checkDocumentSignature, checkSignatureTimestamp, checkSigner } from './document-signature.ts';
import { OID } from './oids.ts';
import { checkTimestamp } from './timestamp.ts';

const CONTENT = [utf8Encode('before the signature '), utf8Encode('behind it')] as const;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

describe('document signature', () => {
  let pki: TestPki;
  let cms: Uint8Array;
  let data: SignedData;
  before(async () => {
    pki = await makePki();
    cms = await signDocument(CONTENT, signerOf(pki));
    data = parseSignedData(cms);
  });

  const check = (bytes: Uint8Array): string | undefined =>
    codeOf(() => {
      const signature = checkDocumentSignature({ cms: bytes, signedBytes: CONTENT });
      const { timeMs } = checkSignatureTimestamp(signature, pki.roots);
      checkSigner(signature, pki.roots, timeMs);
    });

  it('goes through whole, and says who and when', () => {
    const signature = checkDocumentSignature({ cms, signedBytes: CONTENT });
    const stamp = checkSignatureTimestamp(signature, pki.roots);
    expect([signature.signer, ...signature.intermediates]).to.deep.equal(pki.path);
    expect(stamp.timeMs).to.equal(NOW_MS);
    expect(stamp.path).to.deep.equal([...pki.tsaPath, ...pki.roots]);
    expect(checkSigner(signature, pki.roots, stamp.timeMs)).to.have.length(3);
    expect(formatSignedData(data)).to.deep.equal(cms);
  });

  it('notices one bit of every third byte turned, in signed and unsigned parts alike', () => {
    const { timestampToken, signature } = checkDocumentSignature({ cms, signedBytes: CONTENT });
    const tokenStart = timestampToken.byteOffset - cms.byteOffset;
    for (let at = 0; at < cms.length; at += 3) {
      const turned = cms.slice();
      turned[at] = turned[at]! ^ (1 << (at % 8));
      // Inside the token the signature cannot notice, so that half is left out there: it has just verified.
      const inToken = at >= tokenStart && at < tokenStart + timestampToken.length;
      const code = codeOf(() => {
        if (!inToken) checkDocumentSignature({ cms: turned, signedBytes: CONTENT });
        else {
          const token = attribute(parseSignedData(turned).unsignedAttributes, OID.timeStampToken).bytes;
          checkTimestamp(token, signature, pki.roots);
        }
      });
      expect(code, `byte ${at}`).to.be.a('string');
    }
  });

  it('notices another content', () => {
    for (const signedBytes of [
      [CONTENT[0], utf8Encode('behind It')],
      [CONTENT[1], CONTENT[0]],
    ] as const) {
      expect(codeOf(() => checkDocumentSignature({ cms, signedBytes }))).to.equal('cms-bad-signature');
    }
    expect(codeOf(() => checkDocumentSignature({ cms, signedBytes: [concat(...CONTENT), new Uint8Array()] }))).to.equal(
      undefined,
    );
  });

  it('needs the pinned roots of the PDF and of the timestamp, and the signer valid at the time of the timestamp', async () => {
    const signature = checkDocumentSignature({ cms, signedBytes: CONTENT });
    const other = await makePki();
    expect(codeOf(() => checkSigner(signature, other.roots, NOW_MS))).to.equal('x509-untrusted');
    expect(codeOf(() => checkSignatureTimestamp(signature, other.roots))).to.equal('x509-untrusted');
    const late = makeTsa(pki, VALIDITY.notAfterMs + 5_000);
    expect(check(await signDocument(CONTENT, signerOf(pki, late)))).to.equal('x509-expired');
  });

  describe('refuses, though really signed,', () => {
    /** Signs attributes of any kind with the signer's key, with a good token on the result. */
    const signed = async (attributes: readonly Attribute[], o: Partial<SignedData> = {}): Promise<Uint8Array> => {
      const { parts, raw } = await lowSSignature(signedBytes(attributes));
      const unsignedAttributes = [{ type: OID.timeStampToken, value: await tokenOver(makeTsa(pki), raw) }];
      return formatSignedData({ ...data, ...parts, signedAttributes: attributes, unsignedAttributes, ...o });
    };
    const lowSSignature = async (
      toSign: Uint8Array,
    ): Promise<{ parts: Pick<SignedData, 'signature'>; raw: Uint8Array }> => {
      for (;;) {
        const raw = await pki.sign(toSign);
        if (sOf(raw) <= N / 2n) return { parts: { signature: raw }, raw };
      }
    };
    const replaced = (type: string, value: Uint8Array): Attribute[] =>
      data.signedAttributes.map((each) => (each.type === type ? { type, value } : each));
    const signingTime = { type: OID.signingTime, value: encodeGeneralizedTime(Date.UTC(2060, 0, 1)) };
    const ess = (...certs: Uint8Array[]): Uint8Array => encodeSequence(encodeSequence(...certs));
    const essId = (path: TestPki['path']): readonly Der[] =>
      parseDer(encodeSigningCertificate(path)).children[0]!.children;

    it('but not the control', async () => {
      expect(check(await signed(data.signedAttributes))).to.equal(undefined);
    });
    it('a signing-time', async () => {
      expect(check(await signed([...data.signedAttributes, signingTime]))).to.equal('cms-malformed');
    });
    for (const type of [OID.contentType, OID.messageDigest, OID.signingCertificateV2]) {
      it(`no attribute ${type}`, async () => {
        const rest = data.signedAttributes.filter((each) => each.type !== type);
        expect(check(await signed(rest))).to.equal('cms-malformed');
        expect(check(await signed([...rest, signingTime]))).to.equal('cms-malformed');
      });
    }
    it('an attribute twice', async () => {
      const [first, , third] = data.signedAttributes;
      const digest = { type: OID.messageDigest, value: encodeOctets(new Uint8Array(32)) };
      expect(check(await signed([...data.signedAttributes, digest]))).to.equal('cms-malformed');
      expect(check(await signed([first!, third!, digest, digest]))).to.equal('cms-malformed');
    });
    it('another content type', async () => {
      expect(check(await signed(replaced(OID.contentType, encodeOid(OID.tstInfo))))).to.equal('cms-malformed');
    });
    it('a digest of other bytes', async () => {
      expect(check(await signed(replaced(OID.messageDigest, encodeOctets(new Uint8Array(32)))))).to.equal(
        'cms-bad-signature',
      );
    });
    it('a certificate bag that signing-certificate-v2 does not name exactly', async () => {
      const [signer, intermediate] = pki.path;
      const [spare] = certificates(await issueIntermediate(pki.root, subject('多余'), VALIDITY));
      const named = (...path: TestPki['path']): Attribute[] =>
        replaced(OID.signingCertificateV2, encodeSigningCertificate(path));
      const bag = (...path: TestPki['path']): Uint8Array[] =>
        path.map(({ der }) => der).sort((a, b) => Buffer.compare(a, b));
      expect(check(await signed(named(signer!)))).to.equal('cms-malformed');
      expect(check(await signed(named(intermediate!, signer!)))).to.equal('cms-malformed');
      expect(check(await signed(named(signer!, intermediate!, spare!)))).to.equal('cms-malformed');
      expect(check(await signed(named(signer!, intermediate!, intermediate!)))).to.equal('cms-malformed');
      expect(
        check(await signed(data.signedAttributes, { certificates: bag(signer!, intermediate!, spare!) })),
      ).to.equal('cms-malformed');
      expect(check(await signed(data.signedAttributes, { certificates: bag(signer!) }))).to.equal('cms-malformed');
      expect(check(await signed(data.signedAttributes, { certificates: bag(intermediate!) }))).to.equal(
        'cms-malformed',
      );
      expect(check(await signed(data.signedAttributes, { certificates: [] }))).to.equal('cms-malformed');
      expect(
        check(await signed(data.signedAttributes, { certificates: bag(signer!, intermediate!).reverse() })),
      ).to.equal('cms-malformed');
      expect(
        check(
          await signed(named(signer!, intermediate!, spare!), { certificates: bag(signer!, intermediate!, spare!) }),
        ),
      ).to.equal('x509-untrusted');
    });
    it('signing-certificate-v2 in another form', async () => {
      const [signer, intermediate] = essId(pki.path);
      const form = (value: Uint8Array): Promise<Uint8Array> => signed(replaced(OID.signingCertificateV2, value));
      expect(check(await form(ess(signer!.bytes, intermediate!.bytes)))).to.equal(undefined);
      const withHash = encodeSequence(
        encodeSequence(encodeOid(OID.sha256)),
        signer!.children[0]!.bytes,
        signer!.children[1]!.bytes,
      );
      expect(check(await form(ess(withHash, intermediate!.bytes)))).to.equal('cms-malformed');
      expect(check(await form(ess(encodeSequence(signer!.children[0]!.bytes), intermediate!.bytes)))).to.equal(
        'cms-malformed',
      );
      const policies = encodeSequence(encodeSequence(signer!.bytes, intermediate!.bytes), encodeSequence());
      expect(check(await form(policies))).to.equal('cms-malformed');
    });
    it('another algorithm, or the right one with parameters', async () => {
      const withNull = { oid: OID.sha256, parameters: encode(0x05) };
      expect(check(await signed(data.signedAttributes, { digestAlgorithm: withNull }))).to.equal('cms-malformed');
      expect(check(await signed(data.signedAttributes, { digestAlgorithm: { oid: OID.sha384 } }))).to.equal(
        'cms-malformed',
      );
      for (const signatureAlgorithm of [
        { oid: OID.ecdsaWithSHA384 },
        { oid: OID.ecdsaWithSHA256, parameters: encode(0x05) },
      ]) {
        expect(check(await signed(data.signedAttributes, { signatureAlgorithm }))).to.equal('cms-malformed');
      }
    });
    it('content inside, or other content than data', async () => {
      expect(check(await signed(data.signedAttributes, { content: concat(...CONTENT) }))).to.equal('cms-malformed');
      const attributes = replaced(OID.contentType, encodeOid(OID.tstInfo));
      expect(check(await signed(attributes, { contentType: OID.tstInfo }))).to.equal('cms-malformed');
    });
    it('no timestamp, two, or something beside it', async () => {
      const [token] = data.unsignedAttributes;
      for (const unsignedAttributes of [
        [],
        [token!, signingTime],
        [signingTime],
        [token!, { ...token!, value: encodeInteger(1) }],
      ]) {
        expect(check(formatSignedData({ ...data, unsignedAttributes }))).to.equal('cms-malformed');
      }
    });
    it('the second form (r, n − s) of the signature, and other encodings of it', () => {
      const { r, s } = parts(data.signature);
      const form = (...numbers: Uint8Array[]): string | undefined =>
        codeOf(() =>
          checkDocumentSignature({
            cms: formatSignedData({ ...data, signature: encodeSequence(...numbers) }),
            signedBytes: CONTENT,
          }),
        );
      expect(form(encodeInteger(r), encodeInteger(s))).to.equal(undefined);
      expect(form(encodeInteger(r), encodeInteger(N - s))).to.equal('cms-bad-signature');
      expect(form(encodeInteger(r), encodeInteger(s - N))).to.equal('cms-bad-signature');
      expect(form(encodeInteger(r + N), encodeInteger(s))).to.equal('cms-bad-signature');
      expect(form(encodeInteger(r), encodeInteger(s), encodeInteger(0))).to.equal('cms-bad-signature');
      expect(form(encodeInteger(r), encode(0x02, Uint8Array.of(0), encodeInteger(s).subarray(2)))).to.equal(
        'cms-bad-signature',
      );
      expect(form(encodeInteger(0), encodeInteger(0))).to.equal('cms-bad-signature');
    });
    it('a signer of another purpose', async () => {
      const court: PdfSigner = { ...signerOf(pki), sign: pki.tsaSign, path: pki.tsaPath };
      expect(check(await signDocument(CONTENT, court))).to.equal('x509-purpose');
    });
    it('a signature by another key than the certificate’s', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const sign = signingKey(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
      expect(check(await signDocument(CONTENT, { ...signerOf(pki), sign }))).to.equal('cms-bad-signature');
    });
    it('a timestamp of another signature, of an unknown authority, or of the platform itself', async () => {
      const stamped = async (token: Uint8Array): Promise<string | undefined> =>
        check(formatSignedData({ ...data, unsignedAttributes: [{ type: OID.timeStampToken, value: token }] }));
      expect(await stamped(await tokenOver(makeTsa(pki), data.signature))).to.equal(undefined);
      expect(await stamped(await tokenOver(makeTsa(pki), utf8Encode('other')))).to.equal('timestamp-bad');
      expect(await stamped(await tokenOver(makeTsa(await makePki()), data.signature))).to.equal('x509-untrusted');
      const platform = makeTsa({ tsaSign: pki.sign, tsaPath: pki.path });
      expect(await stamped(await tokenOver(platform, data.signature))).to.equal('x509-purpose');
      expect(await stamped(cms)).to.equal('timestamp-malformed');
      expect(await stamped(encodeSequence())).to.equal('der-malformed');
    });
  });

  describe('refuses other structures:', () => {
    /** SignedData's own fields replaced. */
    const rebuilt = (change: (fields: Uint8Array[], fieldsOf: readonly Der[]) => Uint8Array[]): Uint8Array => {
      const [type, explicit] = parseDer(cms).children;
      const [signedData] = explicit!.children;
      const fields = change(
        signedData!.children.map(({ bytes }) => bytes),
        signedData!.children,
      );
      return encodeSequence(type!.bytes, encode(0xa0, encodeSequence(...fields)));
    };
    const cases: [what: string, code: string, bytes: () => Uint8Array][] = [
      ['another version', 'cms-malformed', () => rebuilt(([, ...rest]) => [encodeInteger(3), ...rest])],
      [
        'two digest algorithms',
        'der-malformed',
        () =>
          rebuilt(([version, set, ...rest]) => [
            version!,
            encodeSetOf([...parseDer(set!).children.map((each) => each.bytes), encodeSequence(encodeOid(OID.sha384))]),
            ...rest,
          ]),
      ],
      ['no signer', 'der-malformed', () => rebuilt((fields) => [...fields.slice(0, -1), encodeSetOf([])])],
      [
        'two signers',
        'der-malformed',
        () =>
          rebuilt((fields) => {
            const signer = parseDer(fields.at(-1)!).children[0]!;
            const second = encodeSequence(encodeInteger(1), ...signer.children.slice(1, -1).map(({ bytes }) => bytes));
            return [...fields.slice(0, -1), encodeSetOf([signer.bytes, second])];
          }),
      ],
      [
        'revocation lists',
        'der-malformed',
        () => rebuilt((fields) => [...fields.slice(0, -1), encode(0xa1), fields.at(-1)!]),
      ],
      [
        'a signer by key identifier',
        'der-malformed',
        () =>
          rebuilt((fields) => {
            const signer = parseDer(fields.at(-1)!).children[0]!;
            const [, , ...rest] = signer.children;
            return [
              ...fields.slice(0, -1),
              encodeSetOf([
                encodeSequence(encodeInteger(3), encode(0x80, new Uint8Array(20)), ...rest.map(({ bytes }) => bytes)),
              ]),
            ];
          }),
      ],
      [
        'attributes in another order',
        'cms-malformed',
        () =>
          rebuilt((fields) => {
            const signer = parseDer(fields.at(-1)!).children[0]!;
            const parts = signer.children.map((each) =>
              each.tag === 0xa0 ? encode(0xa0, ...each.children.map(({ bytes }) => bytes).reverse()) : each.bytes,
            );
            return [...fields.slice(0, -1), encodeSetOf([encodeSequence(...parts)])];
          }),
      ],
      [
        'other content than signed data',
        'cms-malformed',
        () => encodeSequence(encodeOid(OID.data), encode(0xa0, encodeOctets(cms))),
      ],
      [
        'another digest algorithm outside than inside',
        'cms-malformed',
        () =>
          rebuilt(([version, , ...rest]) => [version!, encodeSetOf([encodeSequence(encodeOid(OID.sha384))]), ...rest]),
      ],
      ['bytes behind', 'der-malformed', () => concat(cms, Uint8Array.of(0))],
    ];
    for (const [what, code, bytes] of cases) it(what, () => expect(check(bytes())).to.equal(code));

    it('more certificates than the limit, before any is looked at', () => {
      const parse = (count: number): string | undefined =>
        codeOf(() => parseSignedData(formatSignedData({ ...data, certificates: Array(count).fill(encodeSequence()) })));
      expect(parse(BAG_CERTIFICATES_MAX)).to.equal(undefined);
      expect(parse(BAG_CERTIFICATES_MAX + 1)).to.equal('cms-malformed');
    });

    it('but not the control', () => expect(rebuilt((fields) => fields)).to.deep.equal(cms));
  });

  it('signs in the low form whatever the key gives', async () => {
    for (const flip of [false, true]) {
      const sign = async (bytes: Uint8Array): Promise<Uint8Array> => {
        const { r, s } = parts(await pki.sign(bytes));
        return encodeSequence(encodeInteger(r), encodeInteger(s > N / 2n === flip ? s : N - s));
      };
      const { signature } = await signCms({ contentType: OID.data, content: CONTENT, path: pki.path, sign });
      expect(sOf(signature) <= N / 2n).to.equal(true);
    }
  });

  it('is not fooled by a court that issues under another name', async () => {
    const [tsa] = certificates(await issueTsa(pki.intermediate, subject('存证平台 Platform'), VALIDITY));
    expect(
      codeOf(() =>
        checkSigner({ ...checkDocumentSignature({ cms, signedBytes: CONTENT }), signer: tsa! }, pki.roots, NOW_MS),
      ),
    ).to.equal('x509-purpose');
  });
});

function parts(signature: Uint8Array): { r: bigint; s: bigint } {
  const fields = new Fields(parseDer(signature), 'Ecdsa-Sig-Value');
  return { r: readInteger(fields.take()), s: readInteger(fields.take()) };
}

function sOf(signature: Uint8Array): bigint {
  return parts(signature).s;
}
