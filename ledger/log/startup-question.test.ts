// The question at start: an old backup never signs, whoever lies; and one silent cosigner stops nobody.

import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { checkForkReport } from '../core/fork-report.ts';
import { formatVkey } from '../core/note.ts';
import { parsePolicy } from '../core/policy.ts';
import { MemoryDisk, memoryStores } from '../store/memory.ts';
import { CosignerError } from '../witness/gateway.ts';
import { ORIGIN, testSigner } from '../witness/testing.ts';
import type { LogEvent } from './events.ts';
import type { LogOptions } from './log.ts';
import type { Cosigner, Http } from './ports.ts';
import { isAnswered } from './startup-question.ts';
import { expectSound, type Session, start, until, untilPublished, World } from './testing.ts';

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const [key, value] of disk.values) copy.values.set(key, value);
  return copy;
}

/** A world in which `backup` is the log's disk as of size 3, `shownThen` what the courts showed then, and `disk` as of size 5. */
async function worldWithBackup() {
  const world = new World({ courts: 4, needed: 3 });
  const disk = new MemoryDisk();
  const session = await start(world, memoryStores(disk));
  for (let i = 0; i < 3; i++) await session.append();
  await untilPublished(session, 3);
  const backup = copyOf(disk);
  const shownThen = await Promise.all(world.cosigners().map((cosigner) => cosigner.latest()));
  for (let i = 0; i < 2; i++) await session.append();
  await untilPublished(session, 5);
  await session.log.close();
  return { world, disk, backup, shownThen };
}

/** Starts with a signer that counts. */
async function startCounting(world: World, disk: MemoryDisk, changes: Partial<LogOptions> = {}) {
  const signed = { count: 0 };
  const sign = (message: Uint8Array) => {
    signed.count += 1;
    return world.signer.sign(message);
  };
  const session = await start(world, memoryStores(disk), { signer: { key: world.signer.key, sign }, ...changes });
  return { session, signed };
}

/** A court whose monitoring prefix serves this note, or none. */
function showing(note: string | undefined): (http: Http) => Http {
  const answer = { status: note === undefined ? 404 : 200, headers: {}, body: utf8Encode(note ?? '') };
  return (http) => async (request) => (request.method === 'GET' ? answer : http(request));
}

function saysAhead(event: LogEvent): boolean {
  return event.kind === 'question-unanswered' && event.error instanceof CosignerError && event.error.code === 'ahead';
}

const kinds = ({ events }: Session) => events.map(({ kind }) => kind);

describe('start-up question', () => {
  it('refuses to sign on an old backup, and says what it saw', async () => {
    const { world, backup } = await worldWithBackup();
    const { session, signed } = await startCounting(world, backup);
    const answer = session.append();
    expect(await session.fatal).to.have.property('code', 'behind-cosigners');
    expect(await answer).to.equal(undefined);
    expect(signed.count).to.equal(0);
    expect(kinds(session)).to.include('cosigner-ahead');
    await session.log.close();
  });

  it('refuses on an old backup although one court lies and one is silent', async () => {
    const { world, backup } = await worldWithBackup();
    const cosigners = world.cosigners();
    const lying: Cosigner = { ...(cosigners[0] as Cosigner), latest: async () => undefined };
    (world.courts[3] as { down: boolean }).down = true;
    const { session, signed } = await startCounting(world, backup, { cosigners: [lying, ...cosigners.slice(1)] });
    void session.append();
    expect(await session.fatal).to.have.property('code', 'behind-cosigners');
    expect(signed.count).to.equal(0);
    await session.log.close();
  });

  it('signs a fork on an old backup when nobody is asked (control)', async () => {
    const { world, backup } = await worldWithBackup();
    const silent = world.cosigners().map((cosigner) => ({ ...cosigner, latest: async () => undefined }));
    const { session, signed } = await startCounting(world, backup, { cosigners: silent });
    await session.append(world.entry());
    expect(signed.count).to.be.above(0);
    await session.log.close();
  });

  it('signs nothing on an old backup when the courts show nothing of what they cosigned, or what was then', async () => {
    const { world, backup, shownThen } = await worldWithBackup();
    for (const notes of [shownThen, shownThen.map(() => undefined)]) {
      const cosigners = notes.map((note, i) => world.cosigners(undefined, showing(note))[i] as Cosigner);
      const { session, signed } = await startCounting(world, copyOf(backup), { cosigners });
      void session.append().catch(() => undefined);
      await until(() => session.events.filter(saysAhead).length >= cosigners.length);
      expect(signed.count).to.equal(0);
      await session.log.close();

      const unoffered = cosigners.map((cosigner) => ({ ...cosigner, latest: () => cosigner.latest() }));
      const control = await startCounting(world, copyOf(backup), { cosigners: unoffered });
      await control.session.append();
      expect(control.signed.count, 'without the offer of our head').to.be.above(0);
      await control.session.log.close();
    }
  });

  it('is not stopped by one court that says it has cosigned more, and does not show it', async () => {
    const { world, disk } = await worldWithBackup();
    const [, ...rest] = world.cosigners();
    const headers = { 'content-type': 'text/x.tlog.size' };
    const lie: Http = async () => ({ status: 409, headers, body: utf8Encode('999\n') });
    const [liar] = world.cosigners(
      undefined,
      (http) => (request) => (request.method === 'GET' ? http(request) : lie(request)),
    );
    const { session } = await startCounting(world, disk, { cosigners: [liar as Cosigner, ...rest] });
    expect(await session.append()).to.equal(5);
    expect(session.events.some(saysAhead)).to.equal(true);
    await session.log.close();
    await expectSound(world, memoryStores(disk));
  });

  it('takes entries in but signs nothing until enough have answered, and keeps asking', async () => {
    const { world, disk } = await worldWithBackup();
    for (const court of world.courts.slice(0, 2)) court.down = true;
    const { session, signed } = await startCounting(world, disk);
    const answer = session.append();
    await until(() => kinds(session).filter((kind) => kind === 'question-unanswered').length >= 4);
    expect(signed.count).to.equal(0);
    expect(kinds(session)).to.not.include('question-settled');
    (world.courts[0] as { down: boolean }).down = false;
    expect(await answer).to.equal(5);
    await untilPublished(session, 6);
    await session.log.close();
    (world.courts[1] as { down: boolean }).down = false;
    await expectSound(world, memoryStores(disk));
  });

  it('asks at the first start too', async () => {
    const world = new World({ courts: 3, needed: 2 });
    for (const court of world.courts) court.down = true;
    const { session, signed } = await startCounting(world, new MemoryDisk());
    await until(() => kinds(session).includes('question-unanswered'));
    expect(signed.count).to.equal(0);
    for (const court of world.courts) court.down = false;
    await untilPublished(session, 0);
    await session.log.close();
  });

  it('ends when closed with the question open, and refuses what waits', async () => {
    const world = new World({ courts: 1 });
    (world.courts[0] as { down: boolean }).down = true;
    const { session } = await startCounting(world, new MemoryDisk());
    const answer = session.append().catch((error: unknown) => error);
    await session.log.close();
    expect(await answer).to.have.property('code', 'closed');
  });

  it('refuses to sign when a court cosigned another tree, and reports a fork that anyone can check', async () => {
    const { world, backup } = await worldWithBackup();
    // A second history from the same backup, which no court was asked about, grown past the first.
    const silent = world.cosigners().map((cosigner) => ({ ...cosigner, latest: async () => undefined }));
    const forked = await start(world, memoryStores(backup), { cosigners: silent });
    for (let i = 0; i < 4; i++) await forked.append(world.entry());
    await forked.log.close();
    const { session, signed } = await startCounting(world, backup, { index: memoryStores().index('log') });
    expect(await session.fatal).to.have.property('code', 'fork');
    expect(signed.count).to.equal(0);
    const report = session.events.find((event) => event.kind === 'misbehaviour')?.report ?? '';
    const { newer, older } = checkForkReport(report, [world.signer.key]);
    expect([newer.checkpoint.size > older.checkpoint.size, newer.checkpoint.origin]).to.deep.equal([true, ORIGIN]);
    await session.log.close();
  });

  it('ignores notes that the log did not sign', async () => {
    const { world, disk } = await worldWithBackup();
    const [first, ...rest] = world.cosigners();
    const note = (await first?.latest()) as string;
    const forged: Cosigner = { ...(first as Cosigner), latest: async () => note.replace('\n5\n', '\n6\n') };
    const { session } = await startCounting(world, disk, { cosigners: [forged, ...rest] });
    await session.append();
    expect(kinds(session)).to.include('question-unanswered');
    await session.log.close();
  });
});

describe('isAnswered', () => {
  const vkey = (name: string) => formatVkey(testSigner(name, 0x04).key);
  const names = ['court-1', 'court-2', 'court-3', 'court-4', 'arbitration-1', 'arbitration-2'];
  const consortium = parsePolicy(
    [
      ...names.flatMap((name) => [`witness ${name}.key ${vkey(name)}`, `group ${name} all ${name}.key`]),
      'group courts 3 court-1 court-2 court-3 court-4',
      'group arbitration any arbitration-1 arbitration-2',
      'group consortium all courts arbitration',
      'quorum consortium',
      '',
    ].join('\n'),
  );

  it('needs n - q + f + 1 courts, and one mirror', () => {
    const enough = (...answered: string[]) => isAnswered(consortium, new Set(answered));
    expect(enough('court-1', 'court-2', 'court-3', 'arbitration-1')).to.equal(true);
    expect(enough('court-1', 'court-2', 'court-3')).to.equal(false);
    expect(enough('court-1', 'court-2', 'arbitration-1', 'arbitration-2')).to.equal(false);
    expect(enough(...names)).to.equal(true);
    expect(enough()).to.equal(false);
  });

  it('needs both of two when any one of them suffices to publish', () => {
    const any = parsePolicy(`witness a ${vkey('a')}\nwitness b ${vkey('b')}\ngroup g any a b\nquorum g\n`);
    expect(isAnswered(any, new Set(['a']))).to.equal(false);
    expect(isAnswered(any, new Set(['a', 'b']))).to.equal(true);
  });

  it('needs nobody when the policy has no quorum', () => {
    expect(isAnswered(parsePolicy('quorum none\n'), new Set())).to.equal(true);
  });

  it('includes an honest cosigner of every head, for all majority groups up to 7, all sets and all liars', () => {
    for (let n = 1; n <= 7; n++) {
      for (let q = Math.floor(n / 2) + 1; q <= n; q++) {
        const members = Array.from({ length: n }, (_, i) => `w${i}`);
        const lines = members.map((name) => `witness ${name} ${vkey(name)}`);
        const policy = parsePolicy([...lines, `group g ${q} ${members.join(' ')}`, 'quorum g', ''].join('\n'));
        const liarsMax = Math.min(2 * q - n - 1, n - q);
        const smallest = members.findIndex((_, i) => isAnswered(policy, new Set(members.slice(0, i + 1)))) + 1;
        // Worst case: the q who cosigned are those last in line, and all liars are among those who answered.
        const cosignedAndAnswered = Math.max(0, smallest + q - n);
        expect(cosignedAndAnswered, `${q} of ${n}`).to.be.above(liarsMax);
        expect(smallest, `${q} of ${n}`).to.be.at.most(q);
      }
    }
  });
});
