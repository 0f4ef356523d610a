/** A member whose store is not there, as when its disk is not mounted. The witness is the real one; what it signed before is gone from its sight. */
import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { noFatal } from '../ledger/store/testing.ts';
import { formatAddCheckpoint } from '../ledger/witness/request.ts';
import { Witness } from '../ledger/witness/service.ts';
import { ORIGIN, TestLog, testCosigner, testSigner } from '../ledger/witness/testing.ts';
import { HAS_STORE_FILE } from './recovery/marks.ts';
import { StartError } from './start-error.ts';
import { openCourtStores, openPlatformStores, openRows } from './wiring.ts';

describe('server/wiring: a store that is not there', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-wiring-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** @returns the status of a court that is asked to cosign ten entries of this log as its first */
  async function cosign(log: TestLog): Promise<number> {
    const { heads, cosigned, close } = await openCourtStores(dir, noFatal);
    try {
      const logs = [{ origin: ORIGIN, keys: [testSigner(ORIGIN, 0x01).key] }];
      const signers = testCosigner('court-1.example');
      const witness = await Witness.open({ logs, signers, heads, cosigned, clock: Date.now, onEvent: () => {} });
      const { note } = await log.head(10);
      return (await witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], note }))).status;
    } finally {
      await close();
    }
  }

  const unmount = (): void => renameSync(join(dir, 'store'), join(dir, 'unmounted'));
  const mount = (): void => {
    rmSync(join(dir, 'store'), { recursive: true, force: true });
    renameSync(join(dir, 'unmounted'), join(dir, 'store'));
  };
  const LOG = new TestLog(ORIGIN).grow(10);
  const FORK = new TestLog(ORIGIN, 'fork').grow(10);

  it('lets nobody begin anew: a court would cosign a second history', async () => {
    expect(await cosign(LOG)).to.equal(200);
    unmount();
    const ways = [() => cosign(FORK), () => openRows(dir), () => openPlatformStores(dir, noFatal)];
    for (const way of [...ways, ...ways]) {
      const error = await way().catch((refusal: unknown) => refusal);
      expect(error).to.be.instanceOf(StartError).with.property('code', 'data-incomplete');
    }
    mount();
    expect(await cosign(FORK)).to.equal(409);
  });

  it('is not taken for missing, nor its mark, when it cannot be looked at', async () => {
    expect(await cosign(LOG)).to.equal(200);
    const mark = join(dir, HAS_STORE_FILE);
    rmSync(mark);
    symlinkSync(mark, mark);
    unmount();
    expect(await cosign(FORK).catch(({ code }) => code)).to.equal('ELOOP');
    mount();
  });

  it('is closed again when it cannot be marked', async () => {
    const mark = join(dir, HAS_STORE_FILE);
    symlinkSync(join(dir, 'nowhere', 'mark'), mark);
    expect(await openRows(dir).catch(({ code }) => code)).to.equal('ENOENT');
    rmSync(mark);
    await (await openRows(dir)).close();
  });

  it('is a second history without the mark (control)', async () => {
    expect(await cosign(LOG)).to.equal(200);
    rmSync(join(dir, HAS_STORE_FILE));
    unmount();
    expect(await cosign(FORK)).to.equal(200);
    mount();
  });
});
