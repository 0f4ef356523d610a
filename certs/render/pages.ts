// The pages of a certificate, in the order a judge reads them: what it says, the files, the times and who vouches, the place in
// the ledger, who submitted, the court rules, how to verify, what it does not prove. Chinese first, English beneath.

import { encode } from 'uqr';
import { hexEncode } from '../../ledger/core/bytes.ts';
import type { Declared, FilePart } from '../core/record.ts';
import { hasVisibleText } from '../core/visible.ts';
import { drawArea, drawLine, drawSquares } from './canvas.ts';
import type { CosignatureFact, Facts, MemberFact } from './facts.ts';
import { grouped, humanSize, type Moment, momentOf, momentOfSeconds } from './format.ts';
import { layOut } from './lines.ts';
import { PHRASES, type Phrase } from './phrases.ts';
import type { Block, Cell, Sheet } from './sheet.ts';
import * as look from './styles.ts';

/** Files listed on the pages; the others are in the attached record. */
export const FILES_LISTED_MAX = 100;

/** Points: QR code modules and the labels of two-column rows. */
const QR_MODULE = 1.9;
const QR_TOP = 50;
const LABEL_WIDTH = 112;
const VALUE_X = 124;
/** Columns, left edge and width: numbers of files, of which "10000" is the widest; institutions, times, keys. */
const FILE = [0, 30] as const;
const WHO = [0, 244] as const;
const WHEN = [254, 130] as const;
const KEYS = [390, 98] as const;
/** The text beside the QR code ends this far before the right edge. */
const QR_ROOM = 112;

/**
 * Draws all pages.
 * @param signedAt time of signing, YYYY-MM-DDTHH:MM:SSZ
 */
export function drawPages(sheet: Sheet, facts: Facts, signedAt: string): void {
  sheet.newPage();
  drawTitle(sheet, facts);
  sheet.document.addSignatureField(sheet.document.root, PHRASES.signature);
  drawStatement(sheet, facts);
  drawFiles(sheet, facts);
  drawTimes(sheet, facts, signedAt);
  drawLedger(sheet, facts);
  drawSubmission(sheet, facts);
  drawRules(sheet, facts);
  drawVerification(sheet);
  drawRunningHeads(sheet, facts.header.id);
}

// ---- building blocks -----------------------------------------------------------------------------------------------

function english(text: string, style = look.VALUE_EN, gap = 0): Block[] {
  return text === '' ? [] : [{ text, style, lang: 'en', gap }];
}

function both({ zh, en }: Phrase, style = look.VALUE, styleEn = look.VALUE_EN): Block[] {
  return [{ text: zh, style }, ...english(en, styleEn)];
}

/** Text of the record, or that there is none: blanks state nothing. */
function stated(text: string, style = look.VALUE): Block[] {
  return hasVisibleText(text) ? [plain(text, style)] : [plain(PHRASES.notProvided, look.VALUE_GREY)];
}

function plain(text: string, style = look.VALUE, gap = 0): Block {
  return { text, style, gap };
}

function heads(phrase: Phrase, x: number, width: number): Cell {
  return { x, width, blocks: both(phrase, look.COLUMN, look.COLUMN_EN), heads: 'Column' };
}

/** A row of two columns: what it is, and what it says. */
function labelled(label: Phrase, blocks: readonly Block[]): Cell[] {
  const again = { zh: label.zh + PHRASES.continued.zh, en: label.en + PHRASES.continued.en };
  const name: Cell = {
    x: 0,
    width: LABEL_WIDTH,
    blocks: both(label, look.LABEL, look.LABEL_EN),
    heads: 'Row',
    continued: both(again, look.LABEL, look.LABEL_EN),
  };
  return [name, { x: VALUE_X, width: look.WIDTH - VALUE_X, blocks }];
}

function table(sheet: Sheet, rows: readonly Cell[][]): void {
  sheet.table(undefined, (element) => {
    for (const row of rows) sheet.row(element, row);
  });
}

/** A time of ours, and whose clock it comes from. */
function moment({ beijing, utc }: Moment, source: string): Block[] {
  return [plain(PHRASES.moment(beijing, utc)), plain(source, look.SOURCE)];
}

// ---- the sections --------------------------------------------------------------------------------------------------

function drawTitle(sheet: Sheet, { header, commitment }: Facts): void {
  const beside = { width: look.WIDTH - QR_ROOM };
  sheet.y = QR_TOP - 4;
  sheet.paragraph(
    [plain(header.platform.name, look.ISSUER), ...english(header.platform.nameEn, look.LABEL_EN)],
    beside,
  );
  sheet.y += 10;
  const title = both(PHRASES.title, look.TITLE, look.TITLE_EN);
  sheet.paragraph(title, { ...beside, tag: 'H1' });
  sheet.y = Math.max(sheet.y, QR_TOP + 82);
  drawQr(sheet, header.id, commitment);
  sheet.y += 8;
  sheet.paragraph([
    plain(`${PHRASES.number.zh} ${header.id}`, look.ISSUER),
    ...english(PHRASES.number.en, look.LABEL_EN),
  ]);
  sheet.y += 8;
}

/** Three lines that identify the deposit without any link that could rot. */
function drawQr(sheet: Sheet, id: string, commitment: string): void {
  const { document } = sheet;
  const { data, size } = encode(`probata:1\n${id}\n${commitment}`, { ecc: 'M', border: 0 });
  const side = size * QR_MODULE;
  const left = look.RIGHT - side;
  const figure = document.element(document.root, 'Figure', {
    alt: PHRASES.qrAlt,
    bbox: [left, QR_TOP, look.RIGHT, QR_TOP + side],
  });
  const dark = data.flatMap((row, y) =>
    row.flatMap((isDark, x): [number, number][] => (isDark ? [[left + x * QR_MODULE, QR_TOP + y * QR_MODULE]] : [])),
  );
  document.mark(figure, () => drawSquares(document, dark, QR_MODULE, look.INK));
  figure.end();
}

function drawStatement(sheet: Sheet, facts: Facts): void {
  const { header, members } = facts;
  const received = momentOf(header.received);
  const cosigned = members.filter(({ missing }) => missing.length === 0);
  const statement = PHRASES.statement({
    how: header.capture.how,
    platform: header.platform.name,
    platformEn: header.platform.nameEn || header.platform.name,
    received: received.beijing,
    receivedUtc: received.utc,
    files: grouped(header.files),
    entry: grouped(facts.index),
    courts: cosigned.filter(({ kind }) => kind === 'court').length,
    arbitration: cosigned.filter(({ kind }) => kind === 'arbitration').length,
  });
  const blocks = [plain(statement.zh, look.LEAD), ...english(statement.en, look.LEAD_EN, 4)];
  if (facts.partial) {
    const partial = PHRASES.partial(grouped(facts.files.length), grouped(header.files));
    blocks.push(plain(partial.zh, look.LEAD_BOLD, 6), ...english(partial.en, look.LEAD_EN));
  }
  sheet.paragraph(blocks, { panel: look.PANEL, padding: 10, x: 14, width: look.WIDTH - 26 });
}

function drawFiles(sheet: Sheet, { files }: Facts): void {
  sheet.heading(PHRASES.files.zh, PHRASES.files.en);
  const columns = [
    heads(PHRASES.fileNumber, ...FILE),
    heads(PHRASES.fileName, 32, 164),
    heads(PHRASES.fileDigests, 206, 282),
  ];
  sheet.table(columns, (element) => {
    for (const file of files.slice(0, FILES_LISTED_MAX)) sheet.row(element, fileRow(file));
  });
  if (files.length <= FILES_LISTED_MAX) return;
  sheet.y += 6;
  sheet.paragraph(both(PHRASES.moreFiles(grouped(files.length - FILES_LISTED_MAX))));
}

function fileRow(file: FilePart): Cell[] {
  const digest = (label: string, hex: string): Block[] => [plain(label, look.DIGEST_LABEL), plain(hex, look.DIGEST)];
  const sm3 = file.sm3 === undefined ? [plain(PHRASES.sm3Missing, look.DIGEST_LABEL, 3)] : digest('SM3', file.sm3);
  const size = plain(PHRASES.bytes(grouped(file.size), humanSize(file.size)), look.SOURCE, 1);
  return [
    { x: FILE[0], width: FILE[1], blocks: [plain(String(file.index))] },
    {
      x: 32,
      width: 164,
      blocks: [plain(file.name, look.NAME), size, plain(file.mediaType, look.SOURCE)],
      heads: 'Row',
    },
    { x: 206, width: 282, blocks: [...digest('SHA-256', file.sha256), ...sm3] },
  ];
}

function drawTimes(sheet: Sheet, { header, members, otherSignatures }: Facts, signedAt: string): void {
  sheet.heading(PHRASES.times.zh, PHRASES.times.en);
  sheet.paragraph(both(PHRASES.timesNote));
  sheet.y += 2;
  table(sheet, [
    labelled(PHRASES.received, moment(momentOf(header.received), PHRASES.receivedBy)),
    labelled(PHRASES.signed, moment(momentOf(signedAt), PHRASES.signedBy)),
    labelled(PHRASES.trusted, both(PHRASES.trustedIn)),
  ]);
  sheet.y += 8;
  const columns = [
    heads(PHRASES.member, ...WHO),
    heads(PHRASES.memberTime, ...WHEN),
    heads(PHRASES.memberKey, ...KEYS),
  ];
  sheet.table(columns, (element) => {
    for (const row of members.flatMap(memberRows)) sheet.row(element, row);
  });
  if (otherSignatures === 0) return;
  sheet.y += 5;
  sheet.paragraph(both(PHRASES.otherSignatures(otherSignatures)));
}

/** One row for each time at which a member cosigned, so that no time can be read for another's. */
function memberRows(member: MemberFact): Cell[][] {
  const kind = PHRASES[member.kind];
  const name: Cell = {
    x: WHO[0],
    width: WHO[1],
    blocks: [
      plain(member.name),
      ...english(member.nameEn),
      plain(`${kind.zh} ${kind.en}\u3000${member.keyName}`, look.SOURCE),
    ],
    heads: 'Row',
  };
  const times = [...new Set(member.cosignatures.map(({ timeSeconds }) => timeSeconds))];
  if (times.length === 0) return [[name, ...cells(both(PHRASES.noCosignature, look.VALUE_EN), [])]];
  return times.map((time, i) => {
    const made = member.cosignatures.filter(({ timeSeconds }) => timeSeconds === time);
    return [
      i === 0 ? name : { ...name, blocks: [plain(member.name)] },
      ...cosignatureCells(time, made, member.missing),
    ];
  });
}

function cells(time: readonly Block[], keys: readonly Block[]): Cell[] {
  return [
    { x: WHEN[0], width: WHEN[1], blocks: time },
    { x: KEYS[0], width: KEYS[1], blocks: keys },
  ];
}

function cosignatureCells(time: bigint, made: readonly CosignatureFact[], missing: MemberFact['missing']): Cell[] {
  const { beijing, utc } = momentOfSeconds(time);
  const keys = made.map(({ algorithm, keyId }) => plain(`${algorithm} ${keyId}`, look.KEY));
  const incomplete = missing.flatMap((algorithm) => both(PHRASES.incomplete(algorithm), look.SOURCE_BOLD, look.SOURCE));
  return cells([plain(beijing), plain(PHRASES.utc(utc), look.VALUE_EN)], [...keys, ...incomplete]);
}

function drawLedger(sheet: Sheet, { header, index, checkpoint, commitment, logKeyId }: Facts): void {
  sheet.heading(PHRASES.ledger.zh, PHRASES.ledger.en);
  const digest = (hex: string): Block[] => [plain(hex, look.DIGEST)];
  table(sheet, [
    labelled(PHRASES.origin, [plain(header.origin), plain(PHRASES.logKey(logKeyId), look.SOURCE)]),
    labelled(PHRASES.entry, both(PHRASES.entryOf(grouped(index), grouped(checkpoint.size)))),
    labelled(PHRASES.commitment, digest(commitment)),
    labelled(PHRASES.root, digest(hexEncode(checkpoint.root))),
    labelled(PHRASES.policy, digest(header.policySha256)),
    labelled(PHRASES.construction, both(PHRASES.constructionText)),
  ]);
}

function drawSubmission(sheet: Sheet, { header }: Facts): void {
  sheet.heading(PHRASES.submission.zh, PHRASES.submission.en);
  const how = header.capture.how === 'upload' ? PHRASES.howUpload : PHRASES.howDigest;
  table(sheet, [
    labelled(PHRASES.submitter, [plain(header.submitter.name)]),
    labelled(PHRASES.identified, stated(header.submitter.identified)),
    labelled(PHRASES.how, both(how)),
    labelled(PHRASES.transport, [...stated(header.capture.transport), plain(header.capture.build, look.SOURCE)]),
  ]);
}

function drawRules(sheet: Sheet, { header }: Facts): void {
  const { platform, submitter, declared } = header;
  sheet.heading(PHRASES.rules.zh, PHRASES.rules.en);
  table(sheet, [
    labelled(PHRASES.article16, both(PHRASES.article16Text)),
    labelled(PHRASES.article17a, [
      ...stated(platform.statement, look.PROSE),
      ...english(platform.statementEn, look.PROSE_EN),
    ]),
    labelled(PHRASES.article17b, [...stated(submitter.relation), plain(PHRASES.relation, look.SOURCE)]),
    labelled(PHRASES.article17c, both(PHRASES.article17cText)),
  ]);
  drawDeclared(sheet, declared);
}

/** What the submitter says. That it is unchecked heads every page of it, and a line marks his words: he may write what looks like ours. */
function drawDeclared(sheet: Sheet, declared: Declared): void {
  sheet.y += 8;
  sheet.keepTogether();
  const columns = [
    heads(PHRASES.article18, 0, LABEL_WIDTH),
    heads(PHRASES.article18Text, VALUE_X, look.WIDTH - VALUE_X),
  ];
  sheet.table(columns, (element) => {
    for (const fact of Object.keys(PHRASES.declared) as (keyof Declared)[]) {
      const [label, value] = labelled(PHRASES.declared[fact], stated(declared[fact], look.PROSE)) as [Cell, Cell];
      sheet.row(element, [label, hasVisibleText(declared[fact]) ? { ...value, quoted: true } : value]);
    }
  });
}

function drawVerification(sheet: Sheet): void {
  sheet.heading(PHRASES.verification.zh, PHRASES.verification.en);
  for (const step of PHRASES.verificationSteps) sheet.paragraph(both(step), { padding: 2 });
  sheet.heading(PHRASES.limits.zh, PHRASES.limits.en);
  for (const limit of PHRASES.limitsText) sheet.paragraph(both(limit), { padding: 2 });
}

/** The number on every page after the first, and the page numbers: known only when all pages are there. */
function drawRunningHeads(sheet: Sheet, id: string): void {
  const { document, pages } = sheet;
  const draw = (text: string, y: number, align: 0 | 0.5 | 1): void => {
    const [line] = layOut(sheet.fonts, text, look.FOOT, look.WIDTH);
    if (line === undefined) throw new Error('invariant: text has a line');
    const room = look.WIDTH - (line.width / 1000) * look.FOOT.size;
    drawLine(document, line, look.FOOT, look.LEFT + room * align, y, look.WIDTH);
  };
  for (let page = 0; page < pages; page++) {
    document.onPage(page, () => {
      document.artifact(() => {
        draw(PHRASES.pageOf(page + 1, pages), look.BOTTOM + 26, 0.5);
        if (page === 0) return;
        draw(`${PHRASES.title.zh}\u3000${PHRASES.title.en}`, look.TOP - 25, 0);
        draw(id, look.TOP - 25, 1);
        drawArea(document, look.LEFT, look.TOP - 17, look.WIDTH, 0.5, look.RULE);
      }, 'Pagination');
    });
  }
}
