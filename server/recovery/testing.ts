/** Test support: what the tests of recovery do to a consortium, and what they look at. Only tests import this file. */
import { createHash } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import { base64Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { STORE_FOLDER } from '../config.ts';
import { readTrust } from '../roles/platform-setup.ts';
import type { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';
import { backup } from './backup.ts';
import { restore } from './restore.ts';

/** Size and root of what somebody shows. */
export interface Shown {
  readonly size: number;
  readonly root: string;
}

let deposits = 0;

/** Puts this many deposits on the ledger and waits until they are published. */
export async function grow(consortium: TestConsortium, count: number): Promise<Shown> {
  const before = (await shownBy(consortium, 'platform'))?.size ?? 0;
  for (let left = count; left > 0; left -= 10_000) {
    const lines = Array.from({ length: Math.min(left, 10_000) }, () => {
      const sha256 = createHash('sha256').update(`recovery ${deposits++}`).digest('hex');
      return JSON.stringify({ files: [{ name: 'evidence.bin', size: 1, sha256 }], declaration: {} });
    });
    const headers = { 'content-type': 'application/x-ndjson' };
    const answer = await consortium.fetch('/api/v1/deposits/batch', {
      method: 'POST',
      headers,
      body: lines.join('\n'),
    });
    if (answer.status !== 200) throw new Error(`the batch was answered ${answer.status}: ${await answer.text()}`);
    await answer.text();
  }
  await until(async () => (await shownBy(consortium, 'platform'))?.size === before + count);
  return (await shownBy(consortium, 'platform')) as Shown;
}

/** The checkpoint that a running member shows. */
export async function shownBy(consortium: TestConsortium, name: string): Promise<Shown | undefined> {
  const answer = await fetch(`${ledgerOf(consortium, name)}/checkpoint`);
  if (answer.status !== 200) return undefined;
  const { size, root } = parseCheckpoint(parseNote(await answer.text()).text);
  return { size, root: base64Encode(root) };
}

/** Where the log's checkpoint is at a running member. */
export function ledgerOf(consortium: TestConsortium, name: string): string {
  const hash = originHash(readTrust(consortium.dir('platform')).logKey.name);
  if (name === 'platform') return `${consortium.url(name)}/ledger`;
  return `${consortium.url(name)}/${name.startsWith('court') ? 'witness' : 'mirror'}/${hash}`;
}

/** Every prefix but this member's, as an operator names them with --ask. */
export function othersOf(consortium: TestConsortium, name: string, names: readonly string[]): string[] {
  return names
    .filter((other) => other !== name)
    .map((other) => ledgerOf(consortium, other).replace(/\/[0-9a-f]{64}$/, ''));
}

/** A stopped member's backup, in a folder of its own. */
export async function backedUp(consortium: TestConsortium, name: string): Promise<string> {
  const file = join(consortium.folder('backup'), 'backup');
  await backup({ dir: consortium.dir(name), out: file, evidence: true, nowMs: Date.now() });
  return file;
}

/** Puts a backup in the place of a stopped member. */
export async function restored(
  consortium: TestConsortium,
  name: string,
  file: string,
  ask: string[] = [],
): Promise<void> {
  rmSync(consortium.dir(name), { recursive: true, force: true });
  await restore({ file, dir: consortium.dir(name), ask, nowMs: Date.now() });
}

/** Flips a bit under a key of a stopped member's store, as rot does: the checksum is not made anew. @param bit from the row's beginning */
export async function rot(dir: string, key: string, bit: number): Promise<void> {
  await below(dir, async (db) => {
    const sealed = Uint8Array.from((await db.get(key)) as Uint8Array);
    const at = (bit >> 3) % sealed.length;
    sealed[at] = (sealed[at] as number) ^ (1 << (bit & 7));
    await db.put(key, sealed);
  });
}

/** Looks at, or changes, the database of a stopped member below its store. */
export async function below<T>(dir: string, act: (db: Level<string, Uint8Array>) => Promise<T>): Promise<T> {
  const db = new Level<string, Uint8Array>(join(dir, STORE_FOLDER, 'level'), { valueEncoding: 'view' });
  try {
    return await act(db);
  } finally {
    await db.close();
  }
}

/** A copy by hand of a stopped member's folder, and the folder's replacement by one: what an operator must not do. */
export function copied(consortium: TestConsortium, name: string): () => void {
  const kept = consortium.folder('copy');
  cpSync(consortium.dir(name), kept, { recursive: true });
  return () => {
    rmSync(consortium.dir(name), { recursive: true, force: true });
    cpSync(kept, consortium.dir(name), { recursive: true });
  };
}
