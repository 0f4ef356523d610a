/** The log's key replaced at a mirror that has distrusted the old one: its folder keeps what the old key signed, and fsck can tell by the bundle. */
import { join } from 'node:path';
import { expect } from 'chai';
import { formatCheckpoint } from '../../ledger/core/checkpoint.ts';
import { formatNote, formatVkey, parseNote } from '../../ledger/core/note.ts';
import { signNote } from '../../ledger/core/signature.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { formatRemembered, parseRemembered } from '../../ledger/witness/state.ts';
import { runFsck } from '../commands/fsck.ts';
import { KEY_FILES, readConfig, TRUST_FILE } from '../config.ts';
import { readSigner } from '../keys.ts';
import { grow, shownBy } from '../recovery/testing.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';
import { openMirrorStores } from '../wiring.ts';
import { distrustLog, trustLog } from './member.ts';
import { propose } from './propose.ts';

const UNSIGNED = /malformed (mirror|pending) checkpoint \d+: /;

describe('server/epochs log key, in a mirror’s folder', function () {
  this.timeout(240_000);
  let consortium: TestConsortium;
  let dir: string;
  let trust: string;
  before(async () => {
    consortium = await TestConsortium.start({}, 1, 1);
    dir = consortium.dir('arbitration-1');
    trust = join(consortium.dir('platform'), TRUST_FILE);
  });
  after(() => consortium.end());

  async function fsck(options: { trust?: string } = {}, folder = dir): Promise<{ code: number; said: string[] }> {
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    const code = await runFsck(folder, { ...options, evidence: true }, { env: {}, out: say, err: say });
    return { code, said };
  }

  it('is in order under the trust bundle, after the old key has been distrusted', async () => {
    await grow(consortium, 2);
    const lines = await propose(
      consortium.dir('platform'),
      { member: [], leave: [], newKey: ['log'], revoke: [] },
      Date.now(),
    );
    const vkey = lines[0]?.split(' ').at(-1) ?? '';
    await consortium.stop('platform');
    for (const name of ['court-1', 'arbitration-1']) {
      trustLog(consortium.dir(name), vkey);
      await consortium.stop(name);
      await consortium.startMember(name);
    }
    await consortium.startPlatform();
    const { size } = await grow(consortium, 2);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === size);
    distrustLog(dir, trust);
    await consortium.stop('arbitration-1');
    await consortium.stop('platform');
    expect(readConfig(dir, 'mirror').logs.map(({ vkeys }) => vkeys)).to.deep.equal([[vkey]]);

    const alone = await fsck();
    expect(alone.code, 'the folder alone knows the old key no more').to.equal(1);
    expect(alone.said.filter((line) => !UNSIGNED.test(line))).to.have.length(1);
    const { code, said } = await fsck({ trust });
    expect(code, said.join('\n')).to.equal(0);
    const platform = await fsck({}, consortium.dir('platform'));
    expect(platform.code, platform.said.join('\n')).to.equal(0);
  });

  it('is believed in a folder for no tree beyond its time', async () => {
    const { logKey } = readTrust(consortium.dir('platform'));
    const old = readSigner(join(consortium.dir('platform'), 'epochs', '1', KEY_FILES.log), logKey.name, 0x01);
    expect(formatVkey(old.key)).not.equal(formatVkey(logKey));
    const stores = await openMirrorStores(dir, (error) => {
      throw error;
    });
    const pending = stores.pending(originHash(logKey.name));
    const latest = await pending.latest();
    if (latest === undefined) throw new Error('the mirror has accepted checkpoints');
    const { checkpoint, note } = parseRemembered(latest.bytes);
    const text = formatCheckpoint(checkpoint);
    expect(text).equal(parseNote(note).text);
    const signed = formatNote({ text, signatures: [await signNote(text, old)] });
    const thief = formatRemembered({ timeSeconds: 1, note: signed, checkpoint });
    expect(await pending.create(latest.number + 1, thief)).equal(true);
    await stores.close();
    const { code, said } = await fsck({ trust });
    expect(code).to.equal(1);
    expect(said.filter((line) => UNSIGNED.test(line))).to.have.length(1);
    expect(said[0]).to.include(`pending checkpoint ${latest.number + 1}: `);
  });
});
