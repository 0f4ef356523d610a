// The certification authority of a consortium: roots, intermediates, and the two kinds of signer, all on P-256.
// RFC 5280 profiles; documentSigning by RFC 9336 with emailProtection beside it, because NSS-based viewers know only the latter;
// timeStamping critical and alone by RFC 3161 section 2.3.
// Keys come out as PKCS#8 PEM and are stored by the caller. Not here: revocation, checking (certs/core/x509-path.ts).

import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { base64Encode, hexEncode } from '../../ledger/core/bytes.ts';
import { OID } from '../core/oids.ts';

x509.cryptoProvider.set(webcrypto);

/** A certificate with its private key. */
export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** PKCS#8 PEM. */
  readonly key: string;
}

/** Who a certificate is about. Any Unicode text; written as UTF8String. */
export interface Subject {
  /** ISO 3166 two-letter code. */
  readonly country: string;
  readonly organization: string;
  readonly commonName: string;
}

/** From when until when, inclusive, ms since epoch; cut to whole seconds. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
const CA_USAGES = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
const SIGNER_USAGES = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.nonRepudiation;

/** A self-signed root that may have one level of intermediates below it. Pinned by verifiers. */
export function createRoot(subject: Subject, validity: Validity): Promise<Issued> {
  return issue(undefined, subject, validity, caExtensions(1));
}

/** A CA under a root, for signers only. */
export function issueIntermediate(issuer: Issued, subject: Subject, validity: Validity): Promise<Issued> {
  return issue(issuer, subject, validity, caExtensions(0));
}

/** The platform's key for certificates of deposit. */
export function issueDocumentSigner(issuer: Issued, subject: Subject, validity: Validity): Promise<Issued> {
  return issue(issuer, subject, validity, [
    new x509.KeyUsagesExtension(SIGNER_USAGES, true),
    new x509.ExtendedKeyUsageExtension([OID.documentSigning, OID.emailProtection]),
  ]);
}

/** A court's key for RFC 3161 timestamps. */
export function issueTsa(issuer: Issued, subject: Subject, validity: Validity): Promise<Issued> {
  return issue(issuer, subject, validity, [
    new x509.KeyUsagesExtension(SIGNER_USAGES, true),
    new x509.ExtendedKeyUsageExtension([OID.timeStamping], true),
  ]);
}

/**
 * Issues a certificate of any profile over a new key.
 * @param issuer undefined for a self-signed certificate
 * @param extensions besides the key identifiers, which are always there
 */
export async function issue(
  issuer: Issued | undefined,
  subject: Subject,
  validity: Validity,
  extensions: readonly x509.Extension[],
): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const parent = issuer === undefined ? undefined : new x509.X509Certificate(issuer.certificate);
  const name = nameOf(subject);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: name,
    issuer: parent?.subjectName ?? name,
    notBefore: wholeSeconds(validity.notBeforeMs),
    notAfter: wholeSeconds(validity.notAfterMs),
    publicKey: keys.publicKey,
    signingKey: issuer === undefined ? keys.privateKey : await importKey(issuer.key),
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(parent?.publicKey ?? keys.publicKey),
    ],
  });
  const pkcs8 = new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { certificate: pem('CERTIFICATE', new Uint8Array(certificate.rawData)), key: pem('PRIVATE KEY', pkcs8) };
}

function caExtensions(pathLength: number): x509.Extension[] {
  return [new x509.BasicConstraintsExtension(true, pathLength, true), new x509.KeyUsagesExtension(CA_USAGES, true)];
}

/** Values as typed strings: a plain string that starts with '#' would be read as DER. */
function nameOf({ country, organization, commonName }: Subject): x509.Name {
  return new x509.Name([
    { C: [{ printableString: country }] },
    { O: [{ utf8String: organization }] },
    { CN: [{ utf8String: commonName }] },
  ]);
}

/** 16 random bytes, positive and without leading zeros (RFC 5280 4.1.2.2). */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return hexEncode(bytes);
}

function wholeSeconds(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1_000) * 1_000);
}

function importKey(pkcs8Pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pkcs8Pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, P256, false, ['sign']);
}

function pem(label: string, der: Uint8Array): string {
  const lines = base64Encode(der).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
