/** Reports and receipts on the command line: exit codes as scripts see them, what is said, and files written. The ledger is a lying one over real HTTP. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DepositEntry, formatEntry } from '../../ledger/core/entry.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import { parseTilePath } from '../../ledger/core/tile.ts';
import { cosignedNote, depositEntry, receiptOf, tilesOfLog } from '../../ledger/monitor/testing.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { TestLog } from '../../ledger/witness/testing.ts';
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

describe('probata check-receipts and check-report', () => {
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
      /^本报告证明失信行为：平台以回执承诺.*\nThis report proves misbehaviour: by its receipt/,
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

  it('of a file that is no report says 1, and which keys are missing says 64', async () => {
    const { code, stdout } = await probata('check-report', trust(), '--trust', trust());
    expect([code, stdout.split('\n').length]).deep.equal([1, 2]);
    expect(stdout).contain('report-malformed');
    expect((await probata('check-report', trust())).code).equal(64);
    expect((await probata('check-report')).code).equal(64);
  });
});
