// After the healing: the platform's ledger and both mirrors, derived again from nothing but their disks by the tool that
// a stranger would use, must be the same ledger; and every court must have cosigned its newest checkpoint.

import { equal, utf8Encode } from '../core/bytes.ts';
import { parseHeadRecord } from '../log/head-record.ts';
import { MemoryDisk, memoryStores } from '../store/memory.ts';
import { fsck, signedBy } from '../tools/fsck.ts';
import { originHash } from '../witness/request.ts';
import { parseRemembered } from '../witness/state.ts';
import { LOG_SIGNER, MIRRORS, ORIGIN } from './keys.ts';
import type { SimNode } from './node.ts';
import { LOG_PREFIX } from './oracle.ts';

/** @returns what is not as it should be */
export async function audit(platform: SimNode, members: readonly SimNode[]): Promise<string[]> {
  const hash = originHash(ORIGIN);
  const ours = await derive(platform, LOG_PREFIX, LOG_PREFIX, (bytes) => parseHeadRecord(bytes).note);
  const problems = [...ours.problems];
  for (const mirror of members.filter(({ name }) => MIRRORS.includes(name))) {
    const theirs = await derive(mirror, hash, `mirrored-${hash}`, (bytes) => parseRemembered(bytes).note);
    problems.push(...theirs.problems);
    if (!equal(theirs.root, ours.root)) problems.push(`${mirror.name} has another root`);
  }
  return problems;
}

async function derive(node: SimNode, tilePrefix: string, headPrefix: string, noteOf: (bytes: Uint8Array) => string) {
  const disk = new MemoryDisk();
  for (const [key, value] of node.disk.durable) disk.values.set(key, value);
  const stores = memoryStores(disk);
  const latest = await stores.heads(headPrefix).latest();
  const tiles = stores.tiles(tilePrefix);
  const fetch = async (path: string) => {
    if (path !== 'checkpoint') return tiles.get(path);
    return latest === undefined ? undefined : utf8Encode(noteOf(latest.bytes));
  };
  const { root, problems } = await fsck({ fetch, open: signedBy([LOG_SIGNER.key]) });
  return { root, problems: problems.map(({ path, code, detail }) => `${node.name} ${path}: ${code}, ${detail}`) };
}
