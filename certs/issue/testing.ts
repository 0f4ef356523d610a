// A consortium's PKI for tests: real P-256 keys, real certificates, a fixed clock. Only tests import this file.

import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { certificateFromPem, type X509 } from '../core/x509.ts';
import {
  createRoot,
  type Issued,
  issueDocumentSigner,
  issueIntermediate,
  issueTsa,
  type Subject,
  type Validity,
} from './ca.ts';
import type { PdfSigner } from './sign.ts';
import { type SignBytes, signingKey } from './sign-cms.ts';
import { Tsa } from './tsa.ts';
import { formatTimestampRequest, openTimestampResponse } from './tsa-client.ts';

/** The time all tests live at: 2026-11-22T03:04:05.678Z. */
export const NOW_MS = Date.UTC(2026, 10, 22, 3, 4, 5, 678);
export const VALIDITY = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2036, 0, 1) };

export interface TestPki {
  readonly root: Issued;
  readonly intermediate: Issued;
  readonly signer: Issued;
  readonly tsa: Issued;
  /** Pinned root of both. */
  readonly roots: readonly X509[];
  /** Signer and intermediate. */
  readonly path: readonly X509[];
  readonly tsaPath: readonly X509[];
  readonly sign: SignBytes;
  readonly tsaSign: SignBytes;
}

export function subject(commonName: string): Subject {
  return { country: 'CN', organization: '示范存证联盟', commonName };
}

/** A PKI of its own: same names every time, other keys. */
export async function makePki(): Promise<TestPki> {
  const root = await createRoot(subject('根证书 Root'), VALIDITY);
  const intermediate = await issueIntermediate(root, subject('中间证书 Intermediate'), VALIDITY);
  const signer = await issueDocumentSigner(intermediate, subject('存证平台 Platform'), VALIDITY);
  const tsa = await issueTsa(intermediate, subject('第一法院 Court 1'), VALIDITY);
  return {
    root,
    intermediate,
    signer,
    tsa,
    roots: certificates(root),
    path: certificates(signer, intermediate),
    tsaPath: certificates(tsa, intermediate),
    sign: signingKey(signer.key),
    tsaSign: signingKey(tsa.key),
  };
}

/** A root over the name and key of another. @param extensions those of the other, when absent */
export async function renewRoot(root: Issued, validity: Validity, extensions?: x509.Extension[]): Promise<Issued> {
  const old = new x509.X509Certificate(root.certificate);
  const pkcs8 = Buffer.from(root.key.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  const curve = { name: 'ECDSA', namedCurve: 'P-256' };
  const renewed = await x509.X509CertificateGenerator.createSelfSigned({
    name: old.subjectName,
    notBefore: new Date(validity.notBeforeMs),
    notAfter: new Date(validity.notAfterMs),
    keys: {
      privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, curve, false, ['sign']),
      publicKey: await old.publicKey.export(curve, ['verify']),
    },
    extensions: extensions ?? [...old.extensions],
  });
  return { certificate: `${renewed.toString('pem')}\n`, key: root.key };
}

export function certificates(...issued: readonly Issued[]): X509[] {
  return issued.map(({ certificate }) => certificateFromPem(certificate));
}

/** A court's timestamp authority at a fixed time. */
export function makeTsa(pki: Pick<TestPki, 'tsaSign' | 'tsaPath'>, timeMs = NOW_MS): Tsa {
  let last = 0n;
  const serial = async (): Promise<bigint> => {
    last += 1n;
    return last;
  };
  return new Tsa({ sign: pki.tsaSign, path: pki.tsaPath, clock: () => timeMs, serial });
}

/** A token over a message. */
export async function tokenOver(tsa: Tsa, message: Uint8Array): Promise<Uint8Array> {
  return tokenFor(tsa, sha256(message));
}

/** A token for a digest already made. */
export async function tokenFor(tsa: Tsa, imprint: Uint8Array): Promise<Uint8Array> {
  const nonce = 0x0102030405060708n;
  return openTimestampResponse(await tsa.respond(formatTimestampRequest(imprint, nonce)), imprint, nonce);
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

/** The platform as a signer whose timestamps come from this authority. */
export function signerOf(pki: TestPki, tsa = makeTsa(pki)): PdfSigner {
  return { sign: pki.sign, path: pki.path, timestamp: (signature) => tokenOver(tsa, signature) };
}

/** The code a call throws, or undefined when it throws nothing. Anything but a coded error goes through. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
    throw error;
  }
}
