/**
 * A platform's disk that fills while it takes deposits, and has space again. Below its margin it refuses deposits with 507 before its
 * store notices, and all reads go on; when the disk is full before it can refuse, it answers or ends by fail-stop, and nothing that has
 * a receipt is lost. The store by itself: ledger/rigs/full-disk.slow.test.ts. Needs util-linux and the right to mount.
 */
import { cp } from 'node:fs/promises';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { Tmpfs } from '../../ledger/rigs/tight-disk.ts';
import { TestConsortium } from '../roles/testing.ts';
import { FAIL_STOP, fsckFindings, type PlatformPlace, PlatformProcess } from './platform-process.ts';

const DISK_BYTES = 64 << 20;
/** Below the margin of 5 %, and room for what is under way. */
const SHORT_BYTES = 3 << 20;
const DEPOSITORS = 3;
/** Receipts of a round before the disk fills. */
const BEFORE = 3;
/** Deposits on a disk that is short of space. */
const SHORT_DEPOSITS = 40;

/** A platform on a disk of its own, and what it has promised. */
class Ground {
  readonly failures: string[] = [];
  readonly receipts: string[] = [];
  readonly disk: Tmpfs;
  readonly #place: PlatformPlace;
  platform: PlatformProcess;

  private constructor(disk: Tmpfs, place: PlatformPlace, platform: PlatformProcess) {
    this.disk = disk;
    this.#place = place;
    this.platform = platform;
  }

  /** @param freeShareMin the margin; the product's when not given */
  static async use(freeShareMin: number | undefined, act: (ground: Ground) => Promise<void>): Promise<Ground> {
    const consortium = await TestConsortium.start();
    const disk = await Tmpfs.mount(DISK_BYTES);
    try {
      if (disk === undefined) throw new Error('this rig needs unshare(1) and the right to mount a tmpfs');
      await consortium.stop('platform');
      await cp(consortium.dir('platform'), disk.place, { recursive: true });
      const limits = freeShareMin === undefined ? {} : { freeShareMin };
      const place = { dir: disk.dir, token: consortium.token, limits, inside: disk.inside };
      const ground = new Ground(disk, place, await PlatformProcess.start(place));
      try {
        await act(ground);
      } finally {
        await ground.platform.stop();
      }
      ground.failures.push(...(await disk.copied(fsckFindings)));
      return ground;
    } finally {
      await disk?.close();
      await consortium.end();
    }
  }

  async restart(): Promise<void> {
    this.platform = await PlatformProcess.start(this.#place);
  }

  /** One deposit. @returns its answer, with a receipt noted */
  async deposit(): Promise<Awaited<ReturnType<PlatformProcess['deposit']>>> {
    const answer = await this.platform.deposit();
    if (answer?.id !== undefined) this.receipts.push(answer.id);
    return answer;
  }

  /** Deposits from all sides until the disk has been filled; it fills in the middle of them. @param freeBytes what is left */
  async fillUnderLoad(freeBytes: number): Promise<void> {
    const end = this.receipts.length + BEFORE;
    let filling: Promise<void> | undefined;
    let filled = false;
    const depositor = async (): Promise<void> => {
      while (!filled && !this.platform.over) {
        const answer = await this.deposit();
        if (answer !== undefined && ![202, 503, 507].includes(answer.status))
          this.failures.push(`answered ${answer.status} (${answer.code}) while the disk filled`);
        if (this.receipts.length < end) continue;
        filling ??= this.disk.fill(freeBytes).then(() => {
          filled = true;
        });
      }
    };
    await Promise.all(Array.from({ length: DEPOSITORS }, depositor));
    await filling;
  }

  /** With space again, deposits are certified, and everything with a receipt is on the ledger. */
  async expectWhole(): Promise<void> {
    const answer = await this.deposit();
    if (answer?.id === undefined) this.failures.push(`with space again a deposit was answered ${answer?.status}`);
    else await this.platform.certified(answer.id);
    const missing = await this.platform.missing(this.receipts);
    this.failures.push(...missing.map((id) => `${id} has a receipt and is not on the ledger`));
  }
}

async function shortOfSpace(count: number, freeShareMin?: number): Promise<Tally> {
  let thrown = 0;
  let refused = 0;
  const { failures, receipts } = await Ground.use(freeShareMin, async (ground) => {
    const known = (await ground.deposit())?.id ?? '';
    await ground.platform.certified(known);
    const path = `/api/v1/deposits/${known}/certificate`;
    const certificate = Buffer.from((await ground.platform.get(path)) ?? []);
    for (let round = 0; round < count; round++) {
      await ground.fillUnderLoad(SHORT_BYTES);
      for (let i = 0; i < SHORT_DEPOSITS && !ground.platform.over; i++) {
        thrown++;
        // The store may have given some space back.
        await ground.disk.fill(SHORT_BYTES);
        const answer = await ground.deposit();
        const { status, code, type, retryAfter } = answer ?? {};
        if (status === 507 && code === 'storage-full' && type?.startsWith('application/problem+json') && retryAfter) {
          refused++;
        } else ground.failures.push(`a deposit on a disk short of space was answered ${status} (${code})`);
      }
      const tile = (await ground.platform.newestTile())?.path ?? '/ledger/checkpoint';
      for (const read of [`/api/v1/deposits/${known}`, path, '/ledger/checkpoint', tile, '/healthz']) {
        thrown++;
        const bytes = await ground.platform.get(read);
        if (bytes === undefined || (read === path && !certificate.equals(bytes)))
          ground.failures.push(`${read} was not answered as before`);
      }
      await ground.disk.free();
      if (ground.platform.over) return void ground.failures.push(`ended with ${await ground.platform.ended}`);
      await ground.expectWhole();
    }
  });
  return { n: thrown, failures, notes: `${count} times, ${receipts.length} receipts, ${refused} answers 507` };
}

/** As when somebody else fills the disk between the look at it and the write: the margin does not help, so there is none here. */
async function fullAtOnce(count: number): Promise<Tally> {
  let stops = 0;
  const { failures, receipts } = await Ground.use(0, async (ground) => {
    for (let round = 0; round < count; round++) {
      await ground.fillUnderLoad(0);
      // Whatever is under way now meets the full disk.
      await Promise.all(Array.from({ length: DEPOSITORS }, () => ground.deposit()));
      await ground.disk.free();
      // A deposit with space again shows whether it met the full disk: it goes on only when no write of its store has failed.
      if ((await ground.deposit()) === undefined) {
        const code = await ground.platform.ended;
        if (code === FAIL_STOP) stops++;
        else ground.failures.push(`ended with ${code}`);
        await ground.restart();
      }
      await ground.expectWhole();
    }
  });
  return { n: count, failures, notes: `${count} times, ${receipts.length} receipts, ${stops} fail-stops` };
}

defineRig({
  id: 'T6',
  name: 'platform: below 5 % free, full at once, and space again',
  run: async () => {
    const short = await shortOfSpace(rounds(10));
    const full = await fullAtOnce(rounds(5));
    const notes = `below 5 %: ${short.notes}; full at once: ${full.notes}`;
    return { n: short.n + full.n, failures: [...short.failures, ...full.failures], notes };
  },
  without: 'the margin: deposits are taken until the disk is full',
  control: () => shortOfSpace(1, 0),
});
