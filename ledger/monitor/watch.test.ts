// Watching: a fork shown to one is found by the others in one poll, nothing unverified is believed, an open question stays open until it is
// settled, and a liar or a peer that is down can neither stop nor flood a node.

import { expect } from 'chai';
import { utf8Decode, utf8Encode } from '../core/bytes.ts';
import { checkForkReport } from '../core/fork-report.ts';
import { ORIGIN, TestLog, testSigner } from '../witness/testing.ts';
import type { MonitorEvent } from './events.ts';
import { cosignedNote, MonitorBench, tilesOfLog } from './testing.ts';
import { WITHHELD_MS } from './watch.ts';

const LOG = new TestLog().grow(600);
const FORK = new TestLog(ORIGIN, 'fork').grow(600);
/** The same log for 300 entries, then another. */
const LATE_FORK = new TestLog().grow(300);
for (let i = 300; i < 600; i++) LATE_FORK.append(utf8Encode(`late ${i}`));
const KEYS = [LOG.signer.key];

type Found = Extract<MonitorEvent, { kind: 'fork' }>;

async function bench(own: number, log = LOG): Promise<MonitorBench> {
  const made = new MonitorBench(LOG, ['court-1', 'court-2', 'mirror']);
  made.own = await cosignedNote(log, own, []);
  made.node('mirror').tiles = tilesOfLog(LOG);
  return made;
}

/** A checkpoint of size 0 with the root of so many entries: a lie by itself. */
async function falseEmpty(entries: number): Promise<Uint8Array> {
  return utf8Encode((await LOG.head(0, [], LOG.root(0, entries))).note);
}

/** Sizes of the two checkpoints that a report has proven. */
function proven(events: readonly MonitorEvent[]): [older: number, newer: number][] {
  const forks = events.filter((event): event is Found => event.kind === 'fork');
  expect(forks).to.have.lengthOf(events.length);
  return forks.map(({ report }) => {
    const { older, newer } = checkForkReport(report, KEYS);
    return [older.checkpoint.size, newer.checkpoint.size];
  });
}

describe('monitor: what honest nodes show', () => {
  it('is consistent at every pair of sizes, smaller, equal and larger, and raises nothing', async () => {
    for (const own of [0, 256, 600]) {
      for (const size of [0, 1, 255, 256, 300, 512, 600]) {
        const network = await bench(own);
        await network.node('court-1').show(LOG, size);
        expect(await network.poll(), `${own} and ${size}`).to.deep.equal([]);
        expect(network.asked.some((url) => url.includes('/tile/'))).to.equal(size !== own && Math.min(size, own) > 0);
      }
    }
  });

  it('asks for no tile again while nobody shows anything new', async () => {
    const network = await bench(600);
    for (const { name } of network.nodes) await network.node(name).show(LOG, 300);
    await network.poll();
    const tiles = () => network.asked.filter((url) => url.includes('/tile/')).length;
    const before = tiles();
    expect(before).to.be.greaterThan(0);
    await network.poll();
    expect(tiles()).to.equal(before);
  });

  it('fetches the tiles of our own tree once for all peers that are behind', async () => {
    const network = await bench(600);
    for (const { name } of network.nodes) await network.node(name).show(LOG, 300);
    await network.poll();
    const served = network.asked.filter((url) => url.startsWith('http://mirror/tile/'));
    expect(new Set(served).size).to.equal(served.length);
  });

  it('may be nothing at all, on either side', async () => {
    const network = await bench(5);
    expect(await network.poll()).to.deep.equal([]);
    network.own = undefined;
    await network.node('court-1').show(LOG, 5);
    expect(await network.poll()).to.deep.equal([]);
  });
});

describe('monitor: a fork', () => {
  it('shown to one court alone is found by the next poll, at every pair of sizes', async () => {
    for (const [own, theirs] of [
      [300, 300],
      [600, 300],
      [600, 1],
      [512, 256],
    ] as const) {
      const network = await bench(own);
      await network.node('court-1').show(FORK, theirs);
      expect(proven(await network.poll())).to.deep.equal([[theirs, own]]);
    }
  });

  it('that begins late is found too, and not before it begins', async () => {
    const network = await bench(600);
    await network.node('court-1').show(LATE_FORK, 300);
    expect(await network.poll()).to.deep.equal([]);
    await network.node('court-1').show(LATE_FORK, 301);
    expect(proven(await network.poll())).to.deep.equal([[301, 600]]);
  });

  it('that we are led into ourselves is found too, although what the others show has agreed with us before', async () => {
    const network = await bench(300);
    await network.node('court-1').show(LOG, 600);
    expect(await network.poll()).to.deep.equal([]);
    network.own = await cosignedNote(LATE_FORK, 301, []);
    expect(proven(await network.poll())).to.deep.equal([[301, 600]]);
  });

  it('is found by the full tiles of who has grown, and dropped the partial ones', async () => {
    const network = await bench(600);
    const grown = tilesOfLog(new TestLog().grow(768));
    network.node('mirror').tiles = async (tile) => {
      if (tile.width < 256 && tile.level !== 1) throw new Error('dropped');
      return grown(tile);
    };
    await network.node('court-1').show(FORK, 300);
    expect(proven(await network.poll())).to.deep.equal([[300, 600]]);
  });

  it('larger than all that we know is an open question, settled once the log has grown past it', async () => {
    const network = await bench(300);
    await network.node('court-1').show(FORK, 301);
    expect(await network.poll()).to.deep.equal([]);
    network.own = await cosignedNote(LOG, 302, []);
    expect(proven(await network.poll())).to.deep.equal([[301, 302]]);
  });

  it('is found from the forked tree’s own tiles, when somebody serves them', async () => {
    const network = await bench(300);
    await network.node('court-1').show(FORK, 400);
    network.node('court-2').tiles = tilesOfLog(FORK);
    expect(proven(await network.poll())).to.deep.equal([[300, 400]]);
  });

  it('between two others is found by one who is elsewhere, or nowhere', async () => {
    for (const own of [await cosignedNote(LOG, 10, []), undefined]) {
      const network = await bench(0);
      network.own = own;
      network.node('mirror').tiles = undefined;
      await network.node('court-1').show(LOG, 500);
      await network.node('court-2').show(FORK, 500);
      expect(proven(await network.poll())).to.deep.equal([[500, 500]]);
    }
  });

  it('is told of once while it stays, and sparingly while it grows', async () => {
    const network = await bench(600);
    await network.node('court-1').show(FORK, 100);
    for (let i = 0; i < 5; i++) await network.poll();
    expect(network.events).to.have.lengthOf(1);
    for (let size = 101; size <= 140; size++) {
      await network.node('court-1').show(FORK, size);
      await network.poll();
    }
    // 1, 2, 4, 8, 16, 32 of 41.
    expect(proven(network.events)).to.have.lengthOf(6);
  });

  it('is a tree of size 0 with entries’ root', async () => {
    const network = await bench(600);
    network.node('court-1').note = await falseEmpty(1);
    expect((await network.poll()).map(({ kind }) => kind)).to.deep.equal(['peer-unsigned', 'fork']);
    expect(proven(network.events.slice(1))).to.deep.equal([[0, 600]]);
  });

  it('is a tree of size 0 with entries’ root beside one without, or beside another, or alone, and proven of each', async () => {
    const owns = [undefined, await cosignedNote(LOG, 0, []), await cosignedNote(LOG, 10, [])];
    const others = [undefined, await cosignedNote(LOG, 0, []), await falseEmpty(9)];
    // Several roots: which of two texts is the smaller one must not matter.
    for (const own of owns) {
      for (const other of others) {
        for (let entries = 1; entries <= 4; entries++) {
          const network = await bench(0);
          network.own = own;
          network.node('court-1').note = await falseEmpty(entries);
          network.node('court-2').note = other;
          const events = (await network.poll()).filter(({ kind }) => kind !== 'peer-unsigned');
          expect(proven(events).map(([older]) => older)).to.include(0);
        }
      }
    }
  });

  it('is found of a checkpoint that was submitted to us and could not be followed', async () => {
    const network = await bench(600);
    network.monitor.suspect(await cosignedNote(LOG, 500, []));
    network.monitor.suspect(await cosignedNote(FORK, 500, []));
    expect(proven(await network.poll())).to.deep.equal([[500, 600]]);
    expect(network.events[0]).to.include({ peer: 'submission' });
  });

  it('names in its report only signatures that were verified', async () => {
    const network = await bench(600);
    await network.node('court-1').show(FORK, 100);
    const stranger = await cosignedNote(FORK, 100, [...network.node('court-1').signers, testSigner('x.example', 0x04)]);
    network.node('court-1').note = stranger;
    const [event] = (await network.poll()) as Found[];
    const { older } = checkForkReport(event?.report ?? '', KEYS);
    expect(older.note.signatures.map(({ name }) => name)).to.deep.equal([ORIGIN, 'court-1.test.example']);
  });
});

describe('monitor: what is not evidence', () => {
  it('a note that the log did not sign, or no note at all, is a failure of the peer and nothing else', async () => {
    const network = await bench(600);
    const text = utf8Decode(await cosignedNote(FORK, 100, network.node('court-1').signers)) ?? '';
    const stranger = new TestLog('other.example').grow(5);
    for (const note of [
      utf8Encode(text.replace('\n100\n', '\n101\n')),
      utf8Encode(text.slice(0, 40)),
      new Uint8Array(0),
      await cosignedNote(stranger, 5, network.node('court-1').signers),
    ]) {
      const fresh = await bench(600);
      fresh.node('court-1').note = note;
      expect((await fresh.poll()).map(({ kind }) => kind)).to.deep.equal(['peer-failed']);
    }
  });

  it('a checkpoint without the peer’s own cosignature is told of, and still held against the log', async () => {
    const network = await bench(600);
    network.node('court-1').note = await cosignedNote(FORK, 100, []);
    expect((await network.poll()).map(({ kind }) => kind)).to.deep.equal(['peer-unsigned', 'fork']);
  });

  it('tiles that do not lead to the newer checkpoint settle nothing; the next source is asked', async () => {
    const network = await bench(600);
    network.node('court-1').tiles = tilesOfLog(FORK);
    network.node('court-2').tiles = async () => new Uint8Array(7);
    await network.node('court-1').show(LOG, 300);
    expect(await network.poll()).to.deep.equal([]);
    network.node('mirror').tiles = undefined;
    await network.node('court-1').show(FORK, 301);
    expect(await network.poll()).to.deep.equal([]);
    network.node('mirror').tiles = tilesOfLog(LOG);
    expect(proven(await network.poll())).to.deep.equal([[301, 600]]);
  });

  it('a source that hangs holds all questions up together, and once', async () => {
    const network = await bench(600);
    const [hanging, other] = [network.node('court-1'), network.node('court-2')];
    let over = (): void => undefined;
    hanging.hangs = new Promise((resolve) => {
      over = resolve;
    });
    await hanging.show(FORK, 300);
    await other.show(FORK, 200);
    const polling = network.poll();
    const pending = () => network.asked.filter((url) => url.startsWith('http://court-1/tile/'));
    while (pending().length === 0) await new Promise((resolve) => setImmediate(resolve));
    over();
    expect(proven(await polling).sort()).to.deep.equal([
      [200, 600],
      [300, 600],
    ]);
    expect(new Set(pending()).size).to.equal(pending().length);
  });

  it('a peer that is down is a warning at its 1st, 2nd, 4th, 8th failure, and the others are still watched', async () => {
    const network = await bench(600);
    network.node('court-1').down = true;
    for (let i = 0; i < 10; i++) await network.poll();
    expect(network.events.map((event) => 'failures' in event && event.failures)).to.deep.equal([1, 2, 4, 8]);
    await network.node('court-2').show(FORK, 100);
    expect(proven(await network.poll())).to.deep.equal([[100, 600]]);
    network.node('court-1').down = false;
    await network.poll();
    network.node('court-1').down = true;
    expect((await network.poll()).map(({ kind }) => kind)).to.deep.equal(['peer-failed']);
  });
});

describe('monitor: what breaks in watching itself', () => {
  it('ends nothing: it is told at its 1st, 2nd, 4th, 8th time, and the others are still held against each other', async () => {
    const network = await bench(600);
    const stranger = new TestLog('other.example').grow(5);
    // As if the key that signed it had been taken out of the configuration.
    network.own = await cosignedNote(stranger, 5, []);
    for (let i = 0; i < 10; i++) await network.poll();
    expect(network.events.map((event) => 'failures' in event && [event.kind, event.failures])).to.deep.equal(
      [1, 2, 4, 8].map((failures) => ['failed', failures]),
    );
    expect(network.events.every((event) => 'about' in event && event.about === LOG.origin)).to.equal(true);
    await network.node('court-1').show(LOG, 500);
    await network.node('court-2').show(FORK, 500);
    expect(proven(await network.poll())).to.deep.equal([[500, 500]]);
    network.own = await cosignedNote(LOG, 600, []);
    await network.node('court-2').show(FORK, 400);
    expect(proven(await network.poll())).to.deep.equal([[400, 600]]);
  });
});

describe('monitor: a proof that is withheld', () => {
  it('is an alarm once it has been asked for long enough, once, and is taken up again when tiles come', async () => {
    const network = await bench(600);
    network.node('mirror').tiles = undefined;
    await network.node('court-1').show(LOG, 300);
    network.clock.ms += WITHHELD_MS;
    expect(await network.poll()).to.deep.equal([]);
    network.clock.ms += WITHHELD_MS - 1;
    expect(await network.poll()).to.deep.equal([]);
    network.clock.ms += 1;
    const [event, ...more] = await network.poll();
    expect(event).to.include({ kind: 'withheld', peer: 'court-1', size: 300, openMs: WITHHELD_MS });
    expect([more, await network.poll()]).to.deep.equal([[], []]);
    network.node('mirror').tiles = tilesOfLog(LOG);
    expect(await network.poll()).to.deep.equal([]);
    network.clock.ms += 2 * WITHHELD_MS;
    expect(await network.poll()).to.deep.equal([]);
  });

  /** A platform killed in the middle of a round: court-1 has its newest checkpoint, and its tiles are nowhere else. */
  async function killed(): Promise<MonitorBench> {
    const network = new MonitorBench(LOG, ['platform', 'court-1', 'court-2', 'mirror']);
    network.own = await cosignedNote(LOG, 300, []);
    await network.node('court-1').show(LOG, 301);
    network.node('platform').down = true;
    await network.poll();
    network.clock.ms += WITHHELD_MS;
    return network;
  }

  /** What one poll tells, but for peers that are down. */
  async function told(network: MonitorBench): Promise<MonitorEvent[]> {
    return (await network.poll()).filter(({ kind }) => kind !== 'peer-failed');
  }

  it('is a warning that names who does not answer, once, while the log’s own ledger is down', async () => {
    const network = await killed();
    const [event, ...more] = await told(network);
    expect(event).to.deep.include({ kind: 'unanswered', peer: 'court-1', size: 301, silent: ['platform'] });
    expect([more, await told(network)]).to.deep.equal([[], []]);
    network.node('platform').down = false;
    network.node('platform').tiles = tilesOfLog(LOG);
    expect(await told(network)).to.deep.equal([]);
  });

  it('is an alarm when the log’s own ledger is back and still does not show it, and then no warning any more', async () => {
    const network = await killed();
    await told(network);
    network.node('platform').down = false;
    expect((await told(network)).map((event) => [event.kind, 'silent' in event && event.silent])).to.deep.equal([
      ['withheld', []],
    ]);
    network.node('platform').down = true;
    expect(await told(network)).to.deep.equal([]);
  });

  it('is an alarm also while courts or mirrors are down: a log that answers has no excuse', async () => {
    const network = await killed();
    network.node('platform').down = false;
    for (const name of ['court-2', 'mirror']) network.node(name).down = true;
    expect((await told(network)).map((event) => [event.kind, 'silent' in event && event.silent])).to.deep.equal([
      ['withheld', ['court-2', 'mirror']],
    ]);
  });

  it('does not let a peer forget its first lie by moving on', async () => {
    const network = await bench(600);
    network.node('mirror').tiles = undefined;
    await network.node('court-1').show(FORK, 300);
    await network.poll();
    for (let size = 301; size < 330; size++) {
      await network.node('court-1').show(FORK, size);
      await network.poll();
    }
    await network.node('court-1').show(LOG, 330);
    network.node('mirror').tiles = tilesOfLog(LOG);
    expect(proven(await network.poll())[0]).to.deep.equal([300, 600]);
  });

  it('tells nothing after it is closed', async () => {
    const network = await bench(600);
    await network.node('court-1').show(FORK, 300);
    network.monitor.close();
    expect(await network.poll()).to.deep.equal([]);
  });
});
