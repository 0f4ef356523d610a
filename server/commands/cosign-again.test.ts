/** A platform that drops a deposit and stands still: its receipt is shown to be broken all the same, by courts and a mirror that cosign once more. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { cosignedAfter } from '../../ledger/core/epoch.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { receiptKeyName } from '../../ledger/core/receipt.ts';
import { collectNote } from '../../ledger/monitor/collect.ts';
import { depositEntry, receiptOf, receiptTrust } from '../../ledger/monitor/testing.ts';
import { KEY_FILES } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { readSigner } from '../keys.ts';
import { runProgram } from '../program.ts';
import { grow, ledgerOf } from '../recovery/testing.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { TestConsortium } from '../roles/testing.ts';

describe('probata check-receipts of a ledger that stands still', () => {
  let consortium: TestConsortium;
  let folder: string;

  before(async () => {
    consortium = await TestConsortium.start();
    folder = mkdtempSync(join(tmpdir(), 'probata-still-'));
    await grow(consortium, 2);
  });
  after(() => consortium.end());

  async function probata(...args: string[]): Promise<number> {
    return runProgram(args, { env: {}, out: () => undefined, err: () => undefined });
  }

  it('proves the omission once courts and mirror were asked, which nothing that they show before does', async () => {
    const { policy, logKey } = readTrust(consortium.dir('platform'));
    const origin = logKey.name;
    const signer = readSigner(join(consortium.dir('platform'), KEY_FILES.receipt), receiptKeyName(origin), 0x01);
    const urls = ['court-1', 'court-2', 'court-3', 'arbitration-1'].map((name) => ledgerOf(consortium, name));
    await consortium.stop('platform');
    const file = join(folder, 'receipt');
    const deadlineMs = Date.now();
    writeFileSync(file, await receiptOf(depositEntry(3, deadlineMs - 1), deadlineMs, signer));
    const check = (...at: string[]) => {
      const trust = join(consortium.dir('platform'), 'trust.json');
      return probata('check-receipts', file, '--url', ...at, '--trust', trust, '--out', folder);
    };
    // Cosignatures count in whole seconds.
    await sleep(1100);
    const client = openHttpClient();
    const { note } = await collectNote(urls, policy, client.http);
    client.close();
    const { epochs } = receiptTrust(policy);
    const late = cosignedAfter(parseNote(note ?? ''), epochs, deadlineMs);
    expect(late, 'cosigned by itself (control)').to.equal(undefined);
    expect(await check(...urls.slice(0, 3)), 'courts alone are not the quorum').to.equal(2);
    expect(await check(...urls)).to.equal(1);
  });
});
