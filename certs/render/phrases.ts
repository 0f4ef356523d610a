// Every sentence printed on a certificate, in Chinese and in English. The Chinese is what a judge reads; it uses 上链 as the court
// rules do, and claims nothing beyond what the verifier can check. Names and numbers come in as arguments.

/** The same statement twice. */
export interface Phrase {
  readonly zh: string;
  readonly en: string;
}

/** What the one sentence at the top is made of. */
export interface Statement {
  readonly how: 'upload' | 'digest';
  readonly platform: string;
  readonly platformEn: string;
  /** Beijing time and UTC. */
  readonly received: string;
  readonly receivedUtc: string;
  /** Grouped. */
  readonly files: string;
  readonly entry: string;
  readonly courts: number;
  readonly arbitration: number;
}

const plural = (count: number | string, noun: string, nouns = `${noun}s`): string =>
  `${count} ${String(count) === '1' ? noun : nouns}`;

export const PHRASES = {
  title: { zh: '电子数据存证证书', en: 'Certificate of Deposit of Electronic Data' },
  number: { zh: '存证编号', en: 'Certificate number' },
  qrAlt: '二维码，内容为存证编号与承诺值 QR code with the certificate number and the commitment',
  signature: '认证签名，不可见 Certification signature, invisible',
  notProvided: '未提供 Not provided',
  /** Behind the label of a row that is longer than a page. */
  continued: { zh: '（续）', en: ' (continued)' },

  // What this certificate says
  statement: (o: Statement): Phrase => ({
    zh: `本证书载明：“${o.platform}”于北京时间 ${o.received} 接收的 ${o.files} 个文件${o.how === 'upload' ? '，其' : '的'}摘要所形成的承诺值，已写入下述账本第 ${o.entry} 号条目（即“上链”），并由下列 ${o.courts} 家法院、${o.arbitration} 家仲裁机构签名见证。经技术核验一致的，可以据此判断文件自上链时间起未经篡改。`,
    en: `This certificate states that a commitment to the digests of ${plural(o.files, 'file')}, ${o.how === 'upload' ? '' : 'the digests being '}received by ${o.platformEn} at ${o.receivedUtc} UTC, is entry ${o.entry} of the ledger named below, and that ${plural(o.courts, 'court')} and ${plural(o.arbitration, 'arbitration body', 'arbitration bodies')} cosigned that ledger at the times shown. If verification finds them consistent, the files have not been altered since that entry.`,
  }),
  partial: (shown: string, total: string): Phrase => ({
    zh: `部分出示：本证书仅出示 ${total} 个文件中的 ${shown} 个；其余未予披露，其数量与内容由同一承诺值固定。`,
    en: `Partial showing: this certificate shows ${shown} of ${total} files. The others are not disclosed; the same commitment fixes their number and content.`,
  }),

  // Files
  files: { zh: '一、文件', en: 'Files' },
  fileNumber: { zh: '序号', en: 'No.' },
  fileName: { zh: '文件名、大小与类型', en: 'Name, size and type' },
  fileDigests: { zh: '摘要', en: 'Digests' },
  bytes: (count: string, human: string | undefined): string =>
    `${count} 字节 bytes${human === undefined ? '' : `（${human}）`}`,
  sm3Missing: 'SM3：未提供 not provided',
  moreFiles: (count: string): Phrase => ({
    zh: `其余 ${count} 个文件的名称、大小与摘要载于所附 record.json，同受上述承诺值固定。`,
    en: `Names, sizes and digests of the other ${count} files are in the attached record.json, fixed by the same commitment.`,
  }),

  // Times
  times: { zh: '二、时间与见证机构', en: 'Times, and who vouches' },
  timesNote: {
    zh: '下列时间出自不同主体的时钟，各自独立，互不替代。',
    en: 'These times come from the clocks of different bodies. None of them stands for another.',
  },
  received: { zh: '接收时间', en: 'Received' },
  receivedBy: '由存证平台的时钟记录 By the clock of the deposit platform',
  trusted: { zh: '可信时间戳', en: 'Trusted timestamp' },
  trustedIn: {
    zh: '载于本文件的电子签名之内（RFC 3161），由时间戳机构签发，见核验报告。',
    en: 'In the electronic signature of this document (RFC 3161), by a timestamp authority; see the report.',
  },
  signed: { zh: '签署时间', en: 'Signed' },
  signedBy: "由证书签署方的时钟记录 By the clock of the certificate's signer",
  moment: (beijing: string, utc: string): string => `北京时间 ${beijing}（UTC ${utc}）`,
  utc: (time: string): string => `UTC ${time}`,
  member: { zh: '见证机构', en: 'Cosigned by' },
  memberTime: { zh: '签名时间（该机构的时钟）', en: "Time of cosignature (that body's clock)" },
  memberKey: { zh: '签名算法与密钥编号', en: 'Algorithm and key id' },
  court: { zh: '法院', en: 'court' },
  arbitration: { zh: '仲裁机构', en: 'arbitration body' },
  noCosignature: { zh: '本证书中无其签名', en: 'No cosignature in this certificate' },
  incomplete: (algorithm: string): Phrase => ({
    zh: `签名不全，缺 ${algorithm}`,
    en: `Incomplete: no ${algorithm}`,
  }),
  otherSignatures: (count: number): Phrase => ({
    zh: `另有 ${count} 行签名不属于上列机构，未予列示。`,
    en: `${plural(count, 'other signature line')} of bodies not named above ${count === 1 ? 'is' : 'are'} not listed.`,
  }),

  // Ledger
  ledger: { zh: '三、账本位置', en: 'Position in the ledger' },
  origin: { zh: '账本名称', en: 'Ledger origin' },
  entry: { zh: '条目序号与账本规模', en: 'Entry index and tree size' },
  entryOf: (index: string, size: string): Phrase => ({
    zh: `第 ${index} 号条目（从 0 起计），签名时账本共 ${size} 条`,
    en: `Entry ${index}, counted from 0, of ${size} when cosigned`,
  }),
  root: { zh: '账本根哈希', en: 'Root hash' },
  commitment: { zh: '承诺值', en: 'Commitment' },
  logKey: (keyId: string | undefined): string =>
    `账本签名 Log signature: ${keyId === undefined ? '未提供 not provided' : `Ed25519 ${keyId}`}`,
  policy: { zh: '签名策略摘要', en: 'Digest of the signature policy' },
  construction: { zh: '技术构成', en: 'How it holds together' },
  constructionText: {
    zh: '独立节点：平台、上列法院与仲裁机构各自核验、见证或存储账本。链式存储：账本是只可追加的哈希树（RFC 6962），根哈希固定此前全部条目及其次序。非对称加密签名：根哈希由平台签名，并由各机构以 Ed25519 与抗量子的 ML-DSA-44 联合签名。',
    en: 'Independent nodes: the platform and the bodies above each check, witness or store the ledger. Linked storage: the ledger is an append-only hash tree (RFC 6962); its root hash fixes all earlier entries and their order. Asymmetric signatures: the root hash is signed by the platform and cosigned by each body with Ed25519 and the post-quantum ML-DSA-44.',
  },

  // Submission
  submission: { zh: '四、提交与取得', en: 'Submission and capture' },
  submitter: { zh: '提交人', en: 'Submitter' },
  identified: { zh: '身份识别方式', en: 'How identified' },
  how: { zh: '取得方式', en: 'How obtained' },
  howUpload: {
    zh: '提交人上传文件，平台在接收时计算摘要。',
    en: 'The submitter uploaded the files; the platform computed the digests while receiving them.',
  },
  howDigest: {
    zh: '提交人自行计算并提交摘要，文件未经平台；大小与摘要以提交人所报为准。',
    en: 'The submitter computed and sent the digests; the platform never held the files. Sizes and digests are as stated by the submitter.',
  },
  transport: { zh: '传输与平台程序', en: 'Transport, platform software' },

  // Court rules
  rules: { zh: '五、对照《人民法院在线诉讼规则》', en: "By the Online Litigation Rules of the People's Courts" },
  article16: { zh: '第十六条 上链后', en: 'Art. 16: after entry' },
  article16Text: {
    zh: '由核验程序比对文件摘要、存证记录、承诺值、账本证明与各机构签名，出具核验报告：一致、不一致或者无法核验。',
    en: 'The verifier compares digests, record, commitment, ledger proof and signatures, and reports: consistent, inconsistent, or cannot be verified.',
  },
  article17a: { zh: '第十七条第一、三项\n平台', en: 'Art. 17 (1), (3): platform' },
  article17b: { zh: '第十七条第二项\n利害关系', en: 'Art. 17 (2): interest' },
  relation: '提交人与平台的关系 Relation of the submitter to the platform',
  article17c: { zh: '第十七条第四项\n技术与过程', en: 'Art. 17 (4): technology, process' },
  article17cText: {
    zh: '摘要 SHA-256（及第一项列明的 SM3）；承诺值与账本 RFC 6962；联合签名 Ed25519、ML-DSA-44；证书签名 ECDSA P-256（PAdES）；时间戳 RFC 3161。取得与传输见第四项。',
    en: 'Digests SHA-256 (and SM3 where listed); commitment and ledger RFC 6962; cosignatures Ed25519, ML-DSA-44; certificate signature ECDSA P-256 (PAdES); timestamp RFC 3161. For capture and transport see section 4.',
  },
  article18: { zh: '第十八条 上链前', en: 'Art. 18: before entry' },
  article18Text: {
    zh: '以下六项为提交人申报，平台照录，未经核实；竖线旁为提交人原文。',
    en: "As declared by the submitter; recorded, not checked, by the platform. Beside a line: the submitter's text.",
  },
  declared: {
    source: { zh: '具体来源', en: 'Source' },
    generation: { zh: '生成机制', en: 'How generated' },
    storage: { zh: '存储过程', en: 'How stored' },
    notarisation: { zh: '公证机构公证', en: 'Notarisation' },
    witness: { zh: '第三方见证', en: 'Third-party witness' },
    corroboration: { zh: '关联印证数据', en: 'Corroborating data' },
  },

  // Verification
  verification: { zh: '六、如何离线核验', en: 'How to verify offline' },
  verificationSteps: [
    {
      zh: '1. 信任包 trust.json 应取自法院或者仲裁机构公布的渠道，不由举证一方或者平台提供。',
      en: 'Take the trust bundle, trust.json, from a channel published by the courts or arbitration bodies, not from a party or the platform.',
    },
    {
      zh: '2. 在不联网的计算机上用离线核验网页打开本证书与文件，或者运行 probata-verify 证书 文件 --trust trust.json',
      en: 'Without network, open certificate and file in the offline verifier page, or run probata-verify CERTIFICATE FILE --trust trust.json',
    },
    {
      zh: '3. 核验程序逐项检查，并依所附记录重绘本证书、逐字节比对。仅凭阅读器显示“签名有效”，不构成核验。',
      en: 'The verifier checks item by item and redraws this document from the attached record to compare every byte. A viewer saying "signature valid" is not a verification.',
    },
    {
      zh: '4. 所附 record.json（存证记录）与 deposit.tlog-proof（账本证明）均为公开格式，任何独立实现可以复核。',
      en: 'The attached record.json (the record) and deposit.tlog-proof (the ledger proof) are in open formats that any independent program can check.',
    },
  ],

  // Limits
  limits: { zh: '七、本证书不证明的事项', en: 'What this certificate does not prove' },
  limitsText: [
    {
      zh: '不证明文件所载内容属实，不证明作者、权利归属或者取得方式合法。',
      en: 'That what the files say is true, who made them or has rights in them, or that they were lawfully obtained.',
    },
    {
      zh: '不证明上链之前未被改动：上链前的情况仅有第五项的申报，应当结合其他证据判断。',
      en: 'That nothing was altered before entry: for that time there are only the declarations in section 5, to be weighed with other evidence.',
    },
    {
      zh: '所列签名与时间，以核验方依自己的信任包核验的结果为准。',
      en: 'The signatures and times listed hold as far as the verifier confirms them under the trust bundle of whoever verifies.',
    },
  ],

  pageOf: (page: number, pages: number): string => `第 ${page} 页，共 ${pages} 页　Page ${page} of ${pages}`,
} as const;
