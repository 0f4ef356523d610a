/**
 * What a report proves, as a person reads it: one paragraph in Chinese, then one in English, each with who signed what.
 * Names come from the trust bundle; what strangers wrote is quoted as JSON, so that it cannot steer a terminal.
 */
import { base64Encode, equal } from '../../ledger/core/bytes.ts';
import { openCosigned } from '../../ledger/core/cosigned.ts';
import { epochAt, revokedIn } from '../../ledger/core/epoch.ts';
import { type LedgerCode, LedgerError } from '../../ledger/core/errors.ts';
import type { ProvenFork, SignedCheckpoint } from '../../ledger/core/fork-report.ts';
import { EMPTY_ROOT } from '../../ledger/core/hash.ts';
import { isSignedBy, type VerifierKey } from '../../ledger/core/note.ts';
import type { ProvenOmission } from '../../ledger/core/omission-report.ts';
import type { Text } from '../../verifier/core/messages.ts';
import { type TrustMember, witnessesOf } from '../../verifier/core/statement.ts';
import type { Trust } from '../../verifier/core/trust.ts';

/** Who vouched for a checkpoint: members with at least one good cosignature on it. */
type Cosigners = readonly TrustMember[];

/** What a proven fork says. @param trust names the cosigners; without one they are not looked at */
export function forkText({ newer, older }: ProvenFork, trust: Trust | undefined): Text {
  if (older.checkpoint.size === 0) return falseEmptyText(older, trust);
  const [n, o] = [newer.checkpoint, older.checkpoint];
  const same = n.size === o.size;
  const [byNewer, byOlder] = [cosignersOf(newer, trust), cosignersOf(older, trust)];
  const replaced = replacedText([newer, older], trust);
  const both = byNewer.filter(({ member, name }) =>
    byOlder.some((each) => each.member === member && each.name === name),
  );
  return {
    zh:
      `本报告证明失信行为：账本 ${quoted(n.origin)} 的密钥签署了两个不能同时成立的检查点。` +
      `${same ? `二者长度同为 ${n.size}，根哈希却不同` : `按长度 ${n.size} 的检查点，账本前 ${o.size} 条的根哈希不是长度 ${o.size} 的检查点所称的那个`}` +
      `（长度 ${n.size}：${base64Encode(n.root)}；长度 ${o.size}：${base64Encode(o.root)}）。` +
      `两个签名均已验证，只有持有该账本密钥者才能作出。${replaced.zh}` +
      names('联署前者', byNewer, 'zh') +
      names('联署后者', byOlder, 'zh') +
      names('两个都联署、因而同样失信', both, 'zh'),
    en:
      `This report proves misbehaviour: the key of the ledger ${quoted(n.origin)} signed two checkpoints that cannot both be right. ` +
      `${same ? `Both are of size ${n.size}, with different root hashes` : `By the checkpoint of size ${n.size}, the first ${o.size} entries have another root hash than the one signed for size ${o.size}`} ` +
      `(size ${n.size}: ${base64Encode(n.root)}; size ${o.size}: ${base64Encode(o.root)}). ` +
      `Both signatures were verified; only a holder of the ledger's key can have made them. ${replaced.en}` +
      names('The former is cosigned by', byNewer, 'en') +
      names('the latter is cosigned by', byOlder, 'en') +
      names('both were cosigned, which is misbehaviour too, by', both, 'en'),
  };
}

/** A ledger of size 0 has one root hash: another one is a lie by itself, whatever stands beside it. */
function falseEmptyText(signed: SignedCheckpoint, trust: Trust | undefined): Text {
  const { origin, root } = signed.checkpoint;
  const [said, right] = [base64Encode(root), base64Encode(EMPTY_ROOT)];
  const by = cosignersOf(signed, trust);
  const replaced = replacedText([signed], trust);
  return {
    zh:
      `本报告证明失信行为：账本 ${quoted(origin)} 的密钥签署了一个不可能成立的检查点：长度为 0，根哈希却是 ${said}，而空账本的根哈希是 ${right}。` +
      `签名已验证，只有持有该账本密钥者才能作出。${replaced.zh}${names('联署该检查点', by, 'zh')}`,
    en:
      `This report proves misbehaviour: the key of the ledger ${quoted(origin)} signed a checkpoint that cannot be right: of size 0 with the root hash ${said}, where an empty ledger has ${right}. ` +
      `The signature was verified; only a holder of the ledger's key can have made it. ${replaced.en}${names('It is cosigned by', by, 'en')}`,
  };
}

/** A signature carries no time: with a key that has been replaced it may have been made since, for a size from before. */
function replacedText(signed: readonly SignedCheckpoint[], trust: Trust | undefined): Text {
  const today = trust?.policy.logs.map(({ key }) => key);
  const isToday = ({ note }: SignedCheckpoint): boolean =>
    today === undefined || note.signatures.some((line) => today.some((key) => isSignedBy(line, key)));
  return signed.every(isToday) ? { zh: '', en: '' } : REPLACED;
}

const REPLACED: Text = {
  zh: '其中有签名出自该账本后来已更换的密钥：密钥若曾失窃，窃取者在更换之后所作的签名，与更换之前所作的无法区分。',
  en: 'The ledger has since replaced a key that signed here: what whoever had stolen it signs afterwards cannot be told from what was signed before. ',
};

/** What a proven omission, or a proven broken order, says. */
export function omissionText({ what, receipt, checkpoint, cosigned }: ProvenOmission, trust: Trust): Text {
  const { id, received } = receipt.entry;
  const { origin, size, root } = checkpoint;
  const by = membersBehind(cosigned, trust);
  const found: Text =
    what === 'omission'
      ? {
          zh: `截止时间之后，法定数联署的账本（长度 ${size}，根哈希 ${base64Encode(root)}）在该条目应在的全部位置上都没有它`,
          en: `The ledger as the quorum cosigned it after the deadline (size ${size}, root hash ${base64Encode(root)}) does not have it at any place where it may stand`,
        }
      : {
          zh: `经法定数联署的账本（长度 ${size}，根哈希 ${base64Encode(root)}）在该条目应在的位置附近违反了“按接收时间排列”的承诺`,
          en: `The ledger as the quorum cosigned it (size ${size}, root hash ${base64Encode(root)}) breaks the promised order of receipt around the place where it must stand`,
        };
  // Of a broken order no outage is the reason.
  const why = what === 'omission' ? OUTAGE : { zh: '', en: '' };
  return {
    zh:
      `本报告证明承诺未兑现：平台以回执承诺，编号 ${id}、接收于 ${received} 的存证最迟于 ${receipt.deadline} 列入账本 ${quoted(origin)}，并在法定数联署的检查点之下。` +
      `${found.zh}。回执由平台的回执密钥签署，检查点由账本密钥签署，签名均已验证。${names('截止时间之后联署', by, 'zh')}${why.zh}`,
    en:
      `This report proves a broken promise: by its receipt the platform promised to have deposit ${id}, received at ${received}, on the ledger ${quoted(origin)} under a checkpoint cosigned by the quorum by ${receipt.deadline}. ` +
      `${found.en}. The receipt is signed by the platform's receipt key and the checkpoint by the ledger's key; all signatures were verified. ${names('It was cosigned after the deadline by', by, 'en')}${why.en}`,
  };
}

/** What a broken promise does not prove. */
const OUTAGE: Text = {
  zh: '承诺未兑现不等于平台说谎：联署机构在截止时间之前停止应答，也会如此。',
  en: 'A broken promise need not be a lie: an outage of the cosigners until after the deadline breaks it too.',
};

const REFUSALS: Partial<Record<LedgerCode, string>> = {
  'report-malformed': '不是规定格式的报告',
  'report-unproven': '材料与签名无误，但不足以证明所称的失信',
  'signature-bad': '有签名不成立',
  'note-not-signed': '没有所信任密钥的签名',
  'origin-unknown': '所信任的密钥中没有该账本的密钥',
  'proof-bad': '其中的证明不成立',
};

/** Why a report proves nothing. */
export function refusalText({ code, message }: LedgerError): Text {
  return {
    zh: `本报告不能证明失信行为：${REFUSALS[code] ?? '其中的材料被改动，或格式不合规定'}（${code}）。`,
    en: `This report does not prove misbehaviour: ${message} (${code}).`,
  };
}

/** By the keys of the checkpoint's epoch, as long as they were not revoked. */
function cosignersOf({ note, checkpoint }: SignedCheckpoint, trust: Trust | undefined): Cosigners {
  if (trust === undefined) return [];
  const { epochs } = trust;
  const { policy } = epochAt(epochs, checkpoint.size);
  const keys = [...policy.witnesses].filter(([name, witness]) => {
    const alone = { ...policy, witnesses: new Map([[name, witness]]) };
    return isCosigned(() => openCosigned(alone, note, revokedIn(epochs)).counting.length > 0);
  });
  return membersBehind(
    keys.map(([, { key }]) => key),
    trust,
  );
}

/** Whose keys these are, in whatever epoch; each body once, by its latest name. */
function membersBehind(keys: readonly VerifierKey[], { epochs }: Trust): Cosigners {
  const found = epochs.flatMap(({ policy, members }) =>
    members.filter(({ member }) =>
      witnessesOf(policy, member).some((name) => {
        const own = policy.witnesses.get(name)?.key.publicKey;
        return own !== undefined && keys.some(({ publicKey }) => equal(publicKey, own));
      }),
    ),
  );
  return [...new Map(found.map((member) => [member.member, member])).values()];
}

/** A cosignature that does not verify is nobody's; the log's own signature stands without it. */
function isCosigned(look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

function names(what: string, members: Cosigners, lang: keyof Text): string {
  if (members.length === 0) return '';
  const list = members.map(({ member, name, nameEn }) => `${quoted(lang === 'zh' ? name : nameEn)} (${member})`);
  return lang === 'zh' ? `${what}者：${list.join('、')}。` : `${what} ${list.join(', ')}. `;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
