/**
 * Asks courts and mirrors to cosign the newest checkpoint that anybody shows, with the time of now. Anyone may: the log's signature on it is
 * public. So a platform that stands still cannot keep what it owes from coming to light: neither by feeding nobody, nor by having shown its
 * newest checkpoint to a few. A member that is behind is brought up from tiles that anybody serves.
 */
import { epochAt, type PolicyEpoch } from '../../ledger/core/epoch.ts';
import { isSignedBy, parseNote, type VerifierKey } from '../../ledger/core/note.ts';
import { TileReader } from '../../ledger/core/tile-reader.ts';
import type { Http, LogSource, SignedHead } from '../../ledger/log/ports.ts';
import { mirrorCosigner } from '../../ledger/mirror/client.ts';
import { readHeads } from '../../ledger/monitor/collect.ts';
import { tilesOf } from '../../ledger/monitor/peer.ts';
import { witnessCosigner } from '../../ledger/witness/client.ts';
import { FORGETFUL } from '../recovery/front-door.ts';
import { inTurn } from './in-turn.ts';

/** A checkpoint that somebody shows. */
interface Offer {
  readonly head: SignedHead;
  readonly logKey: VerifierKey;
  /** Whether anybody serves its tiles: without them it is of use only to those who show it themselves. */
  readonly isServed: boolean;
  readonly source: LogSource;
  readonly shownAt: readonly string[];
}

/**
 * Asks each; what they answer is shown under their own prefixes from then on.
 * @param urls where checkpoints and tiles are read; of these the monitoring prefixes `…/witness/<origin hash>` and `…/mirror/<origin hash>` are
 *   of members, who are asked
 * @param epochs oldest first: the newest names the members, each the log's keys of its time
 * @returns what went wrong: who did not cosign, and why, and tiles that nobody serves
 */
export async function cosignAgain(
  urls: readonly string[],
  epochs: readonly PolicyEpoch[],
  http: Http,
): Promise<Error[]> {
  const offers = await readOffers(urls, epochs, http);
  const failures = offers
    .filter(({ isServed }) => !isServed)
    .map(({ head }) => new Error(`nobody serves the tiles of the checkpoint of size ${head.checkpoint.size}`));
  const keys = [...(epochs.at(-1)?.policy.witnesses.values() ?? [])].map(({ key }) => key);
  for (const url of urls) {
    const useful = offers.filter(({ isServed, shownAt }) => isServed || shownAt.includes(url));
    failures.push(...(await askMember(url, useful, keys, http)));
  }
  return failures;
}

/** Every checkpoint that is shown, the largest first; each once. */
async function readOffers(urls: readonly string[], epochs: readonly PolicyEpoch[], http: Http): Promise<Offer[]> {
  const logKeys = epochs.flatMap(({ policy }) => policy.logs.map(({ key }) => key));
  const { shown } = await readHeads(urls, [], logKeys, http);
  const heads = new Map(shown.map(({ head }) => [parseNote(head.note).text, head]));
  const offers = [...heads].map(async ([text, head]): Promise<Offer | undefined> => {
    const logKey = signerOf(head, epochs);
    if (logKey === undefined) return undefined;
    const readers = await serving(urls, head, http);
    const shownAt = shown.filter((other) => parseNote(other.head.note).text === text).map(({ url }) => url);
    return { head, logKey, isServed: readers.length > 0, source: fromAny(readers), shownAt };
  });
  const signed = (await Promise.all(offers)).filter((offer) => offer !== undefined);
  return signed.sort((a, b) => b.head.checkpoint.size - a.head.checkpoint.size);
}

/** The key that signed it, of those that the log had at that size: with one that was replaced, somebody else may offer anything. */
function signerOf({ note, checkpoint }: SignedHead, epochs: readonly PolicyEpoch[]): VerifierKey | undefined {
  const { logs } = epochAt(epochs, checkpoint.size).policy;
  const { signatures } = parseNote(note);
  return logs.find(({ key }) => signatures.some((line) => isSignedBy(line, key)))?.key;
}

/** Readers of those whose tiles are those of the head, as far as its right edge tells. */
async function serving(urls: readonly string[], { checkpoint }: SignedHead, http: Http): Promise<TileReader[]> {
  const readers = urls.map((url) => new TileReader(checkpoint, tilesOf(url, http)));
  const serves = await Promise.all(
    readers.map((reader) =>
      reader.range(checkpoint.size).then(
        () => true,
        () => false,
      ),
    ),
  );
  return readers.filter((_, i) => serves[i]);
}

/** Reads from whoever can. */
function fromAny(readers: readonly TileReader[]): LogSource {
  const any = inTurn(readers);
  return {
    consistencyProof: (oldSize, newSize) => any((reader) => reader.consistencyProof(oldSize, newSize)),
    subtreeProof: (lo, hi, size) => any((reader) => reader.subtreeProof(lo, hi, size)),
    entries: (lo, hi) => any((reader) => reader.entries(lo, hi)),
  };
}

/** Offers one after the other until the member has cosigned one: whatever a liar shows must not keep it from the next. @returns why not */
async function askMember(
  url: string,
  offers: readonly Offer[],
  keys: readonly VerifierKey[],
  http: Http,
): Promise<Error[]> {
  const [, prefix, kind] = /^(.*\/(witness|mirror))\/[0-9a-f]{64}$/.exec(url) ?? [];
  if (prefix === undefined) return [];
  const open = kind === 'mirror' ? mirrorCosigner : witnessCosigner;
  const failures: Error[] = [];
  for (const { head, logKey, source } of offers) {
    try {
      await open({ name: url, url: prefix, keys, logKey, http, index: FORGETFUL }).cosign(head, source);
      return failures;
    } catch (error) {
      failures.push(error as Error);
    }
  }
  return failures;
}
