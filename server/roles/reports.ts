/**
 * Misbehaviour reports: what a cosigner saw of a log that does not only grow, as one self-contained file each, with everything a third
 * party needs to check it: the raw request (the newer signed checkpoint and the proof that fails), the older signed checkpoint, the log's keys.
 * The name is the digest of that evidence, so the same lie told twice is one file.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { concat, hexEncode, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import type { WitnessEvent } from '../../ledger/witness/events.ts';
import { REPORTS_FOLDER } from '../config.ts';

/**
 * A log that lies on and on fills the disk no further; the event log still names every case. Anyone can relay a genuine checkpoint
 * with a false proof, so reports that prove nothing by themselves leave room for those that do.
 */
const REPORTS_MAX = 1000;
const CONCLUSIVE_REPORTS_MAX = 2 * REPORTS_MAX;

export type Inconsistency = Extract<WitnessEvent, { kind: 'inconsistent' }>;

/**
 * Writes the report unless it exists or the folder is full.
 * @param dir the member's folder
 * @param logKeys vkeys the log's checkpoints were checked with
 * @param nowMs when it was seen, ms since the epoch
 * @returns the file's path, or undefined when there are too many already
 */
export function writeReport(
  dir: string,
  event: Inconsistency,
  logKeys: readonly string[],
  nowMs: number,
): string | undefined {
  const folder = join(dir, REPORTS_FOLDER);
  mkdirSync(folder, { recursive: true });
  const evidence = sha256(concat(event.request, utf8Encode(event.latest ?? '')));
  const path = join(folder, `inconsistent-${hexEncode(evidence).slice(0, 32)}.json`);
  const max = event.conclusive ? CONCLUSIVE_REPORTS_MAX : REPORTS_MAX;
  if (readdirSync(folder).length >= max) return undefined;
  const report = {
    what: event.conclusive
      ? 'two checkpoints signed by one log, of which the newer does not follow from the older'
      : 'a checkpoint signed by the log came with a proof that does not hold; whoever sent it may have made the proof up',
    origin: event.origin,
    conclusive: event.conclusive,
    seen: new Date(nowMs).toISOString(),
    logKeys,
    older: event.latest ?? null,
    // The request as text: its lines are the old size, the proof, an empty line, the newer checkpoint (tlog-witness add-checkpoint).
    request: utf8Decode(event.request) ?? null,
    requestBase64: Buffer.from(event.request).toString('base64'),
  };
  try {
    writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`, { flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return path;
}
