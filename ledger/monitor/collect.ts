// The newest checkpoint that the policy accepts, put together from what several nodes show of it: a court shows its own cosignature only, a
// mirror its own, the platform those it has gathered. Whoever does not trust the platform's choice asks the others.

import { type Cosignature, openCosignatures } from '../core/cosignature.ts';
import { LedgerError } from '../core/errors.ts';
import { formatNote, isSignedBy, parseNote, type VerifierKey } from '../core/note.ts';
import { evaluatePolicy, type Policy } from '../core/policy.ts';
import type { Http, SignedHead } from '../log/ports.ts';
import { latestOf } from './peer.ts';

/** What came of it. */
export interface Collected {
  /** Largest checkpoint that the policy accepts; undefined when none of those shown is. */
  readonly note: string | undefined;
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
 * Joins the cosignatures of those that show the same checkpoint; of one key the latest.
 * @param urls as {@link readHeads}
 */
export async function collectNote(urls: readonly string[], policy: Policy, http: Http): Promise<Collected> {
  const logKeys = policy.logs.map(({ key }) => key);
  const keys = [...policy.witnesses.values()].map(({ key }) => key);
  const { shown, failures } = await readHeads(urls, keys, logKeys, http);
  const heads = shown.map(({ head }) => head);
  const texts = new Set(heads.map(({ note }) => parseNote(note).text));
  const accepted = [...texts]
    .map((text) =>
      join(
        heads.filter(({ note }) => parseNote(note).text === text),
        keys,
      ),
    )
    .filter(({ cosigned }) => isAccepted(policy, cosigned))
    .sort((a, b) => b.size - a.size);
  return { note: accepted[0]?.note, failures };
}

interface Joined {
  readonly note: string;
  readonly size: number;
  readonly cosigned: readonly VerifierKey[];
}

/** One note with every cosignature on it. @param heads of one checkpoint text, at least one */
function join(heads: readonly SignedHead[], keys: readonly VerifierKey[]): Joined {
  const notes = heads.map(({ note }) => parseNote(note));
  const latest = new Map<VerifierKey, Cosignature>();
  for (const cosignature of notes.flatMap((note) => openCosignatures(note, keys))) {
    const known = latest.get(cosignature.key);
    if (known === undefined || known.timeSeconds < cosignature.timeSeconds) latest.set(cosignature.key, cosignature);
  }
  const [head] = heads;
  const [note] = notes;
  if (head === undefined || note === undefined) throw new Error('invariant: at least one head');
  const byLog = note.signatures.filter((line) => !keys.some((key) => isSignedBy(line, key)));
  const signatures = [...byLog, ...[...latest.values()].map(({ line }) => line)];
  return {
    note: formatNote({ text: note.text, signatures }),
    size: head.checkpoint.size,
    cosigned: [...latest.keys()],
  };
}

function isAccepted(policy: Policy, cosigned: readonly VerifierKey[]): boolean {
  const names = [...policy.witnesses].filter(([, { key }]) => cosigned.includes(key)).map(([name]) => name);
  return evaluatePolicy(policy, new Set(names)).satisfied;
}
