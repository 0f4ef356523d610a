/**
 * Asks courts and mirrors to cosign a checkpoint that they know, with the time of now. Anyone may: the log's signature on it is public. So a
 * platform that stands still cannot keep what it owes from coming to light.
 */
import { openCheckpoint } from '../../ledger/core/checkpoint.ts';
import { formatNote, isSignedBy, parseNote } from '../../ledger/core/note.ts';
import type { Policy } from '../../ledger/core/policy.ts';
import { TileReader } from '../../ledger/core/tile-reader.ts';
import type { Http } from '../../ledger/log/ports.ts';
import { mirrorCosigner } from '../../ledger/mirror/client.ts';
import { tilesOf } from '../../ledger/monitor/peer.ts';
import { witnessCosigner } from '../../ledger/witness/client.ts';
import { FORGETFUL } from '../recovery/front-door.ts';

/**
 * Asks each; what they answer is shown under their own prefixes from then on.
 * @param urls monitoring prefixes `…/witness/<origin hash>` and `…/mirror/<origin hash>`; others are nobody's who cosigns
 * @param note a checkpoint that the policy accepts
 * @returns who did not, and why
 */
export async function cosignAgain(urls: readonly string[], note: string, policy: Policy, http: Http): Promise<Error[]> {
  const parsed = parseNote(note);
  const logKeys = policy.logs.map(({ key }) => key);
  const checkpoint = openCheckpoint(parsed, logKeys);
  const logKey = logKeys.find(({ name }) => name === checkpoint.origin);
  if (logKey === undefined) throw new Error('invariant: the checkpoint is one of a log of the policy');
  const byLog = parsed.signatures.filter((line) => isSignedBy(line, logKey));
  const head = { note: formatNote({ text: parsed.text, signatures: byLog }), checkpoint };
  const keys = [...policy.witnesses.values()].map(({ key }) => key);
  const failures: Error[] = [];
  for (const url of urls) {
    const [, prefix, kind] = /^(.*\/(witness|mirror))\/[0-9a-f]{64}$/.exec(url) ?? [];
    if (prefix === undefined) continue;
    const open = kind === 'mirror' ? mirrorCosigner : witnessCosigner;
    const member = open({ name: url, url: prefix, keys, logKey, http, index: FORGETFUL });
    const source = new TileReader(checkpoint, tilesOf(url, http));
    await member.cosign(head, source).catch((error: Error) => failures.push(error));
  }
  return failures;
}
