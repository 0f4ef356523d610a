/**
 * Asks courts and mirrors to cosign the newest checkpoint that anybody shows, with the time of now. Anyone may: the log's signature on it is
 * public. So a platform that stands still cannot keep what it owes from coming to light: neither by feeding nobody, nor by having shown its
 * newest checkpoint to a few. A member that is behind is brought up from tiles that anybody serves.
 * Whoever has cosigned a checkpoint never goes back, and tiles can be computed when they are asked for. So nobody is moved to a checkpoint that no
 * mirror can be brought up to, nor, before what members show has been tried, to one that none of them shows.
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

/** Entries that a mirror may lack of what it is asked to cosign: of ordinary length, as many as a line of 3 Mbit/s carries in an hour. */
const LACKING_MAX = 4_194_304;

/** How long one member may take for all that it is offered, ms. What it has taken in stays: who asks again goes on from there. */
const MEMBER_MS_MAX = 3_600_000;

/** A monitoring prefix, and in it the submission prefix. */
const MEMBER_URL = /^(.*\/(witness|mirror))\/[0-9a-f]{64}$/;

/** A checkpoint that somebody shows. */
interface Offer {
  readonly head: SignedHead;
  readonly logKey: VerifierKey;
  /** Whether anybody serves its tiles: without them it is of use only to those who show it themselves. */
  readonly isServed: boolean;
  readonly source: LogSource;
  readonly shownAt: readonly string[];
}

/** A court or a mirror. */
interface Member {
  /** Its monitoring prefix. */
  readonly url: string;
  /** Its submission prefix. */
  readonly prefix: string;
  readonly isMirror: boolean;
  /** Of the checkpoint that it shows. */
  readonly size: number;
}

/**
 * Asks each; what they answer is shown under their own prefixes from then on.
 * @param urls where checkpoints and tiles are read; of these the monitoring prefixes `…/witness/<origin hash>` and `…/mirror/<origin hash>` are
 *   of members, who are asked
 * @param epochs oldest first: the newest names the members, each the log's keys of its time
 * @param now ms since any time
 * @returns what went wrong: who did not cosign, or was not asked, and why, and tiles that nobody serves
 */
export async function cosignAgain(
  urls: readonly string[],
  epochs: readonly PolicyEpoch[],
  http: Http,
  now: () => number = Date.now,
): Promise<Error[]> {
  const offers = await readOffers(urls, epochs, http);
  const members = urls.flatMap((url) => memberAt(url, offers) ?? []);
  const failures = offers
    .filter(({ isServed }) => !isServed)
    .map(({ head }) => new Error(`nobody serves the tiles of the checkpoint of size ${head.checkpoint.size}`));
  const keys = [...(epochs.at(-1)?.policy.witnesses.values() ?? [])].map(({ key }) => key);
  for (const member of members) {
    const useful = offers.filter(({ isServed, shownAt }) => isServed || shownAt.includes(member.url));
    const within = useful.filter((offer) => isWithinReach(offer, member, members));
    failures.push(...useful.filter((offer) => !within.includes(offer)).map(({ head }) => tooFar(member, head)));
    failures.push(...(await askMember(member, within, keys, http, now)));
  }
  return failures;
}

/** Undefined when it is the platform's, or anybody's who copies the ledger. */
function memberAt(url: string, offers: readonly Offer[]): Member | undefined {
  const [, prefix, kind] = MEMBER_URL.exec(url) ?? [];
  if (prefix === undefined) return undefined;
  const size = offers.find(({ shownAt }) => shownAt.includes(url))?.head.checkpoint.size ?? 0;
  return { url, prefix, isMirror: kind === 'mirror', size };
}

/**
 * Whether a member may be asked to cosign a checkpoint: a mirror when it lacks no more than it can take in, and a court when so does some
 * mirror, without whose cosignature that of the court is of no use. What it shows itself it may always cosign again.
 */
function isWithinReach({ head, shownAt }: Offer, member: Member, members: readonly Member[]): boolean {
  if (shownAt.includes(member.url)) return true;
  const mirrors = members.filter(({ isMirror }) => isMirror);
  const holders = member.isMirror ? [member] : mirrors.length > 0 ? mirrors : members;
  return holders.some(({ size }) => head.checkpoint.size - size <= LACKING_MAX);
}

function tooFar({ url, isMirror }: Member, { checkpoint }: SignedHead): Error {
  const whoZh = isMirror ? '它' : '所有仲裁机构';
  const who = isMirror ? 'it' : 'every mirror';
  return new Error(
    `无法判断：不请 ${url} 联署长度为 ${checkpoint.size} 的检查点，${whoZh}尚缺逾 ${LACKING_MAX} 个条目。` +
      `undecided: ${url} is not asked to cosign the checkpoint of size ${checkpoint.size}, of which ${who} lacks more than ${LACKING_MAX} entries`,
  );
}

/** Every checkpoint that is shown; each once. Those that members show come first, and of those the largest. */
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
  const isVouched = ({ shownAt }: Offer): boolean => shownAt.some((url) => MEMBER_URL.test(url));
  return signed.sort(
    (a, b) => Number(isVouched(b)) - Number(isVouched(a)) || b.head.checkpoint.size - a.head.checkpoint.size,
  );
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
  { url, prefix, isMirror }: Member,
  offers: readonly Offer[],
  keys: readonly VerifierKey[],
  http: Http,
  now: () => number,
): Promise<Error[]> {
  const open = isMirror ? mirrorCosigner : witnessCosigner;
  const late = new Error(
    `无法判断：${url} 一小时内未完成联署；已接收的条目仍在，请再次运行。` +
      `undecided: ${url} has not cosigned within an hour; what it has taken in stays, so ask again`,
  );
  const endMs = now() + MEMBER_MS_MAX;
  // Each request has its deadline; one that takes in a little at a time makes them endless.
  const inTime: Http = async (request) => {
    if (now() > endMs) throw late;
    return http(request);
  };
  const failures: Error[] = [];
  for (const { head, logKey, source } of offers) {
    try {
      await open({ name: url, url: prefix, keys, logKey, http: inTime, index: FORGETFUL }).cosign(head, source);
      return failures;
    } catch (error) {
      failures.push(error as Error);
      if (error === late) return failures;
    }
  }
  return failures;
}
