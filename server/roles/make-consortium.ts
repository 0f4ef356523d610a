/**
 * The keys, configuration and trust bundle of a new consortium, and a demonstration litigant's token, written into an empty folder.
 * Private keys stay with their member; the roots' keys sign what is needed here and are not kept. Not here: when to make one (init.ts).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createRoot,
  type Issued,
  issueDocumentSigner,
  issueIntermediate,
  issueTsa,
  type Subject,
  type Validity,
} from '../../certs/issue/ca.ts';
import { formatVkey, type KeyType, type VerifierKey } from '../../ledger/core/note.ts';
import type { TrustBundle } from '../../verifier/core/trust.ts';
import { createToken, TOKENS_FILE } from '../auth.ts';
import {
  CONFIG_FILE,
  type CourtConfig,
  formatConfig,
  KEY_FILES,
  type MemberConfig,
  type MirrorConfig,
  type PeerConfig,
  type PlatformConfig,
  TRUST_FILE,
} from '../config.ts';
import { generateKey, newSeal, type Seal, signerOf, writeKeyFile } from '../keys.ts';
import { type InitOptions, TOKEN_FILE } from './init.ts';
import { LOOPBACK, monitoringUrl, PLATFORM, roleOf, serviceUrl, timestampUrl } from './layout.ts';
import { DEMO_PARTY, DEMO_PLATFORM, displayName } from './names.ts';
import { courtsNeeded, policyText } from './policy-text.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365.25 * 24 * HOUR_MS;
const ROOT_YEARS = 30;
const SIGNER_YEARS = 10;

interface Member {
  readonly config: MemberConfig;
  readonly port: number;
  readonly ed25519: VerifierKey;
  readonly mlDsa44: VerifierKey;
  readonly seal: Seal | undefined;
}

/** Writes everything into the folder, which the caller then puts into use. */
export async function makeConsortium(stage: string, options: InitOptions): Promise<void> {
  const origin = `ledger.${options.name}.example`;
  const members = [
    ...Array.from({ length: options.courts }, (_, i) =>
      makeMember(stage, options, 'court', i + 1, options.port + 1 + i),
    ),
    ...Array.from({ length: options.mirrors }, (_, i) =>
      makeMember(stage, options, 'arbitration', i + 1, options.port + 1 + options.courts + i),
    ),
  ];
  mkdirSync(join(stage, PLATFORM, 'keys'), { recursive: true });
  const seal = newSeal(options.passphrase);
  const logKey = makeKey(join(stage, PLATFORM, KEY_FILES.log), origin, 0x01, seal);
  const receiptKey = makeKey(join(stage, PLATFORM, KEY_FILES.receipt), `${origin}/receipt`, 0x01, seal);
  const policy = policyText(
    { key: logKey, url: `http://${LOOPBACK}:${options.port}/ledger` },
    members.map(({ config, ed25519, mlDsa44 }) => ({ ...config, ed25519, mlDsa44 })),
    { court: courtsNeeded(options.courts), arbitration: 1 },
  );
  const pdfRoot = await makePdfKeys(join(stage, PLATFORM), options, seal);
  const timestampRoots: string[] = [];
  for (const member of members) {
    const { kind } = member.config;
    writeMember(stage, options, members, member, logKey);
    if (kind === 'court')
      timestampRoots.push(
        await makeTsaKeys(join(stage, member.config.member), member.config, options.nowMs, member.seal),
      );
  }
  const trust = formatTrust({
    policy,
    pdfRoots: [pdfRoot],
    timestampRoots,
    ...trustDates(options.nowMs),
    members: members.map(({ config: { member, kind, name, nameEn } }) => ({ member, kind, name, nameEn })),
    receiptKeys: [formatVkey(receiptKey)],
  });
  writePlatform(stage, options, members, trust);
  const token = createToken(join(stage, PLATFORM, TOKENS_FILE), DEMO_PARTY, null);
  writeFileSync(join(stage, TOKEN_FILE), `${token}\n`, { mode: 0o600 });
  writeFileSync(join(stage, TRUST_FILE), trust, { mode: 0o644 });
}

/** A member's folder and the two keys of its cosignatures. */
function makeMember(
  stage: string,
  options: InitOptions,
  kind: MemberConfig['kind'],
  number: number,
  port: number,
): Member {
  const member = `${kind}-${number}`;
  const keyName = `${member}.${options.name}.example`;
  const dir = join(stage, member);
  mkdirSync(join(dir, 'keys'), { recursive: true });
  const seal = newSeal(options.passphrase);
  return {
    config: { member, kind, keyName, ...displayName(kind, number), url: serviceUrl(kind, port) },
    port,
    ed25519: makeKey(join(dir, KEY_FILES.ed25519), keyName, 0x04, seal),
    mlDsa44: makeKey(join(dir, KEY_FILES.mlDsa44), keyName, 0x06, seal),
    seal,
  };
}

/** A new key in its file. @param seal how to encrypt it; without it, it is written in the clear */
export function makeKey(path: string, name: string, type: KeyType, seal: Seal | undefined): VerifierKey {
  const pem = generateKey(type);
  writeKeyFile(path, pem, seal);
  return signerOf(pem, name, type).key;
}

/** Root, intermediate and signer of the certificates of deposit. @param dir the platform's folder @returns the root's PEM */
export async function makePdfKeys(
  dir: string,
  { name, nowMs }: Pick<InitOptions, 'name' | 'nowMs'>,
  seal: Seal | undefined,
): Promise<string> {
  const subject = (commonName: string): Subject => ({
    country: 'CN',
    organization: `Demonstration Consortium ${name}`,
    commonName,
  });
  const root = await createRoot(subject('Certificate Root'), years(nowMs, ROOT_YEARS));
  const intermediate = await issueIntermediate(root, subject('Certificate Issuer'), years(nowMs, ROOT_YEARS));
  const signerSubject = { country: 'CN', organization: DEMO_PLATFORM.nameEn, commonName: DEMO_PLATFORM.name };
  const signer = await issueDocumentSigner(intermediate, signerSubject, years(nowMs, SIGNER_YEARS));
  writeIssued(dir, KEY_FILES.pdf, KEY_FILES.pdfChain, [signer, intermediate], seal);
  return root.certificate;
}

/** Root and timestamp authority of one court. @param dir the court's folder @returns the root's PEM */
export async function makeTsaKeys(
  dir: string,
  names: Pick<MemberConfig, 'name' | 'nameEn'>,
  nowMs: number,
  seal: Seal | undefined,
): Promise<string> {
  const subject = (commonName: string): Subject => ({ country: 'CN', organization: names.nameEn, commonName });
  const root = await createRoot(subject(`${names.name} 时间戳根`), years(nowMs, ROOT_YEARS));
  const tsa = await issueTsa(root, subject(`${names.name} 时间戳`), years(nowMs, SIGNER_YEARS));
  writeIssued(dir, KEY_FILES.tsa, KEY_FILES.tsaChain, [tsa], seal);
  return root.certificate;
}

function writeIssued(
  dir: string,
  keyFile: string,
  chainFile: string,
  chain: readonly [Issued, ...Issued[]],
  seal: Seal | undefined,
): void {
  writeKeyFile(join(dir, keyFile), chain[0].key, seal);
  writeFileSync(join(dir, chainFile), chain.map(({ certificate }) => certificate).join(''), { flush: true });
}

/** Everyone whose checkpoints a member watches: the platform and the other members. */
function peersOf(options: InitOptions, members: readonly Member[], watching: Member, origin: string): PeerConfig[] {
  const others = members.filter((member) => member !== watching);
  return [
    { name: PLATFORM, url: monitoringUrl('platform', options.port, origin), vkeys: [] },
    ...others.map(({ config: { member, kind }, port, ed25519, mlDsa44 }) => ({
      name: member,
      url: monitoringUrl(roleOf(kind), port, origin),
      vkeys: [formatVkey(ed25519), formatVkey(mlDsa44)],
    })),
  ];
}

function writeMember(
  stage: string,
  options: InitOptions,
  members: readonly Member[],
  own: Member,
  logKey: VerifierKey,
): void {
  const { config, port, ed25519, mlDsa44 } = own;
  const origin = logKey.name;
  const { member, kind, keyName, name, nameEn } = config;
  const written: CourtConfig | MirrorConfig = {
    v: 1,
    role: roleOf(kind),
    name: member,
    listen: { host: LOOPBACK, port },
    keyName,
    displayName: name,
    displayNameEn: nameEn,
    logs: [{ origin, vkeys: [formatVkey(logKey)] }],
    peers: peersOf(options, members, own, origin),
    vkeys: [formatVkey(ed25519), formatVkey(mlDsa44)],
  };
  writeFileSync(join(stage, member, CONFIG_FILE), formatConfig(written));
}

function writePlatform(stage: string, options: InitOptions, members: readonly Member[], trust: string): void {
  const config: PlatformConfig = {
    v: 1,
    role: 'platform',
    name: PLATFORM,
    listen: { host: LOOPBACK, port: options.port },
    consortium: options.name,
    platform: DEMO_PLATFORM,
    members: members.map((member) => member.config),
    timestampUrls: members.filter((member) => member.config.kind === 'court').map(({ port }) => timestampUrl(port)),
  };
  writeFileSync(join(stage, PLATFORM, CONFIG_FILE), formatConfig(config));
  writeFileSync(join(stage, PLATFORM, TRUST_FILE), trust);
}

/** Between which dates a trust bundle holds whose signers' certificates are made now. */
export function trustDates(nowMs: number): Pick<TrustBundle, 'notBefore' | 'notAfter'> {
  const { notBeforeMs, notAfterMs } = years(nowMs, SIGNER_YEARS);
  return { notBefore: utcSeconds(notBeforeMs), notAfter: utcSeconds(notAfterMs) };
}

export function formatTrust(bundle: TrustBundle): string {
  return `${JSON.stringify(bundle, undefined, 2)}\n`;
}

function years(nowMs: number, count: number): Validity {
  // An hour early: the first timestamp must not fall before its certificate because two clocks differ a little.
  return { notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs + count * YEAR_MS };
}

function utcSeconds(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
