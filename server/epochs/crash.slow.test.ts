/**
 * A platform killed again and again while it makes a change of policy. However often: the change is on the ledger once, the platform is
 * under the new policy in the end, what was taken in before is certified, and one bundle judges all.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { randomFrom } from '../../fixtures/random.ts';
import { rounds } from '../../fixtures/slow.ts';
import { noteRow } from '../../fixtures/tables.ts';
import { parseBundle } from '../../ledger/core/bundle.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { type Entry, parseEntry } from '../../ledger/core/entry.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { formatTilePath } from '../../ledger/core/tile.ts';
import { parseTrustBundle, type Trust } from '../../verifier/core/trust.ts';
import { ProcessConsortium, run, until, VERIFIER } from '../processes/testing.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/probata.js', import.meta.url));
/** Kills fall within this time after a start, and with each one within so much more: however slow the machine, one comes too late. */
const WITHIN_MS = 1000;
const SEED = 16;

describe('a change of policy cut short', function () {
  this.timeout(1_200_000);
  let consortium: ProcessConsortium;
  let out: string;
  before(async () => {
    consortium = await ProcessConsortium.start();
    out = mkdtempSync(join(tmpdir(), 'probata-epochs-'));
  });
  after(async () => {
    await consortium.remove();
    rmSync(out, { recursive: true });
  });

  const trust = (): Trust => parseTrustBundle(readFileSync(join(consortium.dir('platform'), 'trust.json')));

  async function accepted(id: string): Promise<string> {
    const answer = await until('certificate', async () => {
      const got = await consortium.api(`/api/v1/deposits/${id}/certificate`);
      return got?.status === 200 && got;
    });
    const path = join(out, `${id}.pdf`);
    writeFileSync(path, answer.body);
    const bundle = join(consortium.dir('platform'), 'trust.json');
    const { stdout } = await run([path, '--trust', bundle, '--certificate-only', '--lang', 'en'], VERIFIER);
    return stdout;
  }

  async function entries(): Promise<Entry[]> {
    const note = await consortium.get(`${consortium.url}/ledger/checkpoint`);
    const { size } = parseCheckpoint(parseNote(note?.body ?? new Uint8Array()).text);
    const path = formatTilePath({ level: 'entries', index: 0, width: size });
    const bundle = await consortium.get(`${consortium.url}/ledger/${path}`);
    return parseBundle(bundle?.body ?? new Uint8Array(), size).map(parseEntry);
  }

  it('is made once, however often the platform is killed', async () => {
    const first = await deposited();
    await consortium.reaches(first, 'certified');
    const die = randomFrom(SEED);
    let kills = 0;
    let cut = 0;
    for (let change = 0; change < rounds(5); change++) {
      const propose = ['epoch', 'propose', consortium.dir('platform'), '--new-key', 'receipt', 'pdf'];
      const { code, stderr } = await run(propose);
      expect(code, stderr).to.equal(0);
      await consortium.kill('platform');
      const from = trust().number;
      for (let attempt = 1; trust().number === from; attempt++) {
        const child = spawn(process.execPath, [PROGRAM, 'platform', consortium.dir('platform')], { stdio: 'ignore' });
        const ended = new Promise((resolve) => child.once('exit', resolve));
        await sleep(die(WITHIN_MS * attempt));
        if (trust().number === from) cut += 1;
        child.kill('SIGKILL');
        await ended;
        kills += 1;
      }
      await consortium.startAlone('platform', 'platform');
      const id = await deposited();
      await consortium.reaches(id, 'certified');
    }
    const changes = (await entries()).filter(({ kind }) => kind === 'policy').length;
    noteRow('key life cycle', 'killed', {
      case: `a platform killed ${kills} times (seed ${SEED}), ${cut} of them while it made a change`,
      expectation: `${rounds(5)} changes on the ledger`,
      result: `${changes} changes on the ledger`,
    });
    expect(changes).to.equal(rounds(5));
    expect(trust().number).to.equal(rounds(5) + 1);
    expect(await accepted(first)).to.match(
      /Verification: consistent\..*Judged by the bodies, keys and quorum of epoch 1 of /s,
    );
    const last = await deposited();
    await consortium.reaches(last, 'certified');
    expect(await accepted(last)).to.match(/Verification: consistent\./);
    const fsck = await run(['fsck', consortium.dir('platform')]);
    expect(fsck.code, fsck.stdout + fsck.stderr).to.equal(0);
  });

  async function deposited(): Promise<string> {
    const id = await consortium.deposit();
    return typeof id === 'string' ? id : expect.fail(`the deposit was answered with ${id}`);
  }
});
