/** Reports and receipts on the command line: exit codes as scripts see them, what is said, and files written. The ledger is a lying one over real HTTP. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { base64Encode, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { type DepositEntry, formatEntry } from '../../ledger/core/entry.ts';
import { formatForkReport } from '../../ledger/core/fork-report.ts';
import { EMPTY_ROOT } from '../../ledger/core/hash.ts';
import { formatVkey, type VerifierKey, vkeyOf } from '../../ledger/core/note.ts';
import { formatOmissionReport, parseOmissionReport } from '../../ledger/core/omission-report.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import { parseTilePath } from '../../ledger/core/tile.ts';
import { formatTlogProof } from '../../ledger/core/tlog-proof.ts';
import { cosignedNote, depositEntry, receiptOf, tilesOfLog } from '../../ledger/monitor/testing.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { TestLog, testCosigner, testSigner } from '../../ledger/witness/testing.ts';
import { statementDigest } from '../../verifier/core/statement.ts';
import { parseTrustBundle, type TrustBundle } from '../../verifier/core/trust.ts';
import { KEY_FILES } from '../config.ts';
import { readSigner } from '../keys.ts';
import { runProgram } from '../program.ts';
import { initConsortium } from '../roles/init.ts';

const ORIGIN = 'ledger.demo.example';
const HASH = originHash(ORIGIN);
const PAST = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

async function probata(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const code = await runProgram(args, { env: {}, out: (line) => stdout.push(line), err: (line) => stderr.push(line) });
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

/** The log of a consortium that `init` made, with the key on its disk. */
class StolenLog extends TestLog {
  override readonly signer: Signer;

  constructor(signer: Signer) {
    super(ORIGIN);
    this.signer = signer;
  }
}

describe('probata check-receipts, check-report, and fsck by a trust bundle', () => {
  let data: string;
  let out: string;
  let server: Server;
  let base: string;
  let receiptSigner: Signer;
  let log: StolenLog;
  /** What is served, by path. */
  const notes = new Map<string, Uint8Array>();
  const kept = depositEntry(1, PAST);
  const dropped = depositEntry(2, PAST + 5);
  const last = depositEntry(3, PAST + 9);

  before(async () => {
    data = mkdtempSync(join(tmpdir(), 'probata-reports-'));
    out = join(data, 'out');
    await initConsortium({ data, port: 9000, courts: 4, mirrors: 2, name: 'demo', nowMs: PAST });
    receiptSigner = readSigner(join(data, 'platform', KEY_FILES.receipt), `${ORIGIN}/receipt`, 0x01);
    log = new StolenLog(readSigner(join(data, 'platform', KEY_FILES.log), ORIGIN, 0x01));
    for (const entry of [kept, last]) log.append(formatEntry(entry));
    const tiles = tilesOfLog(log);
    server = createServer(async (request, response) => {
      const path = request.url ?? '';
      const tile = /\/(tile\/.*)$/.exec(path)?.[1];
      const body = tile === undefined ? notes.get(path) : await tiles(parseTilePath(tile)).catch(() => undefined);
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    rmSync(data, { recursive: true });
  });

  function signersOf(member: string): Signer[] {
    const name = `${member}.demo.example`;
    return [
      readSigner(join(data, member, KEY_FILES.ed25519), name, 0x04),
      readSigner(join(data, member, KEY_FILES.mlDsa44), name, 0x06),
    ];
  }

  /** Serves the ledger's checkpoint as these members cosigned it, a number of days after the receipts. */
  async function serve(path: string, members: readonly string[], days: number): Promise<string> {
    const time = BigInt(PAST / 1000 + days * 86_400);
    notes.set(`${path}/checkpoint`, await cosignedNote(log, 2, members.flatMap(signersOf), time));
    return base + path;
  }

  async function receipt(entry: DepositEntry, deadlineMs = PAST + DAY_MS): Promise<string> {
    const path = join(data, `${entry.id}.receipt`);
    writeFileSync(path, await receiptOf(entry, deadlineMs, receiptSigner));
    return path;
  }

  const QUORUM = ['court-1', 'court-2', 'court-3', 'arbitration-1'];
  const trust = (): string => join(data, 'trust.json');

  it('says 0 for entries on the ledger and for those not due yet', async () => {
    const url = await serve('/ledger', QUORUM, 0.5);
    const future = await receipt(dropped, Date.now() + DAY_MS);
    const files = [await receipt(kept), await receipt(last), future];
    const { code, stdout } = await probata('check-receipts', ...files, '--url', url, '--trust', trust(), '--out', out);
    expect([code, stdout.split('\n').length]).deep.equal([0, 3]);
    expect(stdout).contain('on the ledger as entry 0').contain('on the ledger as entry 1').contain('not due yet');
  });

  it('says 2 while no checkpoint is cosigned after the deadline, when a receipt is not one, and when nobody can be asked', async () => {
    const url = await serve('/ledger', QUORUM, 0.5);
    const file = await receipt(dropped);
    const ask = async (path: string, at: string) =>
      (await probata('check-receipts', path, '--url', at, '--trust', trust())).code;
    expect(await ask(file, url)).equal(2);
    expect(await ask(trust(), url)).equal(2);
    expect(await ask(file, `${base}/nowhere`)).equal(2);
    expect(await ask(file, await serve('/short', QUORUM.slice(1), 2))).equal(2);
  });

  it('says 64 when a file is missing', async () => {
    const url = await serve('/ledger', QUORUM, 2);
    const file = await receipt(kept);
    expect((await probata('check-receipts', `${file}.gone`, '--url', url, '--trust', trust())).code).equal(64);
    expect((await probata('check-receipts', file, '--url', url, '--trust', join(data, 'gone'))).code).equal(64);
    expect((await probata('check-receipts', file, '--trust', trust())).code).equal(64);
  });

  it('says 1 for a deposit that was dropped, and writes a report that anyone with the trust bundle confirms', async () => {
    const url = await serve('/ledger', QUORUM, 2);
    const files = [await receipt(kept), await receipt(dropped)];
    const { code, stdout } = await probata('check-receipts', ...files, '--url', url, '--trust', trust(), '--out', out);
    expect(code, stdout).equal(1);
    expect(readdirSync(out)).deep.equal([`omission-${dropped.id}.json`]);
    const report = join(out, `omission-${dropped.id}.json`);
    const confirmed = await probata('check-report', report, '--trust', trust());
    expect(confirmed.code).equal(0);
    expect(confirmed.stdout).match(
      /^本报告证明承诺未兑现：平台以回执承诺.*不等于.*\nThis report proves a broken promise: by its receipt.*under a checkpoint cosigned.*need not be a lie/,
    );
    expect(confirmed.stdout)
      .contain(dropped.id)
      .contain('(court-3)')
      .contain('(arbitration-1)')
      .not.contain('(court-4)');
    writeFileSync(report, readFileSync(report, 'utf8').replace('"first":0', '"first":1'));
    expect((await probata('check-report', report, '--trust', trust())).code).equal(1);
    expect((await probata('check-report', report, '--vkey', 'nonsense')).code).equal(64);
  });

  it('joins what courts and a mirror show, each its own cosignature only, when the platform is not asked', async () => {
    const urls = [];
    for (const member of QUORUM) urls.push(await serve(`/${member}/${HASH}`, [member], 2));
    const file = await receipt(dropped);
    const ask = async (at: readonly string[]) =>
      (await probata('check-receipts', file, '--url', ...at, '--trust', trust(), '--out', out)).code;
    expect(await ask(urls)).equal(1);
    expect(await ask(urls.slice(1))).equal(2);
  });

  describe('across a change of policy', () => {
    /** Days after the receipts: their deadline is 1. */
    const [REPORTED, CHANGED, LATER] = [2, 3, 4];
    const REPLACED = ['court-1', 'court-2'];
    const replaced = REPLACED.flatMap((member) => testCosigner(`${member}.demo.example`));
    const nextLog = new TestLog(ORIGIN);
    let bundle: TrustBundle;
    let digest: string;
    /** A report made before the change, and the bundle after it. */
    let report: string;
    let after: string;

    before(async () => {
      bundle = JSON.parse(readFileSync(trust(), 'utf8')) as TrustBundle;
      report = await reportOf(await serve('/before', QUORUM, REPORTED), trust());
      ({ digest } = parseTrustBundle(new Uint8Array(readFileSync(trust()))));
      after = await changeTo({ ...bundle, policy: replacedKeys(bundle.policy) }, log);
      log.append(formatEntry(depositEntry(4, PAST + CHANGED * DAY_MS + 1)));
      for (const entry of log.entries) nextLog.append(entry);
    });

    /** The policy with another key of the log and other keys of two courts. */
    function replacedKeys(policy: string): string {
      const courts = REPLACED.flatMap((member) => signersOf(member).map(({ key }) => formatVkey(key)));
      const keys = [[formatVkey(log.signer.key), formatVkey(nextLog.signer.key)] as const];
      const pairs = [...keys, ...courts.map((vkey, i) => [vkey, formatVkey(replaced[i]?.key as VerifierKey)] as const)];
      return pairs.reduce((text, [old, next]) => text.replace(old, next), policy);
    }

    /** The bundle once the change to this statement is on the ledger, and the old policy's members have cosigned it. */
    async function changeTo(next: TrustBundle, on: TestLog): Promise<string> {
      const received = new Date(PAST + CHANGED * DAY_MS).toISOString();
      const extra = formatEntry({ kind: 'policy', v: 1, received, statement: statementDigest(next, digest) });
      on.append(extra);
      const signers = [...QUORUM, 'court-4'].flatMap(signersOf);
      const checkpoint = utf8Decode(await cosignedNote(on, 3, signers, secondsAt(CHANGED))) ?? '';
      const change = formatTlogProof({ extra, index: 2, proof: on.subtreeProof(2, 3, 3), checkpoint });
      const { notBefore: _, notAfter: __, ...ended } = bundle;
      const path = join(mkdtempSync(join(data, 'bundle-')), 'trust.json');
      writeFileSync(path, JSON.stringify({ ...next, epochs: [{ ...ended, change }] }));
      return path;
    }

    /** The report that check-receipts writes of the dropped deposit. */
    async function reportOf(url: string, believed: string): Promise<string> {
      const dir = mkdtempSync(join(data, 'epoch-'));
      const { code, stdout } = await probata(
        'check-receipts',
        await receipt(dropped),
        '--url',
        url,
        '--trust',
        believed,
        '--out',
        dir,
      );
      expect(code, stdout).equal(1);
      return join(dir, `omission-${dropped.id}.json`);
    }

    async function check(file: string, believed: string): Promise<string> {
      const { code, stdout } = await probata('check-report', file, '--trust', believed);
      return code === 0 ? 'proven' : (/\(([a-z-]+)\)/.exec(stdout)?.[1] ?? stdout);
    }

    /** A copy of the report under another checkpoint of the same tree. */
    async function under(note: Uint8Array): Promise<string> {
      const path = join(data, 'under.json');
      const checkpoint = utf8Decode(note) ?? '';
      writeFileSync(path, formatOmissionReport({ ...parseOmissionReport(readFileSync(report, 'utf8')), checkpoint }));
      return path;
    }

    const secondsAt = (days: number): bigint => BigInt(PAST / 1000 + days * 86_400);

    it('a report from before log and courts had other keys still proves what it proved, and names who signed', async () => {
      expect(await check(report, trust())).equal('proven');
      expect(await check(report, after)).equal('proven');
      const { stdout } = await probata('check-report', report, '--trust', after);
      expect(stdout).contain('(court-1)').contain('(court-2)').contain('(arbitration-1)').not.contain('(court-4)');
    });

    it('a report from after it is proven by the bundle from after it alone', async () => {
      const signers = [...replaced, ...['court-3', 'arbitration-1'].flatMap(signersOf)];
      notes.set('/after/checkpoint', await cosignedNote(nextLog, 4, signers, secondsAt(LATER)));
      const made = await reportOf(`${base}/after`, after);
      expect(await check(made, after)).equal('proven');
      expect(await check(made, trust())).equal('note-not-signed');
    });

    it('fsck holds a ledger against what the bundle knows of it: keys and their time, and where each epoch ended', async () => {
      const check = async (of: TestLog, size: number, believed = after): Promise<string> => {
        notes.set('/derived/checkpoint', utf8Encode((await of.head(size)).note));
        const { code, stdout } = await probata('fsck', `${base}/derived`, '--trust', believed);
        return `${code} ${stdout.split('\n')[0]}`;
      };
      expect(await check(log, 3)).match(/^0 size 3, /);
      expect(await check(nextLog, 4)).match(/^0 size 4, /);
      expect(await check(log, 4), 'by a key that had been replaced').match(/^1 malformed checkpoint: note-not-signed/);
      expect(await check(log, 2)).match(/^1 different checkpoint: size 2, of a log that had 3 entries/);
      const other = new StolenLog(log.signer);
      for (const entry of [kept, dropped]) other.append(formatEntry(entry));
      const another = await changeTo({ ...bundle, policy: replacedKeys(bundle.policy) }, other);
      expect(await check(nextLog, 4, another)).match(
        /^1 different checkpoint of the trust bundle that ended epoch 1: /,
      );
    });

    it('receipts are held against the last checkpoint of the ended policy while there is no larger one', async () => {
      const ask = async (file: string): Promise<number> =>
        (await probata('check-receipts', file, '--url', `${base}/last`, '--trust', after, '--out', out)).code;
      const late = await receipt(depositEntry(5, PAST + 7), PAST + (CHANGED + 0.5) * DAY_MS);
      notes.set('/last/checkpoint', await cosignedNote(log, 3, QUORUM.flatMap(signersOf), secondsAt(CHANGED)));
      expect(await ask(await receipt(kept))).equal(0);
      expect(await ask(await receipt(dropped))).equal(1);
      expect(await ask(late), 'nobody has cosigned since').equal(2);
      notes.set('/last/checkpoint', await cosignedNote(log, 3, QUORUM.flatMap(signersOf), secondsAt(LATER)));
      expect(await ask(late), 'by those who have left').equal(2);
      const today = [...replaced, ...['court-3', 'arbitration-1'].flatMap(signersOf)];
      notes.set('/last/checkpoint', await cosignedNote(log, 3, today, secondsAt(LATER)));
      expect(await ask(late), 'by those who are there now').equal(1);
    });

    it('a larger checkpoint signed with a log key that had been replaced does not hide the one below it', async () => {
      const today = [...replaced, ...['court-3', 'arbitration-1'].flatMap(signersOf)];
      notes.set('/larger/checkpoint', await cosignedNote(log, 4, today, secondsAt(LATER)));
      notes.set('/below/checkpoint', await cosignedNote(log, 3, today, secondsAt(LATER)));
      const [file, at] = [await receipt(dropped), [`${base}/larger`, `${base}/below`]];
      const { code, stdout } = await probata('check-receipts', file, '--url', ...at, '--trust', after, '--out', out);
      expect(code, stdout).equal(1);
    });

    it('a replaced receipt key accuses nobody by receipts dated after the change, and goes on to before it', async () => {
      const next = vkeyOf(`${ORIGIN}/receipt`, 0x01, testSigner('next', 0x01).key.publicKey);
      const on = new StolenLog(log.signer);
      for (const entry of [kept, last]) on.append(formatEntry(entry));
      const believed = await changeTo({ ...bundle, receiptKeys: [formatVkey(next), ...bundle.receiptKeys] }, on);
      notes.set('/replaced/checkpoint', await cosignedNote(on, 3, QUORUM.flatMap(signersOf), secondsAt(9)));
      const forged = await receipt(depositEntry(6, PAST + LATER * DAY_MS), PAST + (LATER + 1) * DAY_MS);
      const args = ['--url', `${base}/replaced`, '--out', out, '--trust'];
      const { code, stdout } = await probata('check-receipts', forged, ...args, believed);
      expect(code, stdout).equal(2);
      expect(stdout).contain('had been replaced').contain('note-not-signed');
      const { receipt: owed, ...evidence } = parseOmissionReport(readFileSync(report, 'utf8'));
      const accusation = join(data, 'forged.json');
      writeFileSync(accusation, formatOmissionReport({ ...evidence, receipt: readFileSync(forged, 'utf8') }));
      expect(await check(accusation, believed)).equal('note-not-signed');
      expect(owed).contain(dropped.id);
      expect(await check(report, believed)).equal('proven');
    });

    it('courts that have left accuse nobody by what they cosign later', async () => {
      const late = await cosignedNote(log, 2, QUORUM.flatMap(signersOf), secondsAt(LATER));
      expect(await check(await under(late), trust())).equal('proven');
      expect(await check(await under(late), after)).equal('report-unproven');
    });

    /** A bundle in which court-2's keys are revoked, days after the receipts. */
    async function revoke(days: number): Promise<string> {
      const at = new Date(PAST + days * DAY_MS).toISOString();
      const revoked = signersOf('court-2').map(({ key }) => ({ key: formatVkey(key), at }));
      const on = new StolenLog(log.signer);
      for (const entry of [kept, last]) on.append(formatEntry(entry));
      return changeTo({ ...bundle, policy: replacedKeys(bundle.policy), revoked }, on);
    }

    it('a revoked court accuses nobody by what it cosigns from then on', async () => {
      expect(await check(report, await revoke(REPORTED + 0.5))).equal('proven');
      expect(await check(report, await revoke(REPORTED - 0.5))).equal('report-unproven');
    });

    it('a fork report names who cosigned with the keys of that time, and nobody for a revoked key', async () => {
      const fork = new StolenLog(log.signer);
      for (const entry of [kept, dropped]) fork.append(formatEntry(entry));
      const noteOf = async (of: TestLog): Promise<string> =>
        utf8Decode(await cosignedNote(of, 2, QUORUM.flatMap(signersOf), secondsAt(REPORTED))) ?? '';
      const path = join(data, 'fork.json');
      const [newer, older] = [await noteOf(fork), await noteOf(log)];
      writeFileSync(path, formatForkReport({ newer, older, root: fork.root(0, 2), proof: [] }));
      const both = async (believed: string): Promise<string> =>
        /both were cosigned.*/.exec((await probata('check-report', path, '--trust', believed)).stdout)?.[0] ?? '';
      expect(await both(after))
        .contain('(court-1)')
        .contain('(court-2)')
        .not.contain('(court-4)');
      expect(await both(await revoke(REPORTED - 0.5)))
        .contain('(court-1)')
        .not.contain('(court-2)');
    });

    it('a fork report counts with a replaced log key up to the size where its time ended, and says that it was replaced', async () => {
      const thief = new StolenLog(log.signer);
      for (const entry of [kept, dropped, last, depositEntry(5, PAST)]) thief.append(formatEntry(entry));
      const ask = async (honest: TestLog, size: number, believed: string): Promise<string> => {
        const path = join(data, 'stolen.json');
        const [newer, older] = [(await thief.head(size)).note, (await honest.head(size)).note];
        writeFileSync(path, formatForkReport({ newer, older, root: thief.root(0, size), proof: [] }));
        const { stdout } = await probata('check-report', path, '--trust', believed);
        return /\(note-not-signed\)|已更换.*|proves misbehaviour/.exec(stdout)?.[0] ?? stdout;
      };
      expect(await ask(nextLog, 4, after)).equal('(note-not-signed)');
      expect(await ask(nextLog, 3, after), 'of a size from before').match(/^已更换/);
      expect(await ask(log, 3, after)).match(/^已更换/);
      expect(await ask(log, 4, trust()), 'by the bundle of its time').equal('proves misbehaviour');
    });
  });

  it('of a checkpoint of size 0 that no empty ledger has says that, and of no second one', async () => {
    const { note } = await log.head(0, [], log.root(0, 2));
    const path = join(data, 'false-empty.json');
    writeFileSync(path, formatForkReport({ newer: note, older: note, root: EMPTY_ROOT, proof: [] }));
    const { code, stdout } = await probata('check-report', path, '--trust', trust());
    expect(code).equal(0);
    expect(stdout)
      .contain(`长度为 0，根哈希却是 ${base64Encode(log.root(0, 2))}`)
      .contain(`an empty ledger has ${base64Encode(EMPTY_ROOT)}`)
      .not.contain('two checkpoints');
  });

  it('of a file that is no report says 1, and which keys are missing says 64', async () => {
    const { code, stdout } = await probata('check-report', trust(), '--trust', trust());
    expect([code, stdout.split('\n').length]).deep.equal([1, 2]);
    expect(stdout).contain('report-malformed');
    expect((await probata('check-report', trust())).code).equal(64);
    expect((await probata('check-report')).code).equal(64);
  });
});
