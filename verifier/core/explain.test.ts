import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import { createConsortium, evidenceOf, inputFor, type TestCertificate, type TestConsortium } from '../testing.ts';
import { type Explanation, explain } from './explain.ts';
import type { Facts } from './facts.ts';
import type { Lang } from './messages.ts';
import type { Report } from './report.ts';
import { verify } from './verify.ts';

const LANGS: readonly Lang[] = ['zh', 'en'];

function textOf({ verdict, warnings, boxes, articles, limits, checks, foot }: Explanation): string {
  const sections = [...boxes, ...articles, limits].flatMap(({ title, lines }) => [title, ...lines]);
  return [verdict, ...warnings, ...sections, ...checks.map(({ text, why }) => text + why), ...foot].join('\n');
}

describe('verifier/core explain', function () {
  this.timeout(60_000);
  let consortium: TestConsortium;
  let certificate: TestCertificate;
  let report: Report;
  before(async () => {
    consortium = await createConsortium();
    certificate = await consortium.certify({
      cosigners: (w) => !w.startsWith('court-4') && w !== 'arbitration-2.ed25519',
    });
    report = await verify(inputFor(consortium, certificate));
  });

  const said = (changes: Partial<Facts>, lang: Lang): string =>
    textOf(explain({ ...report, facts: { ...report.facts!, ...changes } }, lang));

  it('answers the four questions and goes through the three articles', () => {
    const zh = explain(report, 'zh');
    expect(zh.boxes.map(({ title }) => title)).to.deep.equal([
      '一、是同一个文件吗？',
      '二、不晚于何时？',
      '三、由谁作证？',
      '四、尚待查明什么？',
    ]);
    expect(zh.articles.map(({ title }) => /第十[六七八]条/.exec(title)?.[0])).to.deep.equal([
      '第十六条',
      '第十七条',
      '第十八条',
    ]);
    expect(zh.boxes[1]?.lines[0]).to.equal('不晚于 北京时间 2026-05-03 17:42:11（2026-05-03 09:42:11 UTC）。');
    expect(zh.foot.at(-1)).to.equal('使用网络：无');
    expect(explain(report, 'en').foot.at(-1)).to.equal('network used: none');
  });

  it('says who has cosigned, who has not, and who does not count', () => {
    const lines = explain(report, 'en').boxes[2]!.lines;
    expect(lines[0]).to.equal('Courts: 3 of 4 have cosigned, 3 needed');
    expect(lines[1]).to.equal('Arbitration bodies: 1 of 2 have cosigned, 1 needed');
    expect(lines.filter((line) => line.startsWith('[√]'))).to.have.length(4);
    expect(lines.find((line) => line.includes('Test Court 4'))).to.match(/^\[ \].*has not cosigned$/);
    expect(lines.find((line) => line.includes('Commission 2'))).to.match(/^\[ \].*does not count/);
  });

  it('speaks of a revoked key only where one has cosigned too late', async () => {
    const key = (witness: string): string => formatVkey(consortium.witnesses.get(witness)!.key);
    const revoked = [
      { key: key('court-4.ed25519'), at: '2030-01-01T00:00:00Z' },
      { key: key('arbitration-1.ed25519'), at: '2030-01-01T00:00:00Z' },
      { key: key('arbitration-2.ml-dsa-44'), at: '2026-01-02T00:00:00Z' },
    ];
    const trust = utf8Encode(JSON.stringify({ ...consortium.trust, revoked }));
    const later = await verify({ ...inputFor(consortium, certificate), trust });
    expect(later.outcome).to.equal('consistent');
    for (const [lang, silent, late] of [
      ['en', /has not cosigned$/, /does not count: key revoked as of 2026-01-02/],
      ['zh', /未联署$/, /不计入：密钥自 北京时间 2026-01-02/],
    ] as const) {
      const lines = explain(later, lang).boxes[2]!.lines;
      const of = (member: string): string | undefined => lines.find((line) => line.includes(`${member}.test.example`));
      expect(of('court-4')).to.match(silent);
      expect(of('arbitration-1')).to.match(/^\[√\].*ML-DSA-44$/);
      expect(of('arbitration-2')).to.match(late);
    }
  });

  it('says who would have to collude, as the policy has it', () => {
    expect(said({}, 'zh')).to.include('须由平台、2 家法院共同作假，并另取得 1 家仲裁机构的联署');
    const both = { liars: { court: 2, arbitration: 1 }, signers: { court: 3, arbitration: 2 } };
    expect(said({ forgery: both }, 'en')).to.include(
      'To forge this, the platform and 2 courts and 1 arbitration body would have to act together.',
    );
    const none = { liars: { court: 0, arbitration: 0 }, signers: { court: 1, arbitration: 0 } };
    expect(said({ forgery: none }, 'zh')).to.include('须由平台共同作假，并另取得 1 家法院的联署');
  });

  it('says nothing of file, time and bodies when the certificate itself did not pass', async () => {
    const foreign = await createConsortium('elsewhere');
    const unknown = await verify({ ...inputFor(consortium, certificate), trust: foreign.trustBytes });
    for (const lang of LANGS) {
      const { boxes, articles } = explain(unknown, lang);
      expect([boxes.length, articles.length]).to.deep.equal([1, 0]);
      expect(textOf(explain(unknown, lang))).not.to.match(/09:42|17:42/);
    }
  });

  it('never calls a wrong file unaltered, and shows both digests', async () => {
    const file = { name: 'wrong', bytes: new Uint8Array(3) };
    const wrong = await verify({ ...inputFor(consortium, certificate), evidence: [evidenceOf(file)] });
    const { boxes, articles } = explain(wrong, 'en');
    expect(boxes[0]?.lines[0]).to.match(/^No:/);
    expect(boxes[0]?.lines.join('\n')).to.include(evidenceOf(file).sha256).and.include(certificate.evidence[0]!.sha256);
    expect(articles[0]?.lines[0]).to.match(/^Inconsistent: .* but the file at hand did not match the record\.$/);
  });

  it('counts the files that do not match, and calls those that do the same', async () => {
    const wrong = evidenceOf({ name: 'wrong', bytes: new Uint8Array(3) });
    const evidence = [certificate.evidence[0]!, wrong];
    const one = await verify({ ...inputFor(consortium, certificate), evidence });
    const zh = explain(one, 'zh');
    const en = explain(one, 'en');
    expect(zh.verdict).to.equal('技术核验：不一致。所提交的 2 个文件中有 1 个与存证记录不符。');
    expect(en.verdict).to.match(/inconsistent\. 1 of the 2 files at hand did not match the record\.$/);
    expect(zh.boxes[0]?.lines[0]).to.equal('否：所提交的 2 个文件中有 1 个与存证记录不符。');
    expect(en.boxes[0]?.lines[0]).to.equal('No: 1 of the 2 files at hand did not match the record.');
    const lines = en.boxes[0]!.lines.filter((line) => /^(record|at hand)/.test(line));
    expect(lines).to.deep.equal([
      'record 1/2 · compared, same · 34 bytes · “聊天记录.txt”',
      'record 2/2 · not compared · 19 bytes · “invoice.pdf”',
      'at hand · same as record 1 · “聊天记录.txt”',
      'at hand · not in the record · “wrong”',
    ]);
  });

  it('says what it has found before the name that others have given', () => {
    const { files, given } = report.facts!;
    const claim = '合同.pdf · 24 字节 · 已比对，相同」';
    const named = {
      files: [{ ...files[0]!, size: 1, compared: false, name: claim }],
      given: [{ ...given[0]!, files: [], name: '合同.pdf · 同记录 1；另附' }],
    };
    expect(said(named, 'zh'))
      .to.include('\n记录 1/2 · 未比对 · 1 字节 · 「合同.pdf · 24 字节 · 已比对，相同{U+300D}」\n')
      .and.include('\n提交 · 不在出示的文件之中 · 「合同.pdf · 同记录 1；另附」\n');
    expect(said(named, 'en')).to.include('\nrecord 1/2 · not compared · 1 byte · “合同.pdf');
  });

  it('takes nothing for stated that cannot be seen', () => {
    const { deposit, stated } = report.facts!;
    const blanks = [' ', '\n', '\u3164', '\u200b', '\u3000', '\u2060\ufe0f', '\u115f', '\u00a0', '\t', '\u2800'];
    const blank = Object.fromEntries(Object.keys(stated).map((id, i) => [id, blanks[i]])) as Facts['stated'];
    const none = Object.fromEntries(Object.keys(stated).map((id) => [id, ''])) as Facts['stated'];
    const by = (text: string): Facts['deposit'] => ({
      ...deposit,
      platform: { ...deposit.platform, nameEn: text, statementEn: text },
      submitter: { ...deposit.submitter, identified: text },
    });
    for (const lang of LANGS) {
      const text = said({ stated: blank, deposit: by('\u3000') }, lang);
      expect(text).to.equal(said({ stated: none, deposit: by('') }, lang));
    }
    // English that cannot be seen stands in for nothing.
    const chinese = said({ stated: { ...stated, qualification: '已备案' }, deposit: by('\u3000') }, 'en');
    expect(chinese).to.include('provided · “已备案”\n').and.include('platform: “测试存证平台”\n');
    expect(said({ stated: blank }, 'zh')).to.include(
      '\n第十八条未说明: 来源、生成机制、存储过程、公证、第三方见证、关联印证数据\n',
    );
  });

  it('quotes whatever neither it nor the trust bundle says', () => {
    const { files, given, deposit, stated, timestamp } = report.facts!;
    const evil = 'evil\n第三方见证: 有';
    const platform = { name: evil, nameEn: evil, statement: evil, statementEn: evil };
    const facts: Facts = {
      ...report.facts!,
      files: files.map((file) => ({ ...file, name: evil })),
      given: given.map((file) => ({ ...file, name: evil })),
      deposit: { ...deposit, platform, submitter: { name: evil, identified: evil, relation: evil } },
      stated: Object.fromEntries(Object.keys(stated).map((id) => [id, evil])) as Facts['stated'],
      timestamp: { ...timestamp, authority: evil },
    };
    const warnings: Report['warnings'] = [
      { code: 'names-differ', detail: { names: [evil, evil] } },
      { code: 'signatures-unconfirmed', detail: { names: [evil] } },
      { code: 'key-revoked', detail: { name: evil, nameEn: evil, revoked: report.checkedAt } },
    ];
    for (const lang of LANGS) {
      const text = textOf(explain({ ...report, facts, warnings }, lang));
      const open = lang === 'zh' ? '「' : '“';
      // Two files of the record, two at hand, the platform, its four statements, a person, how identified, six facts, the authority,
      // four names in warnings.
      expect(text.split(`${open}evil`)).to.have.length(1 + 2 + 2 + 1 + 4 + 1 + 1 + 6 + 1 + 4);
      expect(text.split('evil')).to.have.length(text.split(`${open}evil`).length);
      expect(text).not.to.match(/^第三方见证: 有/m);
    }
  });

  it('says of a file that is not shown neither that it matches nor that it does not', async () => {
    const partial = await consortium.certify({ show: [1] });
    const open = await verify({ ...inputFor(consortium, partial), evidence: [partial.evidence[1]!] });
    const zh = explain(open, 'zh');
    expect(zh.verdict).to.match(
      /^技术核验：无法核验。所提交的文件不在证书出示的文件之中.*可能未出示，也可能与本次存证无关。$/,
    );
    expect(zh.boxes[0]?.lines[0]).to.match(/^无法判断：/);
    expect(zh.articles[0]?.lines[0]).to.match(/^技术核验无法判断：/);
    const en = explain(open, 'en');
    expect(en.boxes[0]?.lines[0]).to.include('(1 of this deposit’s 2): perhaps not disclosed, perhaps not of');
    expect(textOf(en))
      .to.include('not among the files shown')
      .and.not.match(/not in the record|not a file of/);
  });

  it('never says more than it knows, whatever the outcome and the language', async () => {
    const none = await verify({ ...inputFor(consortium, certificate), evidence: [] });
    for (const each of [report, none]) {
      for (const lang of LANGS) {
        expect(textOf(explain(each, lang)), lang).not.to.match(
          /真实|原创|区块链电子账本|qualified|authentic|original\b/i,
        );
      }
    }
  });
});
