// A consortium in memory for the rigs on lying: courts and mirrors that are the real services, liars that sign whatever they are shown, and
// the policy over all of them. Everybody speaks the real protocols; only the sockets are missing.

import { concat } from '../core/bytes.ts';
import { cosign } from '../core/cosignature.ts';
import { formatSignatureLine, formatVkey } from '../core/note.ts';
import { type Policy, parsePolicy } from '../core/policy.ts';
import type { Signer } from '../core/signature.ts';
import type { Cosigner, Http, LogSource, SignedHead } from '../log/ports.ts';
import { mirrorCosigner } from '../mirror/client.ts';
import { Mirror } from '../mirror/service.ts';
import { memoryStores } from '../store/memory.ts';
import { witnessCosigner } from '../witness/client.ts';
import { originHash } from '../witness/request.ts';
import { Witness } from '../witness/service.ts';
import { inProcessHttp, ORIGIN, testClock, testCosigner, testSigner } from '../witness/testing.ts';

/** How many there are, how many of them are needed, and how many of them lie. */
export interface GroupShape {
  readonly members: number;
  readonly needed: number;
  readonly liars: number;
}

/** One court or arbitration body. */
export interface Member {
  readonly name: string;
  readonly signers: readonly Signer[];
  readonly honest: boolean;
  /** Its cosignature lines over a head; rejects when it refuses. A liar never does. */
  cosign(head: SignedHead, source: LogSource): Promise<string>;
  /** What monitors read of it, under `http://<name>/<origin hash>/`. */
  readonly http: Http;
}

const CLOCK = testClock();
const LOG_KEY = testSigner(ORIGIN, 0x01).key;

/** Both groups, liars first. */
export async function openMembers(
  courts: GroupShape,
  mirrors: GroupShape,
): Promise<{ courts: Member[]; mirrors: Member[] }> {
  const open = (shape: GroupShape, kind: string, honest: (name: string) => Promise<Member>): Promise<Member[]> =>
    Promise.all(
      Array.from({ length: shape.members }, (_, i) => `${kind}-${i + 1}`).map((name, i) =>
        i < shape.liars ? liar(name) : honest(name),
      ),
    );
  return { courts: await open(courts, 'court', court), mirrors: await open(mirrors, 'arbitration', mirror) };
}

/** The policy over all of them: each member both of its keys, each group as many as it needs, and both groups. */
export function policyOver(
  courts: readonly Member[],
  mirrors: readonly Member[],
  needed: [courts: number, mirrors: number],
): Policy {
  const lines = [...courts, ...mirrors].flatMap(({ name, signers }) => [
    ...signers.map(({ key }) => `witness ${name}.${key.type} ${formatVkey(key)}`),
    `group ${name} all ${signers.map(({ key }) => `${name}.${key.type}`).join(' ')}`,
  ]);
  const names = (members: readonly Member[]): string => members.map(({ name }) => name).join(' ');
  return parsePolicy(
    [
      `log ${formatVkey(LOG_KEY)}`,
      ...lines,
      `group courts ${needed[0]} ${names(courts)}`,
      `group arbitration ${needed[1]} ${names(mirrors)}`,
      'group consortium all courts arbitration',
      'quorum consortium',
      '',
    ].join('\n'),
  );
}

function signersOf(name: string): Signer[] {
  return testCosigner(`${name}.test.example`);
}

/** Signs anything, and shows monitors nothing. */
async function liar(name: string): Promise<Member> {
  const signers = signersOf(name);
  return {
    name,
    signers,
    honest: false,
    async cosign({ checkpoint }) {
      const time = BigInt(Math.floor(CLOCK() / 1000));
      const lines = await Promise.all(signers.map((signer) => cosign(checkpoint, time, signer)));
      return lines.map(formatSignatureLine).join('');
    },
    http: async () => ({ status: 404, headers: {}, body: new Uint8Array(0) }),
  };
}

async function court(name: string): Promise<Member> {
  const signers = signersOf(name);
  const stores = memoryStores();
  const witness = await Witness.open({
    logs: [{ origin: ORIGIN, keys: [LOG_KEY] }],
    signers,
    heads: (hash) => stores.heads(hash),
    cosigned: stores.index('cosigned'),
    clock: CLOCK,
    onEvent: () => undefined,
  });
  const http = inProcessHttp({
    'POST /add-checkpoint': async (body) => witness.addCheckpoint(await all(body)),
    [`GET /${originHash(ORIGIN)}/checkpoint`]: () => witness.checkpoint(originHash(ORIGIN)),
  });
  return honest(name, signers, http, witnessCosigner);
}

async function mirror(name: string): Promise<Member> {
  const signers = signersOf(name);
  const stores = memoryStores();
  const opened = await Mirror.open({
    logs: [{ origin: ORIGIN, keys: [LOG_KEY] }],
    signers,
    pending: (hash) => stores.heads(`pending-${hash}`),
    heads: (hash) => stores.heads(`mirrored-${hash}`),
    tiles: (hash) => stores.tiles(hash),
    cosigned: stores.index('cosigned'),
    clock: CLOCK,
    onEvent: () => undefined,
  });
  const http = inProcessHttp({
    'POST /add-checkpoint': async (body) => opened.addCheckpoint(await all(body)),
    'POST /add-entries': (body) => opened.addEntries(body),
    [`GET /${originHash(ORIGIN)}/checkpoint`]: () => opened.checkpoint(originHash(ORIGIN)),
  });
  return honest(name, signers, http, mirrorCosigner);
}

function honest(
  name: string,
  signers: readonly Signer[],
  http: Http,
  client: (options: Parameters<typeof witnessCosigner>[0]) => Cosigner,
): Member {
  const keys = signers.map(({ key }) => key);
  const index = memoryStores().index('log');
  const cosigner = client({ name, url: `http://${name}`, keys, logKey: LOG_KEY, http, index });
  return { name, signers, honest: true, cosign: (head, source) => cosigner.cosign(head, source), http };
}

async function all(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return concat(...parts);
}
