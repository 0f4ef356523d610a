// The words of the report, zh-CN and English: every verdict, check, status and code. The compiler demands each of them.
// Two words are never used of evidence in any language: that it is true, and that it is original. A test looks for them.
// Sentences with numbers and names in them are in explain.ts.

import type { Code } from './errors.ts';
import type { CheckId, CheckStatus, Outcome } from './report.ts';

export type Lang = 'zh' | 'en';
/** One meaning in both languages. */
export type Text = Readonly<Record<Lang, string>>;

export const OUTCOMES: Readonly<Record<Outcome, Text>> = {
  consistent: { zh: '一致', en: 'consistent' },
  inconsistent: { zh: '不一致', en: 'inconsistent' },
  unverifiable: { zh: '无法核验', en: 'cannot be verified' },
};

export const STATUSES: Readonly<Record<CheckStatus, Text>> = {
  passed: { zh: '通过', en: 'passed' },
  failed: { zh: '不符', en: 'failed' },
  unknown: { zh: '存疑', en: 'unknown' },
  'not-run': { zh: '未检', en: 'not run' },
};

export const CHECKS: Readonly<Record<CheckId, Text>> = {
  trust: { zh: '信任文件可读', en: 'trust bundle is readable' },
  'pdf-structure': { zh: 'PDF 结构：单一版本，无隐藏内容', en: 'PDF structure: one revision, nothing hidden' },
  'pdf-signature': { zh: 'PDF 签名', en: 'PDF signature' },
  'pdf-chain': { zh: 'PDF 签名证书的来源', en: 'signer’s certificate leads to a trusted root' },
  record: { zh: '存证记录可读', en: 'record is readable' },
  proof: { zh: '账本证明可读', en: 'ledger proof is readable' },
  commitment: { zh: '存证记录与上链承诺值相符', en: 'record matches its commitment on the ledger' },
  entry: { zh: '账本条目与存证记录相符', en: 'ledger entry matches the record' },
  inclusion: { zh: '条目在账本之中', en: 'entry is in the ledger' },
  checkpoint: { zh: '账本检查点的签名', en: 'log’s signature on the checkpoint' },
  cosignatures: { zh: '法院与仲裁机构的联署签名', en: 'cosignatures of courts and arbitration bodies' },
  quorum: { zh: '联署达到法定数', en: 'cosignatures reach the quorum' },
  timestamp: { zh: '时间戳', en: 'timestamp' },
  times: { zh: '各方时间合理', en: 'times are plausible' },
  evidence: { zh: '所提交文件与存证记录相符', en: 'files at hand match the record' },
  pages: { zh: '可见页面与存证记录相符（重新绘制比对）', en: 'visible pages follow from the record (drawn again)' },
};

const ALTERED_PDF: Text = {
  zh: '证书文件被改动，或不是按规定格式签发的',
  en: 'the certificate was altered, or not issued in the form it must have',
};
const ALTERED_PROOF: Text = {
  zh: '账本证明被改动，或格式不合规定',
  en: 'the ledger proof was altered, or is malformed',
};
const ALTERED_SIGNATURE: Text = {
  zh: '签名数据被改动，或格式不合规定',
  en: 'the signature data was altered, or is malformed',
};
const NOT_IN_CERTIFICATES: Text = {
  zh: '出现了证书中不应有的数据',
  en: 'data that does not belong in a certificate',
};

export const CODES: Readonly<Record<Code, Text>> = {
  'trust-malformed': { zh: '信任文件无法读取或内容不合规定', en: 'the trust bundle is unreadable or malformed' },

  'not-a-certificate': { zh: '所给文件不是存证证书', en: 'the file is not a certificate' },
  'pdf-encrypted': { zh: '证书文件已加密，无法核验', en: 'the certificate file is encrypted' },
  'pdf-too-large': { zh: '文件过大，不可能是存证证书', en: 'the file is too large to be a certificate' },
  'pdf-malformed': ALTERED_PDF,
  'pdf-not-ours': ALTERED_PDF,

  'der-malformed': ALTERED_SIGNATURE,
  'cms-malformed': ALTERED_SIGNATURE,
  'cms-bad-signature': { zh: '签名与文件内容不符', en: 'the signature does not match the content' },
  'x509-malformed': { zh: '签名证书被改动，或格式不合规定', en: 'a signing certificate was altered, or is malformed' },
  'x509-untrusted': {
    zh: '签名证书不出自信任文件所列的根证书',
    en: 'the signing certificate does not come from a root of the trust bundle',
  },
  'x509-expired': { zh: '签名时签名证书不在有效期内', en: 'the signing certificate was not valid when it signed' },
  'certificate-revoked': {
    zh: '签名证书在签名之时已被吊销，签名不计入',
    en: 'a signing certificate had been revoked when it signed',
  },
  'x509-purpose': { zh: '签名证书的用途不符', en: 'the signing certificate is for another purpose' },

  'record-malformed': { zh: '存证记录被改动，或格式不合规定', en: 'the record was altered, or is malformed' },
  'record-newer-format': {
    zh: '存证记录采用更新的格式，请使用新版核验程序',
    en: 'the record has a newer format; use a newer verifier',
  },
  'commitment-mismatch': {
    zh: '存证记录与上链的承诺值不符',
    en: 'the record is not the one committed to on the ledger',
  },
  'json-malformed': ALTERED_PROOF,
  'tlog-proof-malformed': ALTERED_PROOF,
  'note-malformed': ALTERED_PROOF,
  'checkpoint-malformed': ALTERED_PROOF,
  'entry-absent': { zh: '账本证明未附条目', en: 'the ledger proof does not carry its entry' },
  'entry-malformed': { zh: '账本条目被改动，或格式不合规定', en: 'the ledger entry was altered, or is malformed' },
  'entry-newer-format': {
    zh: '账本条目采用更新的格式，请使用新版核验程序',
    en: 'the ledger entry has a newer format; use a newer verifier',
  },
  'id-differs': { zh: '账本条目与存证记录的编号不同', en: 'ledger entry and record have different ids' },
  'received-differs': { zh: '账本条目与存证记录的接收时间不同', en: 'ledger entry and record have different times' },
  'proof-malformed': ALTERED_PROOF,
  'proof-bad': { zh: '条目不在该账本检查点之中', en: 'the entry is not in the tree of this checkpoint' },

  'origin-differs': { zh: '存证记录指明的账本与检查点的账本不同', en: 'the record names another ledger' },
  'origin-unknown': { zh: '信任文件中没有该账本', en: 'the trust bundle does not know this ledger' },
  'note-not-signed': {
    zh: '检查点没有信任文件所列账本密钥的签名',
    en: 'no signature by a log key of the trust bundle',
  },
  'signature-bad': { zh: '签名不成立', en: 'a signature does not verify' },
  'cosignature-malformed': { zh: '联署签名被改动，或格式不合规定', en: 'a cosignature was altered, or is malformed' },
  'quorum-short': {
    zh: '联署的法院或仲裁机构未达到信任文件要求的数目',
    en: 'fewer courts or arbitration bodies have cosigned than the trust bundle requires',
  },

  'timestamp-malformed': { zh: '时间戳被改动，或格式不合规定', en: 'the timestamp was altered, or is malformed' },
  'timestamp-bad': { zh: '时间戳不是对本签名作出的', en: 'the timestamp is over something else' },
  'time-in-future': {
    zh: '有时间晚于本机时钟，请先核对本机时间',
    en: 'a time lies after this computer’s clock; check that clock first',
  },
  'time-outside-trust': {
    zh: '有时间不在信任文件的有效期间内',
    en: 'a time lies outside the dates of the trust bundle',
  },

  'file-not-in-record': { zh: '所提交的文件不是存证记录中的文件', en: 'a file at hand is not a file of the record' },
  'file-not-shown': {
    zh: '所提交的文件不在证书出示的文件之中，无从判断是否属于本次存证',
    en: 'a file at hand is not among the files shown; whether it belongs to this deposit cannot be told',
  },
  'file-digests-disagree': {
    zh: '同一文件的摘要或大小互相矛盾',
    en: 'digests or size of a file contradict each other',
  },

  'pages-differ': { zh: '证书上看到的内容与存证记录不符', en: 'what the pages show does not follow from the record' },
  'text-unrenderable': { zh: '存证记录含有无法显示的字符', en: 'the record holds characters that cannot be drawn' },
  'renderer-unknown': {
    zh: '页面由另一版本的程序绘制，本程序无法重绘比对',
    en: 'the pages were drawn by another renderer, which this program does not have',
  },
  'renderer-absent': { zh: '未能重新绘制页面', en: 'the pages could not be drawn again' },

  'vkey-malformed': NOT_IN_CERTIFICATES,
  'policy-malformed': NOT_IN_CERTIFICATES,
  'tile-path-malformed': NOT_IN_CERTIFICATES,
  'tile-malformed': NOT_IN_CERTIFICATES,
  'bundle-malformed': NOT_IN_CERTIFICATES,
  'request-malformed': NOT_IN_CERTIFICATES,
  'receipt-malformed': NOT_IN_CERTIFICATES,
  'report-malformed': NOT_IN_CERTIFICATES,
  'upload-malformed': NOT_IN_CERTIFICATES,
  'package-malformed': NOT_IN_CERTIFICATES,
  'mirror-info-malformed': NOT_IN_CERTIFICATES,
  'tile-bad': NOT_IN_CERTIFICATES,
  'root-mismatch': NOT_IN_CERTIFICATES,
  'report-unproven': NOT_IN_CERTIFICATES,

  internal: {
    zh: '核验程序内部错误，不影响证书本身的判断',
    en: 'a fault of the verifier itself, not of the certificate',
  },

  'not-reached': { zh: '前面的步骤未通过，无从检查', en: 'an earlier check did not pass' },
  'no-file': { zh: '未提交文件，未作比对', en: 'no file was compared' },
  'not-asked': { zh: '按要求只核验证书', en: 'only the certificate was to be verified' },
};
