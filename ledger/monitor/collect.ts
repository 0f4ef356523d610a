// The checkpoints that the policy accepts, put together from what several nodes show of it: a court shows its own cosignature only, a
// mirror its own, the platform those it has gathered. Whoever does not trust the platform's choice asks the others.

import { type NamedCosignature, openCosigned, type Revoked } from '../core/cosigned.ts';
import { LedgerError } from '../core/errors.ts';
import { formatNote, isSignedBy, type NoteSignature, parseNote, type VerifierKey } from '../core/note.ts';
import { evaluatePolicy, type Policy } from '../core/policy.ts';
import type { Http, SignedHead } from '../log/ports.ts';
import { latestOf } from './peer.ts';

/** What came of it. */
export interface Collected {
  /** Every checkpoint shown that the policy accepts, the largest first: whether it is the log's of its size is not looked at. */
  readonly notes: readonly string[];
  /** Who could not be used, and why. */
  readonly failures: readonly Error[];
}

/** What one of several sources shows. Its note carries the verified signatures only. */
export interface ShownAt {
  readonly url: string;
  readonly head: SignedHead;
}

/**
 * Reads `<url>/checkpoint` of each.
 * @param urls `…/ledger`, or monitoring prefixes with the hash of the origin; no final slash
 * @param keys whose cosignatures are kept
 * @param logKeys keys of the logs that may be shown
 */
export async function readHeads(
  urls: readonly string[],
  keys: readonly VerifierKey[],
  logKeys: readonly VerifierKey[],
  http: Http,
): Promise<{ readonly shown: readonly ShownAt[]; readonly failures: readonly Error[] }> {
  const failures: Error[] = [];
  const shown: ShownAt[] = [];
  for (const url of urls) {
    try {
      const latest = await latestOf({ name: url, url, keys }, logKeys, http);
      if (latest === undefined) throw new LedgerError('note-not-signed', `${url} shows no checkpoint`);
      shown.push({ url, head: latest.head });
    } catch (error) {
      failures.push(error as Error);
    }
  }
  return { shown, failures };
}

/**
 * Joins the cosignatures of those that show the same checkpoint; of one key the latest that counts.
 * @param urls as {@link readHeads}
 * @param revoked what their keys signed when they had been revoked neither counts nor hides what they signed before
 */
export async function collectNotes(
  urls: readonly string[],
  policy: Policy,
  revoked: readonly Revoked[],
  http: Http,
): Promise<Collected> {
  const logKeys = policy.logs.map(({ key }) => key);
  const keys = [...policy.witnesses.values()].map(({ key }) => key);
  const { shown, failures } = await readHeads(urls, keys, logKeys, http);
  const heads = shown.map(({ head }) => head);
  const texts = new Set(heads.map(({ note }) => parseNote(note).text));
  const accepted = [...texts]
    .map((text) =>
      join(
        heads.filter(({ note }) => parseNote(note).text === text),
        policy,
        revoked,
      ),
    )
    .filter(({ cosigned }) => evaluatePolicy(policy, cosigned).satisfied)
    .sort((a, b) => b.size - a.size);
  return { notes: accepted.map(({ note }) => note), failures };
}

interface Joined {
  readonly note: string;
  readonly size: number;
  /** Names in the policy. */
  readonly cosigned: ReadonlySet<string>;
}

/** One note with every signature on it that counts. @param heads of one checkpoint text, at least one */
function join(heads: readonly SignedHead[], policy: Policy, revoked: readonly Revoked[]): Joined {
  const [head] = heads;
  if (head === undefined) throw new Error('invariant: at least one head');
  const notes = heads.map(({ note }) => parseNote(note));
  const latest = new Map<string, NamedCosignature['cosignature']>();
  for (const { witness, cosignature } of notes.flatMap((note) => openCosigned(policy, note, revoked).counting)) {
    const known = latest.get(witness);
    if (known === undefined || known.timeSeconds < cosignature.timeSeconds) latest.set(witness, cosignature);
  }
  const cosignatures = [...latest.values()].map(({ line }) => line);
  const { text } = parseNote(head.note);
  return {
    note: formatNote({
      text,
      signatures: [
        ...logLines(
          notes.flatMap(({ signatures }) => signatures),
          policy,
        ),
        ...cosignatures,
      ],
    }),
    size: head.checkpoint.size,
    cosigned: new Set(latest.keys()),
  };
}

/** The log's signatures, of each of its keys one: which of them it had at that size is for others to say. */
function logLines(signatures: readonly NoteSignature[], { logs }: Policy): NoteSignature[] {
  const lines = logs.flatMap(({ key }) => signatures.find((line) => isSignedBy(line, key)) ?? []);
  // A key that the log kept through changes is listed once for each.
  return [...new Set(lines)];
}
