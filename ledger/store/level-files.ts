// A LevelDB folder looked through before LevelDB opens it. LevelDB keeps a CRC of everything and, as classic-level runs it, heeds few of
// them: a flipped bit in a table becomes another value or a missing key, one in a write-ahead log makes whole batches disappear, some end the
// process in a C++ assertion. So every file that is in use is checked here, by the sums that LevelDB wrote itself.
//
// What a crash leaves passes: a record cut short at the very end. That it was not one that we acknowledged is latest.ts's to know.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8Decode } from '../core/bytes.ts';
import { StoreError } from '../log/ports.ts';
import { Cursor } from './cursor.ts';
import { hasRecordAfter, type RecordFile, readRecords } from './level-records.ts';
import { isTableWhole } from './level-table.ts';

/** What the MANIFEST says is in use. */
interface Version {
  /** Write-ahead logs from this number on are read again; 0 before the first. */
  readonly logNumber: number;
  readonly tables: ReadonlySet<number>;
}

/**
 * Looks at every file that LevelDB would use. Reads only.
 * @param location a LevelDB folder that was opened before
 * @throws StoreError corrupt: a file is not what was written
 */
export async function checkLevelFiles(location: string): Promise<void> {
  for (let before: string | undefined; ; ) {
    try {
      return await checkFiles(location);
    } catch (error) {
      // Another process may be at work here, and files come and go: then LevelDB's own lock decides. Damage stays.
      const now = [await currentOf(location), ...(await readdir(location).catch(() => []))].join();
      if (now === before) throw error;
      before = now;
    }
  }
}

async function checkFiles(location: string): Promise<void> {
  const [, manifestName] = /^(MANIFEST-\d{6,})\n$/.exec((await currentOf(location)) ?? '') ?? [];
  if (manifestName === undefined) throw damaged(location, 'CURRENT');
  const manifest = await read(location, manifestName);
  if (manifest === undefined) throw damaged(location, manifestName);
  const { logNumber, tables } = readVersion(location, manifestName, whole(location, manifestName, manifest).records);
  const names = await readdir(location);
  const logs = names.filter((name) => name.endsWith('.log') && numberOf(name) >= logNumber).sort(byNumber);
  // The log that the MANIFEST goes on from is there until the MANIFEST names a later one. If not, the MANIFEST has lost its end.
  if (logNumber > 0 && numberOf(logs[0] ?? '') !== logNumber) throw damaged(location, manifestName);
  await checkLogs(location, logs);
  for (const name of names.filter((each) => /\.(ldb|sst)$/.test(each) && tables.has(numberOf(each)))) {
    const bytes = await read(location, name);
    if (bytes !== undefined && !isTableWhole(bytes)) throw damaged(location, name);
  }
}

async function currentOf(location: string): Promise<string | undefined> {
  return utf8Decode((await read(location, 'CURRENT')) ?? new Uint8Array(0));
}

/** Behind the first damage nothing may come, in this log or in a later one. */
async function checkLogs(location: string, names: readonly string[]): Promise<void> {
  let cut: string | undefined;
  for (const name of names) {
    const bytes = await read(location, name);
    if (bytes === undefined) continue;
    const { records, damagedAt } = whole(location, name, bytes);
    if (cut !== undefined && records.length > 0) throw damaged(location, cut);
    if (damagedAt !== undefined) cut = name;
  }
}

/** The records of a file in which nothing is missing but what a crash may have cut short at its end. */
function whole(location: string, name: string, bytes: Uint8Array): RecordFile {
  const file = readRecords(bytes);
  if (file.damagedAt !== undefined && hasRecordAfter(bytes, file.damagedAt)) throw damaged(location, name);
  return file;
}

/** Replays the MANIFEST: records of tagged fields. */
function readVersion(location: string, name: string, records: readonly Uint8Array[]): Version {
  const tables = new Set<number>();
  let logNumber = 0;
  try {
    for (const record of records) {
      const fields = new Cursor(record);
      while (!fields.done) {
        const tag = fields.varint();
        if (tag === 1)
          fields.take(fields.varint()); // comparator
        else if (tag === 2) logNumber = fields.varint();
        else if (tag === 3 || tag === 4 || tag === 9)
          fields.varint(); // next file, last sequence, previous log
        else if (tag === 5) skipPointer(fields);
        else if (tag === 6) tables.delete(levelAndNumber(fields));
        else if (tag === 7) tables.add(newTable(fields));
        else throw damaged(location, name);
      }
    }
  } catch (cause) {
    throw cause instanceof RangeError ? damaged(location, name) : cause;
  }
  return { logNumber, tables };
}

/** Where a compaction goes on: level and key. */
function skipPointer(fields: Cursor): void {
  fields.varint();
  fields.take(fields.varint());
}

function levelAndNumber(fields: Cursor): number {
  fields.varint();
  return fields.varint();
}

/** A table that is in use from here on: level, number, bytes, smallest and largest key. */
function newTable(fields: Cursor): number {
  const number = levelAndNumber(fields);
  fields.varint();
  fields.take(fields.varint());
  fields.take(fields.varint());
  return number;
}

/** undefined when there is none: LevelDB may just have deleted it, and notices by itself when one is missing that it needs. */
async function read(location: string, name: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(join(location, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new StoreError('failed', `cannot read ${join(location, name)}`, { cause: error });
  }
}

function numberOf(name: string): number {
  return Number(/^(\d+)\./.exec(name)?.[1] ?? -1);
}

function byNumber(a: string, b: string): number {
  return numberOf(a) - numberOf(b);
}

function damaged(location: string, name: string): StoreError {
  return new StoreError('corrupt', `${join(location, name)} is not what was written`);
}
