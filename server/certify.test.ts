/** When a certificate is made: for whom first, what a failure holds up, and how a wait for one ends. */
import { expect } from 'chai';
import { World } from '../ledger/log/testing.ts';
import { MemoryDisk, memoryBlobs, memoryStores } from '../ledger/store/memory.ts';
import { depositRowCheck } from './commands/fsck-deposits.ts';
import { DEFAULT_LIMITS } from './intake/limits.ts';
import { diskSpace } from './intake/space.ts';
import type { NotaryOptions } from './notarize.ts';
import { codeOf, digests, inState, type Life, Lives, type live, until, upload } from './testing.ts';

/** Certificates that are made only when let go; notes whose were begun, in order. */
class Gates {
  readonly begun: string[] = [];
  #open = false;
  #held: (() => void)[] = [];

  readonly issue: NotaryOptions['issue'] = async (record) => {
    this.begun.push(/(asked|owed) \d/.exec(JSON.stringify(record))?.[0] ?? '');
    if (!this.#open) await new Promise<void>((resolve) => this.#held.push(resolve));
    return Buffer.from('certificate');
  };

  open(): void {
    this.#open = true;
    for (const resolve of this.#held.splice(0)) resolve();
  }
}

/** Deposits these as a batch, whose certificates are owed to nobody, and waits until they can be asked for. */
async function batch(life: Life, names: readonly string[]): Promise<string[]> {
  const taken = await Promise.all(names.map((name) => life.notary.submit(digests(name, { mode: 'batch' }))));
  const ids = taken.map(({ deposit }) => deposit.id);
  await until(inState(life, ids.at(-1) ?? '', 'published'));
  return ids;
}

describe('server/certify', () => {
  const lives = new Lives();
  const begin: typeof live = (...args) => lives.begin(...args);
  afterEach(() => lives.end());

  it('certifies what a batch brought only when it is asked for, once', async () => {
    let made = 0;
    const issue = async () => Buffer.from(`certificate ${++made}`);
    const life = await begin(new World(), new MemoryDisk(), { issue });
    const { notary } = life;
    const { deposit } = await notary.submit(digests('a', { mode: 'batch' }));
    await until(inState(life, deposit.id, 'published'));
    expect(notary.certifier.owed).to.equal(0);
    const both = await Promise.all([
      notary.certifier.certificate(deposit.id),
      notary.certifier.certificate(deposit.id),
    ]);
    expect(both[0]).to.deep.equal(both[1]);
    expect(made).to.equal(1);
    expect((await notary.standing(deposit.id)).state).to.equal('certified');
  });

  it('tries a certificate again until it can be made, and holds up nobody else', async () => {
    let failing = true;
    const issue: NotaryOptions['issue'] = async (record) => {
      if (failing && JSON.stringify(record).includes('stubborn')) throw new Error('no timestamp service answered');
      return Buffer.from('certificate');
    };
    const life = await begin(new World(), new MemoryDisk(), { issue });
    const stubborn = await upload(life.notary, 'stubborn');
    const other = await upload(life.notary, 'other');
    await until(inState(life, other.id, 'certified'));
    expect((await life.notary.standing(stubborn.id)).state).to.equal('published');
    expect(await codeOf(life.notary.certifier.certificate(stubborn.id))).to.equal('certificate-unavailable');
    failing = false;
    await until(inState(life, stubborn.id, 'certified'));
  });

  it('makes what is owed although nothing has happened on the ledger since others were asked for', async () => {
    const gates = new Gates();
    const life = await begin(new World(), new MemoryDisk(), { issue: gates.issue });
    const asked = (await batch(life, ['asked 1', 'asked 2'])).map((id) => life.notary.certifier.certificate(id));
    await until(() => gates.begun.length === 2);
    const { id } = await upload(life.notary, 'owed 1');
    await until(inState(life, id, 'published'));
    gates.open();
    await Promise.all(asked);
    await until(inState(life, id, 'certified'));
  });

  it('makes what is owed next, however many others are asked for', async () => {
    const gates = new Gates();
    const life = await begin(new World(), new MemoryDisk(), { issue: gates.issue });
    const names = ['asked 1', 'asked 2', 'asked 3', 'asked 4', 'asked 5'];
    const asked = (await batch(life, names)).map((id) => life.notary.certifier.certificate(id));
    await until(() => gates.begun.length === 2);
    await upload(life.notary, 'owed 1');
    await until(inState(life, (await upload(life.notary, 'owed 2')).id, 'published'));
    gates.open();
    await Promise.all(asked);
    expect(gates.begun.slice(2, 4).sort()).to.deep.equal(['owed 1', 'owed 2']);
  });

  it('makes what is owed next, also when it is asked for and others were asked for before', async () => {
    const gates = new Gates();
    const life = await begin(new World(), new MemoryDisk(), { issue: gates.issue });
    await upload(life.notary, 'owed 1');
    await upload(life.notary, 'owed 2');
    await until(() => gates.begun.length === 2);
    const names = ['asked 1', 'asked 2', 'asked 3', 'asked 4', 'asked 5'];
    const { certifier } = life.notary;
    const asked = (await batch(life, names)).map((id) => certifier.certificate(id));
    const { id } = await upload(life.notary, 'owed 3');
    await until(inState(life, id, 'published'));
    asked.push(certifier.certificate(id));
    await new Promise((resolve) => setTimeout(resolve, 10));
    gates.open();
    await Promise.all(asked);
    expect(gates.begun.slice(2, 5)).to.include('owed 3');
  });

  it('makes what is asked for next, however many others are owed', async () => {
    const gates = new Gates();
    const life = await begin(new World(), new MemoryDisk(), { issue: gates.issue });
    const [id = ''] = await batch(life, ['asked 1']);
    for (const name of ['owed 1', 'owed 2', 'owed 3']) await upload(life.notary, name);
    await until(inState(life, (await upload(life.notary, 'owed 4')).id, 'published'));
    const asked = life.notary.certifier.certificate(id);
    await new Promise((resolve) => setTimeout(resolve, 10));
    gates.open();
    await asked;
    expect(gates.begun.slice(0, 3)).to.deep.equal(['owed 1', 'owed 2', 'asked 1']);
    await until(() => life.notary.certifier.owed === 0);
  });

  it('makes none on a disk that is all but full: refuses what is asked for, and tries again what is owed', async () => {
    let freeBytes = 49;
    const space = diskSpace(async () => ({ freeBytes, totalBytes: 1000 }), DEFAULT_LIMITS);
    const made: string[] = [];
    const issue: NotaryOptions['issue'] = async (record) => {
      made.push(/(asked|owed) \d/.exec(JSON.stringify(record))?.[0] ?? '');
      return Buffer.from('certificate');
    };
    const life = await begin(new World(), new MemoryDisk(), { space, issue });
    const { certifier } = life.notary;
    const [known = '', asked = ''] = await batch(life, ['asked 1', 'asked 2']);
    expect(await codeOf(certifier.certificate(known)), 'where intake has stopped').to.equal('taken');
    freeBytes = 19;
    const { id } = await upload(life.notary, 'owed 1');
    await until(inState(life, id, 'published'));
    expect(await codeOf(certifier.certificate(asked))).to.equal('storage-full');
    expect(await codeOf(certifier.certificate(asked, 1))).to.equal('storage-full');
    expect(await codeOf(certifier.certificate(known)), 'it is stored').to.equal('taken');
    expect(made).to.deep.equal(['asked 1']);
    freeBytes = 20;
    await until(inState(life, id, 'certified'));
    expect(await codeOf(certifier.certificate(asked, 1))).to.equal('taken');
    expect(life.events.map(({ event }) => event)).not.to.include('certificate-failed');
  });

  describe('after a revocation', () => {
    const world = new World();
    const disk = new MemoryDisk();
    /** A start under a bundle of so many revocations. @param refused what that bundle refuses */
    async function start(revocations: number, refused = '', changes: Partial<NotaryOptions> = {}) {
      const checked: string[] = [];
      const holds = async (bytes: Uint8Array): Promise<boolean> => {
        checked.push(Buffer.from(bytes).toString());
        return checked.at(-1) !== refused;
      };
      const issue = async () => Buffer.from(`made under ${revocations}`);
      const life = await begin(world, disk, { issue, recheck: { revocations, holds }, ...changes });
      return { ...life, checked, replaced: () => life.events.filter(({ event }) => event === 'certificate-replaced') };
    }
    const text = (blob: string): string => Buffer.from(disk.blobs.get(blob) ?? []).toString();
    let id: string;
    before(async () => {
      const life = await start(0);
      ({ id } = await upload(life.notary, 'evidence'));
      await until(inState(life, id, 'certified'));
      await lives.end();
    });

    it('leaves a certificate that still holds as it is, and checks it once', async () => {
      const first = await start(1);
      const before = await first.notary.store.certificate(id);
      const { certifier } = first.notary;
      const [one, two] = await Promise.all([certifier.certificate(id), certifier.certificate(id)]);
      expect(one.blob).to.equal(before?.blob).and.equal(two.blob);
      expect(first.checked).to.deep.equal(['made under 0']);
      await lives.end();
      const again = await start(1);
      await again.notary.certifier.certificate(id);
      expect([...again.checked, ...again.replaced()]).to.deep.equal([]);
    });

    it('makes one that is refused anew, once, says so, and keeps the old bytes as its own', async () => {
      const full = diskSpace(async () => ({ freeBytes: 19, totalBytes: 1000 }), DEFAULT_LIMITS);
      const short = await start(2, 'made under 0', { space: full });
      expect(await codeOf(short.notary.certifier.certificate(id)), 'no room for it').to.equal('storage-full');
      await lives.end();
      const life = await start(2, 'made under 0');
      const { certifier, store } = life.notary;
      const old = (await store.certificate(id))?.blob ?? '';
      const [one, two] = await Promise.all([certifier.certificate(id), certifier.certificate(id)]);
      expect(two).to.deep.equal(one);
      expect([one.blob, old].map(text)).to.deep.equal(['made under 2', 'made under 0']);
      expect(life.replaced().map(({ level, fields }) => [level, fields])).to.deep.equal([['warn', { id }]]);
      await lives.end();
      const again = await start(2, 'made under 0');
      expect((await again.notary.certifier.certificate(id)).blob, 'after a start').to.equal(one.blob);
      expect([again.checked, text(old)]).to.deep.equal([[], 'made under 0']);
      const rows = memoryStores(disk).index('deposits');
      const check = depositRowCheck(rows, { size: 1, fetch: async () => undefined }, memoryBlobs(disk));
      const row = (await rows.get(`deposit/${id}`)) ?? expect.fail('no deposit');
      expect(await check(`deposit/${id}`, row), 'all in order').to.deep.equal([]);
      disk.blobs.set(old, Buffer.from('rotten'));
      expect(await check(`deposit/${id}`, row), 'the old bytes are read too').to.have.lengthOf(1);
    });

    it('does not take a rotten certificate for a revoked one', async () => {
      const life = await start(3);
      const { blob } = (await life.notary.store.certificate(id)) ?? expect.fail('no certificate');
      disk.blobs.set(blob, Buffer.from('rotten'));
      expect(await codeOf(life.notary.certifier.certificate(id))).to.equal('certificate-unavailable');
      expect([...life.checked, ...life.replaced()]).to.deep.equal([]);
    });
  });

  it('ends every wait for a certificate when it is asked to stop', async () => {
    const world = new World({ courts: 1, needed: 1 });
    const { notary } = await begin(world, new MemoryDisk());
    for (const court of world.courts) court.down = true;
    const { id } = await upload(notary, 'evidence');
    const waiting = notary.certifier.waitCertified(id, 60_000);
    notary.certifier.releaseWaiting();
    await waiting;
    await notary.certifier.waitCertified(id, 60_000);
  });
});
