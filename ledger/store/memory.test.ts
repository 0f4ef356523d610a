import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { blobContract, expectStoreError, keyedContract } from './contract.ts';
import { FaultPlan, MemoryDisk, memoryBlobs, memoryStores } from './memory.ts';

keyedContract('memory', async () => {
  const disk = new MemoryDisk();
  return { store: memoryStores(disk), reopen: async () => memoryStores(disk), close: async () => undefined };
});

blobContract('memory', async () => {
  const disk = new MemoryDisk();
  return { store: memoryBlobs(disk), reopen: async () => memoryBlobs(disk), close: async () => undefined };
});

describe('memory: fault plan', () => {
  it('fails an effect before or after it happened, and no other', async () => {
    for (const happened of [false, true]) {
      const disk = new MemoryDisk();
      const index = memoryStores(disk, new FaultPlan([{ at: 1, happened }])).index('a');
      await index.write([['x', utf8Encode('0')]]);
      await expectStoreError(index.write([['x', utf8Encode('1')]]), 'failed');
      expect(await index.get('x')).to.deep.equal(utf8Encode(happened ? '1' : '0'));
    }
  });
});
