/**
 * A consortium of processes that die. What must hold: a deposit that was acknowledged is never lost, a certificate exists only with the
 * quorum, a member that is down delays nobody, and what is on disk is always a ledger that derives again.
 * PROBATA_KILLS says how often the platform is killed under load; 10 when not given.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { parseBundle } from '../ledger/core/bundle.ts';
import { parseCheckpoint } from '../ledger/core/checkpoint.ts';
import { parseDepositEntry } from '../ledger/core/entry.ts';
import { TILE_WIDTH } from '../ledger/core/limits.ts';
import { parseNote } from '../ledger/core/note.ts';
import { formatTilePath } from '../ledger/core/tile.ts';
import { originHash } from '../ledger/witness/request.ts';
import { ProcessConsortium, run, until, VERIFIER } from './processes/testing.ts';

const KILLS = Number(process.env['PROBATA_KILLS'] ?? 10);
const MIRRORS = ['arbitration-1', 'arbitration-2'];
const HASH = originHash('ledger.demo.example');

/** Size and root of fsck's last line; fails when it found anything. */
async function derived(target: string): Promise<string> {
  const { code, stdout, stderr } = await run(['fsck', target]);
  expect(code, `fsck ${target}\n${stdout}${stderr}`).equal(0);
  return /size \d+, root \S+/.exec(stdout)?.[0] ?? 'nothing';
}

describe('a consortium of processes', () => {
  let consortium: ProcessConsortium;
  let out: string;
  before(async () => {
    consortium = await ProcessConsortium.start();
    out = mkdtempSync(join(tmpdir(), 'probata-out-'));
  });
  after(async () => {
    await consortium.remove();
    rmSync(out, { recursive: true });
  });

  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.error(consortium.stderr.slice(-40).join('\n'));
  });

  async function acknowledged(): Promise<string> {
    const id = await consortium.deposit();
    if (typeof id !== 'string') throw new Error(`the deposit was answered with ${id}`);
    return id;
  }

  /** The certificate of a deposit, written beside its trust bundle. @returns what the verifier program says */
  async function verified(id: string): Promise<number> {
    const answer = await until('certificate', async () => {
      const got = await consortium.api(`/api/v1/deposits/${id}/certificate`);
      return got?.status === 200 ? got : undefined;
    });
    writeFileSync(join(out, `${id}.pdf`), answer.body);
    return check(id);
  }

  async function check(id: string): Promise<number> {
    const trust = join(consortium.data, 'trust.json');
    return (await run([join(out, `${id}.pdf`), '--trust', trust, '--certificate-only'], VERIFIER)).code;
  }

  it('says ready in one line on stdout, and notes every process', () => {
    expect(consortium.stdout).deep.equal([`ready ${consortium.url}`]);
    expect(consortium.running().length).equal(7);
    expect(existsSync(join(consortium.data, 'trust.json'))).equal(true);
  });

  it('certifies a deposit, and the certificate verifies', async () => {
    const id = await acknowledged();
    await consortium.reaches(id, 'certified');
    expect(await verified(id)).equal(0);
  });

  it('refuses a second start on the same data or the same ports with one sentence', async () => {
    const { data, port } = consortium;
    const sameData = await run(['start', '--data', data, '--port', String(port - 100)]);
    expect(sameData.code).equal(1);
    expect(sameData.stderr).match(/^probata: .*is in use: platform runs as process \d+ \(.*\)\n$/);
    const other = mkdtempSync(join(tmpdir(), 'probata-other-'));
    const samePorts = await run(['start', '--data', other, '--port', String(port)]);
    expect(samePorts.code).equal(1);
    expect(samePorts.stderr.trim().split('\n').at(-1)).match(
      /^probata: port \d+, which platform needs, is already in use; /,
    );
    rmSync(other, { recursive: true });
    expect(consortium.running().length).equal(7);
  });

  it('goes on when one court and one mirror die, says so, and nobody waits', async () => {
    await consortium.kill('court-4');
    await consortium.kill('arbitration-2');
    const id = await acknowledged();
    await consortium.reaches(id, 'certified');
    expect(await verified(id)).equal(0);
    for (const name of ['court-4', 'arbitration-2']) {
      expect(
        consortium.stderr.some((line) => line.startsWith(name) && line.includes('ended by SIGKILL; it stays down')),
      ).equal(true);
    }
  });

  it('with two courts down certifies nothing and names the group; when they are back it certifies by itself', async () => {
    await consortium.kill('court-3');
    const id = await acknowledged();
    const short = await until('a message about the courts', async () => {
      const view = await consortium.view(id);
      return view?.quorum.groups.find(({ name, have }) => name === 'courts' && have === 2) && view;
    });
    expect(short.state).equal('integrated');
    expect(short.message.en).contain('courts: 2 of the 3 needed have cosigned');
    expect((await consortium.api(`/api/v1/deposits/${id}/certificate`))?.status).equal(409);
    await until('not ready', async () => (await consortium.get(`${consortium.url}/readyz`))?.status === 503);
    await consortium.startAlone('court', 'court-3');
    await consortium.startAlone('court', 'court-4');
    await consortium.reaches(id, 'certified');
    expect(await verified(id)).equal(0);
  });

  it('with both mirrors down certifies nothing; when one is back it catches up and the deposit is certified', async () => {
    await consortium.kill('arbitration-1');
    const ids = [await acknowledged(), await acknowledged()];
    await sleep(1000);
    for (const id of ids) expect((await consortium.view(id))?.state).equal('integrated');
    await consortium.startAlone('mirror', 'arbitration-1');
    for (const id of ids) await consortium.reaches(id, 'certified');
    await consortium.startAlone('mirror', 'arbitration-2');
    await until('both mirrors hold the ledger', async () => {
      const roots = await Promise.all(MIRRORS.map((name) => checkpointOf(name)));
      return roots[0] === roots[1] && roots[0] !== undefined;
    });
  });

  async function checkpointOf(name: string): Promise<string | undefined> {
    const answer = await consortium.get(`${consortium.urlOf(name)}/mirror/${HASH}/checkpoint`);
    return answer?.status === 200 ? parseNote(answer.body).text : undefined;
  }

  it(`loses no acknowledged deposit when the platform is killed ${KILLS} times under load`, async () => {
    const ids: string[] = [];
    const load = { on: true };
    // Batches, because a certificate is owed to each single deposit at once, and drawing thousands is not what is tested here.
    const writer = async (): Promise<void> => {
      while (load.on) {
        const acknowledgements = await consortium.depositBatch(5);
        ids.push(...acknowledgements);
        if (acknowledgements.length === 0) await sleep(10);
      }
    };
    const writers = Array.from({ length: 8 }, writer);
    for (let kill = 0; kill < KILLS; kill++) {
      const before = ids.length;
      // Not always at the same place of a commit: the number of acknowledgements waited for changes.
      await until('load', () => ids.length > before + 20 + ((kill * 37) % 50));
      await consortium.kill('platform');
      await derived(consortium.dir('platform'));
      for (const name of MIRRORS) await derived(consortium.dir(name));
      await consortium.startAlone('platform', 'platform');
    }
    load.on = false;
    await Promise.all(writers);
    const last = await acknowledged();
    await consortium.reaches(last, 'certified');
    for (const id of ids) expect((await consortium.view(id))?.index, id).a('number');
    const logged = await loggedIds();
    expect(ids.filter((id) => !logged.has(id))).deep.equal([]);
    await until('the mirrors are level with the platform', async () => {
      const roots = await Promise.all(
        [consortium.dir('platform'), ...MIRRORS.map((name) => consortium.dir(name))].map(derived),
      );
      return new Set(roots).size === 1;
    });
  });

  /** The ids of all deposits on the ledger, from its entry bundles. */
  async function loggedIds(): Promise<Set<string>> {
    const note = await consortium.get(`${consortium.url}/ledger/checkpoint`);
    if (note === undefined) throw new Error('no checkpoint');
    const { size } = parseCheckpoint(parseNote(note.body).text);
    const ids = new Set<string>();
    for (let index = 0; index * TILE_WIDTH < size; index++) {
      const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
      const bundle = await consortium.get(
        `${consortium.url}/ledger/${formatTilePath({ level: 'entries', index, width })}`,
      );
      for (const entry of parseBundle(bundle?.body ?? new Uint8Array(), width)) ids.add(parseDepositEntry(entry).id);
    }
    return ids;
  }

  it('stops cleanly, and everything is there after the next start', async () => {
    const id = await acknowledged();
    await consortium.reaches(id, 'certified');
    const certificate = (await consortium.api(`/api/v1/deposits/${id}/certificate`))?.body;
    writeFileSync(join(out, `${id}.pdf`), certificate ?? '');
    expect(await consortium.end()).equal(0);
    await until('all stopped', () => consortium.running().length === 0);
    const roots = await Promise.all(['platform', ...MIRRORS].map((name) => derived(consortium.dir(name))));
    expect(new Set(roots).size).equal(1);
    await consortium.begin();
    expect((await consortium.view(id))?.state).equal('certified');
    expect((await consortium.api(`/api/v1/deposits/${id}/certificate`))?.body).deep.equal(certificate);
    const next = await acknowledged();
    await consortium.reaches(next, 'certified');
  });

  it('stops its members when it is killed itself', async () => {
    await consortium.end('SIGKILL');
    await until('all stopped', () => consortium.running().length === 0);
    await consortium.begin();
  });

  it('stops with exit code 0 at Ctrl-C too', async () => {
    expect(await consortium.end('SIGINT')).equal(0);
    await until('all stopped', () => consortium.running().length === 0);
  });

  it('without the platform’s data every certificate still verifies, and a mirror alone derives the same ledger', async () => {
    const root = await derived(consortium.dir('platform'));
    rmSync(consortium.dir('platform'), { recursive: true });
    for (const name of MIRRORS) expect(await derived(consortium.dir(name))).equal(root);
    const { code } = await run(['start', '--data', consortium.data, '--port', String(consortium.port)]);
    expect(code).equal(1);
    const certificates = readdirSync(out).map((name) => name.replace('.pdf', ''));
    expect(certificates.length).at.least(4);
    for (const id of certificates) expect(await check(id)).equal(0);
  });
});
