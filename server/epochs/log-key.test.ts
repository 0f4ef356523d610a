/** The log's key replaced at a court: until it is told to distrust the old key, whoever has that one can have it cosign. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatCheckpoint } from '../../ledger/core/checkpoint.ts';
import { leafHash, treeRoot } from '../../ledger/core/hash.ts';
import { formatNote, formatVkey } from '../../ledger/core/note.ts';
import { type Signer, signNote } from '../../ledger/core/signature.ts';
import { formatAddCheckpoint } from '../../ledger/witness/request.ts';
import { KEY_FILES, TRUST_FILE } from '../config.ts';
import { generateKey, readSigner, signerOf } from '../keys.ts';
import { freePorts } from '../processes/testing.ts';
import { openCourt } from '../roles/court.ts';
import { initConsortium } from '../roles/init.ts';
import type { RunningRole } from '../roles/process.ts';
import { distrustLog, trustLog } from './member.ts';

const ORIGIN = 'ledger.demo.example';
const LEAVES = [1, 2, 3].map((byte) => leafHash(Uint8Array.of(byte)));

describe('server/epochs log key', () => {
  let data: string;
  let dir: string;
  let court: RunningRole | undefined;
  before(async () => {
    data = mkdtempSync(join(tmpdir(), 'probata-log-key-'));
    dir = join(data, 'court-1');
    await initConsortium({ data, port: await freePorts(3), courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now() });
  });
  after(async () => {
    await court?.close();
    rmSync(data, { recursive: true });
  });

  async function restart(): Promise<void> {
    await court?.close();
    const fatal = (error: Error): never => {
      throw error;
    };
    court = await openCourt(dir, { log: () => undefined, fatal });
  }

  /** Asks for a cosignature on the tree of so many leaves, one more than before. @returns the status */
  async function extend(size: number, log: Signer): Promise<number> {
    const text = formatCheckpoint({ origin: ORIGIN, size, root: treeRoot(LEAVES.slice(0, size)), extensions: [] });
    const note = formatNote({ text, signatures: [await signNote(text, log)] });
    // From sizes 1 and 2, which are whole subtrees, the proof is the new leaf alone.
    const proof = size === 1 ? [] : LEAVES.slice(size - 1, size);
    const body = formatAddCheckpoint({ oldSize: size - 1, proof, note });
    return (await fetch(`${court?.url}/witness/add-checkpoint`, { method: 'POST', body })).status;
  }

  it('is good for nothing at a court that distrusts it, which goes on from what it has cosigned', async () => {
    const old = readSigner(join(data, 'platform', KEY_FILES.log), ORIGIN, 0x01);
    const young = signerOf(generateKey(0x01), ORIGIN, 0x01);
    await restart();
    expect(await extend(1, old)).equal(200);
    trustLog(dir, formatVkey(young.key));
    await restart();
    expect(await extend(2, old), 'the control: a thief, after the change').equal(200);
    const path = join(data, TRUST_FILE);
    expect(() => distrustLog(dir, path), 'a bundle from before the change').throw('does not name');
    writeFileSync(path, readFileSync(path, 'utf8').replace(formatVkey(old.key), formatVkey(young.key)));
    distrustLog(dir, path);
    await restart();
    expect(await extend(3, old)).equal(403);
    expect(await extend(3, young)).equal(200);
  });

  it('is not distrusted by the bundle of another log', () => {
    const path = join(data, TRUST_FILE);
    const other = formatVkey(signerOf(generateKey(0x01), 'other.example', 0x01).key);
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/(log )\S+/, (_, before) => before + other),
    );
    expect(() => distrustLog(dir, path)).throw('follows no log');
  });
});
