// Publishing: with the quorum and only then, with as many cosignatures as come in time, and held up by nobody.

import { expect } from 'chai';
import { openCosignatures } from '../core/cosignature.ts';
import { parseNote } from '../core/note.ts';
import { MemoryDisk, memoryStores } from '../store/memory.ts';
import { type Cosigner, StoreError, type TileStore } from './ports.ts';
import { type Court, expectSound, PREFIX, type Session, start, until, untilPublished, World } from './testing.ts';

const court = (world: World, number: number) => world.courts[number - 1] as Court;

/** How many verified cosignatures the published note carries. */
function cosignatures({ log }: Session, world: World): number {
  const keys = world.courts.flatMap(({ signers }) => signers.map(({ key }) => key));
  return openCosignatures(parseNote(log.published()?.note ?? ''), keys).length;
}

const failures = ({ events }: Session, name: string) =>
  events.filter((event) => event.kind === 'cosigner-failed' && event.cosigner === name).length;

describe('publisher', () => {
  it('publishes with all cosignatures when all courts are well', async () => {
    const world = new World({ courts: 4, needed: 3, types: [0x04, 0x06] });
    const session = await start(world, memoryStores());
    await session.append();
    await untilPublished(session, 1);
    expect(cosignatures(session, world)).to.equal(8);
    expect(session.log.quorum().groups.find(({ name }) => name === 'courts')?.satisfiedMembers).to.have.length(4);
    await session.log.close();
  });

  it('publishes without a court that is down, and with it again when it is back', async () => {
    const world = new World({ courts: 3, needed: 2 });
    const disk = new MemoryDisk();
    const session = await start(world, memoryStores(disk));
    await untilPublished(session, 0);
    court(world, 2).down = true;
    await session.append();
    await untilPublished(session, 1);
    expect(cosignatures(session, world)).to.equal(2);
    court(world, 2).down = false;
    // The late cosignature over the same checkpoint is added to the published note.
    await until(() => cosignatures(session, world) === 3);
    expect(session.published.filter(({ checkpoint }) => checkpoint.size === 1)).to.have.length(1);
    await session.log.close();
    const again = await start(world, memoryStores(disk));
    expect(cosignatures(again, world)).to.equal(3);
    await again.log.close();
    await expectSound(world, memoryStores(disk));
  });

  it('publishes nothing below the quorum, says which group is short, and goes on with the newest head', async () => {
    const world = new World({ courts: 3, needed: 2 });
    const stores = memoryStores();
    const session = await start(world, stores);
    await untilPublished(session, 0);
    for (const number of [2, 3]) court(world, number).down = true;
    for (let i = 0; i < 3; i++) await session.append();
    await until(() => failures(session, 'court-2') > 0 && failures(session, 'court-3') > 0);
    await until(() => session.log.quorum().groups.some(({ name, satisfied }) => name === 'court-1' && satisfied));
    expect(session.log.published()?.checkpoint.size).to.equal(0);
    const courts = session.log.quorum().groups.find(({ name }) => name === 'courts');
    expect(courts).to.deep.include({ needed: 2, satisfied: false, satisfiedMembers: ['court-1'] });
    expect(session.log.head().checkpoint.size).to.equal(3);
    court(world, 3).down = false;
    await untilPublished(session, 3);
    court(world, 2).down = false;
    await session.log.close();
    await expectSound(world, stores);
  });

  it('is held up by no court that never answers', async () => {
    const world = new World({ courts: 3, needed: 2 });
    const cosigners = world.cosigners();
    const hanging: Cosigner = { ...(cosigners[2] as Cosigner), cosign: () => new Promise(() => undefined) };
    const session = await start(world, memoryStores(), { cosigners: [...cosigners.slice(0, 2), hanging] });
    for (let i = 0; i < 3; i++) {
      await session.append();
      await untilPublished(session, i + 1);
    }
    await session.log.close();
  });

  it('counts no cosignature that does not verify, of another member, or of another checkpoint', async () => {
    const world = new World({ courts: 4, needed: 2 });
    const [first, second, third, fourth] = world.cosigners() as [Cosigner, Cosigner, Cosigner, Cosigner];
    const lines: string[] = [];
    const bad: Cosigner[] = [
      // A flipped signature; somebody else's line; its own line over an older head; no lines.
      {
        ...first,
        cosign: async (head, source) =>
          (await first.cosign(head, source)).replace(/[A-Z]{2}\b/, 'AA').replace(/....=\n/, 'AAA=\n'),
      },
      { ...second, cosign: (head, source) => third.cosign(head, source) },
      {
        ...fourth,
        cosign: async (head, source) => {
          lines.push(await fourth.cosign(head, source));
          return lines[0] as string;
        },
      },
    ];
    const session = await start(world, memoryStores(), { cosigners: [...bad, third] });
    await session.append();
    await until(() => session.log.quorum().groups.some(({ name, satisfied }) => name === 'court-3' && satisfied));
    await until(() => ['court-1', 'court-2'].every((name) => failures(session, name) > 1));
    expect(session.log.published()?.checkpoint.size ?? 0).to.equal(0);
    await session.log.close();
  });

  it('publishes no line that it has not verified, such as those of the keys that a court is going over to', async () => {
    const world = new World();
    const [first] = world.cosigners() as [Cosigner];
    const next = `— court-1.test.example ${Buffer.alloc(76, 7).toString('base64')}\n`;
    const both: Cosigner = { ...first, cosign: async (head, source) => `${next}${await first.cosign(head, source)}` };
    const session = await start(world, memoryStores(), { cosigners: [both] });
    await session.append();
    await untilPublished(session, 1);
    const keys = [world.signer, ...court(world, 1).signers].map(({ key }) => `${key.name} ${key.id}`);
    const { signatures } = parseNote(session.log.published()?.note ?? '');
    expect(signatures.map(({ name, keyId }) => `${name} ${keyId}`)).to.deep.equal(keys);
    await session.log.close();
  });

  it('never publishes a smaller size than before, under load', async () => {
    const world = new World({ courts: 4, needed: 3 });
    const stores = memoryStores();
    const session = await start(world, stores);
    for (let i = 0; i < 30; i++) {
      world.clock.ms += 1;
      await session.append();
    }
    await untilPublished(session, 30);
    const sizes = session.published.map(({ checkpoint }) => checkpoint.size);
    expect(sizes).to.deep.equal([...new Set(sizes)].sort((a, b) => a - b));
    await session.log.close();
    await expectSound(world, stores);
  });

  it('brings a court that lost a little back to the newest head', async () => {
    const world = new World({ courts: 1 });
    const stores = memoryStores();
    const session = await start(world, stores);
    await session.append();
    await untilPublished(session, 1);
    court(world, 1).restart();
    await session.append();
    await untilPublished(session, 2);
    await session.log.close();
    await expectSound(world, stores);
  });

  it('raises an alarm when its own store does not give what a cosigner needs, and asks the store again', async () => {
    const world = new World({ courts: 1 });
    const stores = memoryStores();
    const tiles = stores.tiles(PREFIX);
    let failing = false;
    const get: TileStore['get'] = (name) => {
      if (!failing) return tiles.get(name);
      failing = false;
      return Promise.reject(new StoreError('corrupt', 'not what was written'));
    };
    const session = await start(world, stores, { tiles: { ...tiles, get } });
    await session.append();
    await untilPublished(session, 1);
    failing = true;
    await session.append();
    await untilPublished(session, 2);
    const [alarm, ...more] = session.events.filter((event) => event.kind === 'store-failed');
    expect(more).to.deep.equal([]);
    expect(alarm)
      .to.deep.include({ severity: 'alarm', size: 2, failures: 1 })
      .and.have.nested.property('error.code', 'corrupt');
    await session.log.close();
    await expectSound(world, stores);
  });

  it('stops the log when a court turns out to know a larger tree under the same key', async () => {
    const world = new World({ courts: 3, needed: 2 });
    const honest = await start(world, memoryStores());
    // A second writer with the same key that no court told of the first: a restored backup, or a thief.
    const forgetful = world.cosigners().map((cosigner, i) => ({
      ...cosigner,
      latest: i === 0 ? cosigner.latest : async () => undefined,
    }));
    const thief = await start(world, memoryStores(), { cosigners: forgetful });
    await untilPublished(honest, 0);
    for (let i = 0; i < 3; i++) await thief.append();
    await untilPublished(thief, 3);
    void honest.append();
    expect(await honest.fatal).to.have.property('code', 'behind-cosigners');
    await Promise.all([honest.log.close(), thief.log.close()]);
  });
});
