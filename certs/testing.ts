// Builders for tests of certificates: whole records, and proofs with real signatures of a small consortium.
// Keys and salts come from fixed seeds, so that the same arguments give the same bytes.

import { ed25519 } from '@noble/curves/ed25519.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { hexEncode, utf8Encode } from '../ledger/core/bytes.ts';
import { formatCheckpoint } from '../ledger/core/checkpoint.ts';
import { cosign } from '../ledger/core/cosignature.ts';
import { formatEntry } from '../ledger/core/entry.ts';
import { leafHash, nodeHash, sha256 } from '../ledger/core/hash.ts';
import { formatNote, type KeyType, vkeyOf } from '../ledger/core/note.ts';
import { type Signer, signNote } from '../ledger/core/signature.ts';
import { formatTlogProof, type TlogProof } from '../ledger/core/tlog-proof.ts';
import type { RecordMember, ShownRecord } from './core/record.ts';
import { header } from './core/record.ts';
import { type BuiltRecord, buildRecord, type DepositFacts, type FileFacts } from './issue/record-builder.ts';

const ORIGIN = 'ledger.probata.example';

/** Four courts and two arbitration bodies, as `probata init` names them. */
export const MEMBERS: readonly RecordMember[] = [
  member('court-1', 'court', '示例市第一中级人民法院', 'Example First Intermediate People’s Court'),
  member('court-2', 'court', '示例互联网法院', 'Example Internet Court'),
  member('court-3', 'court', '示例知识产权法院', 'Example Intellectual Property Court'),
  member('court-4', 'court', '示例金融法院', 'Example Financial Court'),
  member('arbitration-1', 'arbitration', '示例仲裁委员会', 'Example Arbitration Commission'),
  member('arbitration-2', 'arbitration', '示例国际仲裁院', 'Example Court of International Arbitration'),
];

function member(name: string, kind: RecordMember['kind'], zh: string, en: string): RecordMember {
  return { member: name, kind, keyName: `${name}.probata.example`, name: zh, nameEn: en };
}

/** 32 bytes that look random and are not. */
export function seeded(text: string): Uint8Array {
  return sha256(utf8Encode(`probata test ${text}`));
}

/** A file that no one has; its digest is made from its name. */
export function sampleFile(name: string, size = 1_234_567): FileFacts {
  const digest = hexEncode(seeded(`file ${name}`));
  return { name, size, mediaType: 'application/pdf', sha256: digest, sm3: hexEncode(seeded(`sm3 ${name}`)) };
}

/** A deposit's facts; any of them can be replaced. */
export function sampleFacts(change: Partial<DepositFacts> = {}): DepositFacts {
  return {
    id: '019aa9d2-3c51-7b4e-8f02-6d1e5a7c9b30',
    received: '2026-11-22T07:52:32.123Z',
    submitter: { name: '张某某', identified: '访问令牌，未作实名核验', relation: '无利害关系（提交人声明）' },
    capture: { how: 'upload', transport: 'TLS 1.3, TLS_AES_256_GCM_SHA384', build: 'probata 0.1.0' },
    declared: {
      source: '提交人手机（型号示例 X1）相册导出',
      generation: '2026 年 11 月 20 日由手机相机拍摄',
      storage: '拍摄后存于手机，未经编辑，经数据线导出',
      notarisation: '',
      witness: '',
      corroboration: '同日聊天记录、转账凭证（另行提交）',
    },
    platform: {
      name: '示例电子数据存证平台',
      nameEn: 'Example Evidence Deposit Platform',
      statement: '平台由示例科技有限公司运营；信息系统安全等级保护三级备案（示例）。',
      statementEn: 'Operated by Example Technology Co., Ltd.; MLPS level 3 filing (example).',
    },
    members: [...MEMBERS],
    origin: ORIGIN,
    policySha256: hexEncode(seeded('policy')),
    ...change,
  };
}

/** A record with these files. */
export function sampleRecord(files: readonly FileFacts[], change: Partial<DepositFacts> = {}): BuiltRecord {
  const salts = (count: number) => Array.from({ length: count }, (_, i) => seeded(`salt ${i}`));
  return buildRecord({ ...sampleFacts(change), files, salts });
}

/** A signer with a key from a seed. */
export function seededSigner(name: string, type: KeyType): Signer {
  const seed = seeded(`key ${name} ${type}`);
  if (type === 0x06) {
    const { publicKey, secretKey } = ml_dsa44.keygen(seed);
    const sign = async (message: Uint8Array) => ml_dsa44.sign(message, secretKey, { extraEntropy: false });
    return { key: vkeyOf(name, type, publicKey), sign };
  }
  const sign = async (message: Uint8Array) => ed25519.sign(message, seed);
  return { key: vkeyOf(name, type, ed25519.getPublicKey(seed)), sign };
}

/**
 * A proof for a record: entry 1 of a ledger of two, cosigned by every member with both of its keys, a second apart.
 * @param silent members that have not cosigned
 */
export async function sampleProof(
  { record, commitment }: { record: ShownRecord; commitment: Uint8Array },
  silent: readonly string[] = [],
): Promise<TlogProof> {
  const { id, received, members, origin } = header(record);
  const entry = formatEntry({ kind: 'deposit', v: 1, id, received, commitment: hexEncode(commitment) });
  const neighbour = leafHash(seeded('neighbour'));
  const checkpoint = { origin, size: 2, root: nodeHash(neighbour, leafHash(entry)), extensions: [] };
  const text = formatCheckpoint(checkpoint);
  const signatures = [await signNote(text, seededSigner(origin, 0x01))];
  let timeSeconds = BigInt(Math.floor(Date.parse(received) / 1000)) + 1n;
  for (const { keyName, member } of members.filter(({ member }) => !silent.includes(member))) {
    signatures.push(await cosign(checkpoint, timeSeconds, seededSigner(keyName, 0x04)));
    const later = member === 'court-2' ? 2n : 0n;
    signatures.push(await cosign(checkpoint, timeSeconds + later, seededSigner(keyName, 0x06)));
    timeSeconds += 1n;
  }
  return { extra: entry, index: 1, proof: [neighbour], checkpoint: formatNote({ text, signatures }) };
}

/** Bytes of a proof, as they travel. */
export function proofBytes(proof: TlogProof): Uint8Array {
  return utf8Encode(formatTlogProof(proof));
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
