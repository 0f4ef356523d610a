// Real certificates for tests: a consortium in one process, with real keys, a real tree, real cosignatures, a real timestamp
// authority, and the real renderer and signer. Nothing is mocked; only the network, the disks and the clock are missing.
// Log, courts and mirrors have keys derived from the consortium's name; X.509 keys are new on every call.

import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { attachmentChecksum } from '../certs/core/checksum.ts';
import type { AttachmentName } from '../certs/core/pdf-read.ts';
import type { FilePart, RecordMember, ShownRecord } from '../certs/core/record.ts';
import { files as filesOf, formatRecord, header } from '../certs/core/record.ts';
import { buildCommitment } from '../certs/issue/bundle-tree.ts';
import { type BuiltRecord, buildRecord, showFiles } from '../certs/issue/record-builder.ts';
import { signPdf } from '../certs/issue/sign.ts';
import { makePki, makeTsa, type TestPki, tokenOver, VALIDITY } from '../certs/issue/testing.ts';
import { nodeFonts } from '../certs/render/fonts-node.ts';
import { type RenderedPdf, renderCertificate } from '../certs/render/render.ts';
import { concat, hexEncode, utf8Encode } from '../ledger/core/bytes.ts';
import { type Checkpoint, formatCheckpoint } from '../ledger/core/checkpoint.ts';
import { cosign } from '../ledger/core/cosignature.ts';
import { type DepositEntry, formatEntry } from '../ledger/core/entry.ts';
import { leafHash, sha256, treeRoot } from '../ledger/core/hash.ts';
import { formatNote, formatVkey, type KeyType, type NoteSignature, vkeyOf } from '../ledger/core/note.ts';
import { inclusionSubtrees } from '../ledger/core/proof.ts';
import { type Signer, signNote } from '../ledger/core/signature.ts';
import { formatTlogProof, type TlogProof } from '../ledger/core/tlog-proof.ts';
import type { Evidence } from './core/check-evidence.ts';
import type { Rerender } from './core/check-pdf.ts';
import type { TrustMember } from './core/statement.ts';
import type { TrustBundle } from './core/trust.ts';
import type { VerifyInput } from './core/verify.ts';

/** When the tests' deposits were received, ms; everything else follows within seconds. */
export const RECEIVED_MS = Date.parse('2026-05-03T09:42:09.123Z');
/** The verifier's clock in tests, ms. */
export const NOW_MS = RECEIVED_MS + 60 * 60 * 1000;
/** When the platform signs, to the second. */
const SIGNED_AT = '2026-05-03T09:42:20Z';
const CONTENTS_BYTES = 8_192;
const DEPOSIT_ID = '019690f1-c123-7abc-8def-0123456789ab';

export interface TestFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What may differ from an ordinary deposit. */
export interface DepositOptions {
  readonly id?: string;
  readonly files?: readonly TestFile[];
  /** Numbers of the files the record shows; all when absent. */
  readonly show?: readonly number[];
  /** Witness names that cosign; all when absent. */
  readonly cosigners?: (witness: string) => boolean;
  /** Cosignature time, seconds. */
  readonly time?: (witness: string) => bigint;
  /** The timestamp authority's clock, ms. */
  readonly stampMs?: number;
  /** More signature lines for the checkpoint, in front of the cosignatures. */
  readonly lines?: (checkpoint: Checkpoint) => Promise<NoteSignature[]>;
  /** What the entry says otherwise than the record, and the log that the record names otherwise than the checkpoint. */
  readonly entry?: Partial<DepositEntry>;
  readonly origin?: string;
  /** The renderer that the record names, when it is not the one at hand. */
  readonly renderer?: string;
  /** Place in the tree and size of the tree. */
  readonly index?: number;
  readonly treeSize?: number;
}

/** A certificate with everything it was made from. */
export interface TestCertificate {
  readonly pdf: Uint8Array;
  readonly record: ShownRecord;
  readonly recordBytes: Uint8Array;
  readonly proof: TlogProof;
  readonly proofBytes: Uint8Array;
  readonly files: readonly TestFile[];
  readonly evidence: readonly Evidence[];
}

export interface TestConsortium {
  readonly trust: TrustBundle;
  readonly trustBytes: Uint8Array;
  readonly witnesses: ReadonlyMap<string, Signer>;
  readonly pki: TestPki;
  /** What it is made of, to make another of, such as the same one after a change of keys. */
  readonly parts: Parts;
  certify(options?: DepositOptions): Promise<TestCertificate>;
  /** The proof of any entry, as of a deposit. */
  prove(entry: Uint8Array, options?: DepositOptions): Promise<TlogProof>;
  /**
   * What a lying platform can issue: really signed and stamped, drawn from `certificate`, but with another attached file.
   * @param bytes as many as the file they replace
   */
  splice(certificate: TestCertificate, name: AttachmentName, bytes: Uint8Array): Promise<Uint8Array>;
  /** The same with any text of the file replaced by another of equal length. */
  edit(certificate: TestCertificate, text: string, by: string): Promise<Uint8Array>;
}

export const FILES: readonly TestFile[] = [
  { name: '聊天记录.txt', bytes: utf8Encode('甲：货已发。乙：收到。\n') },
  { name: 'invoice.pdf', bytes: utf8Encode('%PDF-1.4 not really') },
];

const drawn = new Map<string, Promise<Uint8Array>>();

/** Draws with the real renderer, each source once: thousands of variants of one certificate have one source. */
export const rerender: Rerender = (source) => {
  const digests = [source.record, source.proof].map((bytes) => hexEncode(sha256(bytes)));
  const key = [...digests, source.signedAt, source.contentsBytes, source.renderer].join();
  const bytes = drawn.get(key) ?? renderCertificate(source, nodeFonts()).then((rendered) => rendered.bytes);
  drawn.set(key, bytes);
  return bytes;
};

/** What `verify` is given for a certificate and its files. */
export function inputFor(consortium: TestConsortium, certificate: TestCertificate): VerifyInput {
  return {
    certificate: certificate.pdf,
    trust: consortium.trustBytes,
    evidence: certificate.evidence,
    certificateOnly: false,
    nowMs: NOW_MS,
    rerender,
  };
}

/** As the command line hashes a file. */
export function evidenceOf({ name, bytes }: TestFile): Evidence {
  const digest = (algorithm: string): string => createHash(algorithm).update(bytes).digest('hex');
  return { name, size: bytes.length, sha256: digest('sha256'), sm3: digest('sm3') };
}

/** Four courts of which three are needed, two arbitration bodies of which one is: each with both kinds of key. */
export const DEMO = { courts: 4, needed: 3, bodies: 2 };
/** The same with the fewest keys that have all parts: for tests that verify thousands of times. */
export const SMALL = { courts: 1, needed: 1, bodies: 1 };

/** The keys and bodies of a consortium. */
export interface Parts {
  readonly log: Signer;
  readonly receipt: Signer;
  readonly members: readonly TrustMember[];
  /** By name in the policy. */
  readonly witnesses: ReadonlyMap<string, Signer>;
  /** How many courts the policy needs. */
  readonly needed: number;
  /** Signs PDFs. */
  readonly pki: TestPki;
  /** Stamps them. */
  readonly stamps: TestPki;
}

/** A consortium with a log, courts and arbitration bodies, a platform and a timestamp authority. */
export async function createConsortium(name = 'test', size = DEMO): Promise<TestConsortium> {
  const origin = `ledger.${name}.example`;
  const members = membersOf(size);
  const witnesses = new Map(members.flatMap(({ member }) => witnessKeys(member, `${member}.${name}.example`, name)));
  const pki = await makePki();
  return consortiumOf({
    log: signer(origin, 0x01, name),
    receipt: signer(`${origin}/receipt`, 0x01, name),
    ...{ members, witnesses, needed: size.needed, pki, stamps: pki },
  });
}

/** The two keys of a member. */
export function witnessKeys(member: string, keyName: string, seed: string): [witness: string, key: Signer][] {
  return [
    [`${member}.ed25519`, signer(keyName, 0x04, seed)],
    [`${member}.ml-dsa-44`, signer(keyName, 0x06, seed)],
  ];
}

/** The consortium of these parts. */
export function consortiumOf(parts: Parts): TestConsortium {
  const { log, receipt, members, witnesses, needed, pki, stamps } = parts;
  const origin = log.key.name;
  const trust: TrustBundle = {
    policy: policyText(log, members, witnesses, needed),
    pdfRoots: [pki.root.certificate],
    timestampRoots: [stamps.root.certificate],
    notBefore: new Date(VALIDITY.notBeforeMs).toISOString(),
    notAfter: new Date(VALIDITY.notAfterMs).toISOString(),
    members: [...members],
    receiptKeys: [formatVkey(receipt.key)],
  };

  const sign = (rendered: RenderedPdf, stampMs = Date.parse(SIGNED_AT)): Promise<Uint8Array> =>
    signPdf(rendered, {
      sign: pki.sign,
      path: pki.path,
      timestamp: (signature) => tokenOver(makeTsa(stamps, stampMs), signature),
    });

  const certify = async (options: DepositOptions = {}): Promise<TestCertificate> => {
    const { files = FILES } = options;
    const own = buildRecord({
      ...depositFacts(options.origin ?? origin, trust, witnesses),
      id: options.id ?? DEPOSIT_ID,
      files: files.map(fileFacts),
      salts: (count) => Array.from({ length: count }, (_, part) => sha256(utf8Encode(`${origin} salt ${part}`))),
    });
    const built = options.renderer === undefined ? own : ofRenderer(own.record, options.renderer);
    const record = options.show === undefined ? built.record : showFiles(built.record, options.show);
    const entry = formatEntry({
      kind: 'deposit',
      v: 1,
      id: options.id ?? DEPOSIT_ID,
      received: new Date(RECEIVED_MS).toISOString(),
      commitment: hexEncode(built.commitment),
      ...options.entry,
    });
    const proof = await prove(entry, parts, options);
    const [recordBytes, proofBytes] = [formatRecord(record), utf8Encode(formatTlogProof(proof))];
    const pdf = await sign(await draw({ recordBytes, proofBytes }), options.stampMs);
    return { pdf, record, recordBytes, proof, proofBytes, files, evidence: files.map(evidenceOf) };
  };

  const signEdited = async (certificate: TestCertificate, edits: readonly Edit[]): Promise<Uint8Array> => {
    const drawn = await draw(certificate);
    return sign({ ...drawn, bytes: edits.reduce(replaceOnce, drawn.bytes) });
  };
  return {
    trust,
    trustBytes: utf8Encode(JSON.stringify(trust)),
    witnesses,
    pki,
    parts,
    certify,
    prove: (entry, options = {}) => prove(entry, parts, options),
    splice: (certificate, name, bytes) => {
      const old = name === 'record.json' ? certificate.recordBytes : certificate.proofBytes;
      const checksum = (file: Uint8Array): Uint8Array => utf8Encode(hexEncode(attachmentChecksum(file)));
      return signEdited(certificate, [
        { old, by: bytes },
        { old: checksum(old), by: checksum(bytes) },
      ]);
    },
    edit: (certificate, text, by) => signEdited(certificate, [{ old: utf8Encode(text), by: utf8Encode(by) }]),
  };
}

/** The same record from the time of another renderer. */
function ofRenderer(record: ShownRecord, renderer: string): Pick<BuiltRecord, 'record' | 'commitment'> {
  const parts = [{ ...header(record), renderer }, ...filesOf(record)];
  const shown = parts.map((content, part) => ({ part, content }));
  return { record: { ...record, shown }, commitment: buildCommitment(parts).commitment };
}

interface Edit {
  readonly old: Uint8Array;
  readonly by: Uint8Array;
}

function replaceOnce(bytes: Uint8Array, { old, by }: Edit): Uint8Array {
  const at = Buffer.from(bytes).indexOf(old);
  if (at < 0 || old.length !== by.length)
    throw new Error('invariant: an edit replaces bytes that are there by as many');
  return concat(bytes.subarray(0, at), by, bytes.subarray(at + old.length));
}

function draw({ recordBytes, proofBytes }: Pick<TestCertificate, 'recordBytes' | 'proofBytes'>): Promise<RenderedPdf> {
  const source = { record: recordBytes, proof: proofBytes, signedAt: SIGNED_AT, contentsBytes: CONTENTS_BYTES };
  return renderCertificate(source, nodeFonts());
}

// ---- ledger ----------------------------------------------------------------------------------------------------------

/** A signing key derived from its name, type and consortium: the same on every run. */
export function signer(keyName: string, type: KeyType, seed: string): Signer {
  const secret = sha256(utf8Encode(`${seed} ${keyName} ${type}`));
  if (type === 0x06) {
    const keys = ml_dsa44.keygen(secret);
    const sign = async (message: Uint8Array): Promise<Uint8Array> => ml_dsa44.sign(message, keys.secretKey);
    return { key: vkeyOf(keyName, type, keys.publicKey), sign };
  }
  const key = vkeyOf(keyName, type, ed25519.getPublicKey(secret));
  return { key, sign: async (message) => ed25519.sign(message, secret) };
}

function membersOf({ courts, bodies }: typeof DEMO): TrustMember[] {
  const numbered = (count: number, of: (n: number) => TrustMember): TrustMember[] =>
    Array.from({ length: count }, (_, i) => of(i + 1));
  return [
    ...numbered(courts, (n) => ({
      member: `court-${n}`,
      kind: 'court',
      name: `测试第${n}法院`,
      nameEn: `Test Court ${n}`,
    })),
    ...numbered(bodies, (n) => ({
      member: `arbitration-${n}`,
      kind: 'arbitration',
      name: `测试仲裁委员会 ${n}`,
      nameEn: `Test Arbitration Commission ${n}`,
    })),
  ];
}

function policyText(
  log: Signer,
  members: readonly TrustMember[],
  witnesses: ReadonlyMap<string, Signer>,
  needed: number,
): string {
  const names = (kind: string): string => members.flatMap((m) => (m.kind === kind ? [m.member] : [])).join(' ');
  return [
    `log ${formatVkey(log.key)}`,
    ...[...witnesses].map(([name, { key }]) => `witness ${name} ${formatVkey(key)}`),
    ...members.map(({ member }) => `group ${member} all ${member}.ed25519 ${member}.ml-dsa-44`),
    `group courts ${needed} ${names('court')}`,
    `group arbitration any ${names('arbitration')}`,
    'group consortium all courts arbitration',
    'quorum consortium',
    '',
  ].join('\n');
}

async function prove(
  entry: Uint8Array,
  { log, witnesses }: Parts,
  { index = 3, treeSize = 7, cosigners = () => true, time = defaultTime, lines }: DepositOptions,
): Promise<TlogProof> {
  const leaves = Array.from({ length: treeSize }, (_, i) => leafHash(utf8Encode(`somebody's entry ${i}`)));
  leaves[index] = leafHash(entry);
  const checkpoint: Checkpoint = { origin: log.key.name, size: treeSize, root: treeRoot(leaves), extensions: [] };
  const signatures = [await signNote(formatCheckpoint(checkpoint), log), ...((await lines?.(checkpoint)) ?? [])];
  for (const [name, witness] of witnesses) {
    if (cosigners(name)) signatures.push(await cosign(checkpoint, time(name), witness));
  }
  return {
    extra: entry,
    index,
    proof: inclusionSubtrees(index, treeSize).map(({ lo, hi }) => treeRoot(leaves.slice(lo, hi))),
    checkpoint: formatNote({ text: formatCheckpoint(checkpoint), signatures }),
  };
}

/** court-1 a second after receipt, court-2 two seconds, …; the arbitration bodies likewise. */
function defaultTime(witness: string): bigint {
  return BigInt(Math.floor(RECEIVED_MS / 1000)) + BigInt(witness.replace(/\D*(\d).*/, '$1'));
}

// ---- record ----------------------------------------------------------------------------------------------------------

function depositFacts(origin: string, trust: TrustBundle, witnesses: ReadonlyMap<string, Signer>) {
  const members = trust.members.map(
    (member): RecordMember => ({ ...member, keyName: witnesses.get(`${member.member}.ed25519`)?.key.name ?? '' }),
  );
  return {
    received: new Date(RECEIVED_MS).toISOString(),
    submitter: { name: '张三', identified: '平台账号', relation: '' },
    capture: { how: 'upload' as const, transport: 'TLS 1.3', build: 'probata 0.1.0' },
    declared: {
      source: '本人手机',
      generation: '',
      storage: '手机内存',
      notarisation: '',
      witness: '',
      corroboration: '',
    },
    platform: { name: '测试存证平台', nameEn: 'Test Platform', statement: '', statementEn: '' },
    members,
    origin,
    policySha256: hexEncode(sha256(utf8Encode(trust.policy))),
  };
}

function fileFacts(file: TestFile): Omit<FilePart, 'v' | 'salt' | 'index'> {
  return { mediaType: 'application/octet-stream', ...evidenceOf(file) };
}
