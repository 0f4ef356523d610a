/**
 * The names and statements of a demonstration consortium. They are demonstrations by name: never those of a real court,
 * arbitration body or platform, because they are printed on certificates.
 */
import type { MemberConfig, PlatformConfig } from '../config.ts';

const NUMERALS = '一二三四五六七八九十';
/** Names go to this number. */
export const MEMBERS_MAX = NUMERALS.length;

/** Chinese and English name of the n-th body of a kind, counted from 1. */
export function displayName(kind: MemberConfig['kind'], number: number): { name: string; nameEn: string } {
  const numeral = NUMERALS.charAt(number - 1);
  return kind === 'court'
    ? { name: `示范互联网法院${numeral}`, nameEn: `Demonstration Internet Court ${number}` }
    : { name: `示范仲裁委员会${numeral}`, nameEn: `Demonstration Arbitration Commission ${number}` };
}

/** Who the platform is and what it states under Online Litigation Rules Art. 17. */
export const DEMO_PLATFORM: PlatformConfig['platform'] = {
  name: '示范电子证据存证平台',
  nameEn: 'Demonstration Evidence Platform',
  statement:
    '本平台为演示系统，不具备任何行政许可或资质。平台接收文件时计算摘要，落盘后出具回执；存证承诺写入只增账本，' +
    '由示范法院和示范仲裁委员会各自独立核对并共同签名。平台与提交人的关系见“与平台的关系”一项。',
  statementEn:
    'This platform is a demonstration and holds no licence or qualification. It digests files while it receives them and gives a receipt ' +
    'once they are on disk; a commitment goes on an append-only ledger, which demonstration courts and arbitration commissions check and ' +
    'cosign independently.',
};

/** The litigant of the demonstration token. */
export const DEMO_PARTY = {
  party: 'demo',
  name: '示范当事人 Demonstration Litigant',
  identified: '演示令牌，未核验身份 (demonstration token, identity not checked)',
  relation: '无 (none)',
};
