/**
 * The endpoints of a court and of a mirror, as targets of bad input: their valid messages, and when an answer of 200 is right.
 * What a message means is judged here by its bytes, not by our parsers: a mutant is accepted only if what counts in it, up to the signatures,
 * is still there unchanged.
 */
import { createHash } from 'node:crypto';
import { formatTimestampRequest } from '../../certs/issue/tsa-client.ts';
import { formatTilePath } from '../../ledger/core/tile.ts';
import { formatPackage, formatUploadHeader } from '../../ledger/mirror/package.ts';
import { formatAddCheckpoint, formatSignSubtree, originHash } from '../../ledger/witness/request.ts';
import { contentsOf, type Endpoint } from './bad-input.ts';
import { get, reads } from './reads.ts';
import type { Message } from './requests.ts';
import type { Ledger, Scene } from './scene.ts';

/** Below the protocols, a cosigner refuses with these. */
const CODES = new Set([
  ...['not-found', 'method-not-allowed', 'content-type-unsupported', 'content-encoding-unsupported', 'body-too-large'],
  ...['body-truncated', 'headers-too-many', 'headers-too-large', 'request-malformed'],
]);

type Common = Pick<Endpoint, 'codes' | 'state'>;

const post = (path: string, body: Uint8Array, headers: Message['headers'] = []): Message => ({
  ...{ method: 'POST', path, headers, body },
});

/** The endpoints of a court or a mirror. */
export async function cosignerEndpoints(scene: Scene, name: 'court-1' | 'arbitration-1'): Promise<Endpoint[]> {
  const ledger = await scene.ledger();
  const monitoring = await scene.monitoring(name);
  const prefix = name === 'court-1' ? '/witness' : '/mirror';
  const dir = scene.consortium.dir(name);
  const common: Common = { codes: CODES, state: async () => contentsOf(dir) };
  // A message that is accepted again is cosigned again, at another time: the history is what must not change.
  const history: Common = { ...common, state: async () => textOf(await scene.monitoring(name)) };
  const shared = [
    addCheckpoint(`${name} add-checkpoint`, `${prefix}/add-checkpoint`, ledger, history),
    signSubtree(`${name} sign-subtree`, `${prefix}/sign-subtree`, ledger, monitoring, common),
  ];
  const url = scene.consortium.urlOf(name);
  const readsOf = (what: string, messages: readonly Message[]): Promise<Endpoint> =>
    reads(scene, url, { name: `${name} ${what}`, ...common, messages, refusals: [400, 404] });
  const checkpoint = get(`${prefix}/${originHash(ledger.origin)}/checkpoint`);
  if (name === 'court-1') return [...shared, await readsOf('checkpoint', [checkpoint]), tsa(history)];
  const widths = [256, ledger.size - 256];
  const tiles = [0, 1].flatMap((index) =>
    (['entries', 0] as const).map((level) => get(pathOf(ledger, { level, index, width: widths[index] as number }))),
  );
  return [...shared, addEntries(ledger, history), await readsOf('checkpoint and tiles', [checkpoint, ...tiles])];
}

function pathOf(ledger: Ledger, tile: Parameters<typeof formatTilePath>[0]): string {
  return `/mirror/${originHash(ledger.origin)}/${formatTilePath(tile)}`;
}

/** The signed text of a note, without the signatures. */
function textOf(note: string): string {
  return note.slice(0, note.indexOf('\n\n'));
}

/** A note's text and the one signature line that counts. */
function essentials(note: string, signer: (line: string) => boolean): { text: string; line: string } {
  const end = note.indexOf('\n\n') + 2;
  const line = note.slice(end).split('\n').find(signer);
  if (line === undefined) throw new Error('the note has the signature that counts');
  return { text: note.slice(0, end), line };
}

/** The note with the first few of its signatures: those of the log and of one cosigner, as a log sends it. */
function shortened(note: string): string {
  const end = note.indexOf('\n\n') + 2;
  return note.slice(0, end) + note.slice(end).split('\n').slice(0, 3).join('\n').concat('\n');
}

/** A request whose heading and signed text are those of a valid one, and that carries the signature that counts. */
function means(body: Uint8Array, heading: string, { text, line }: { text: string; line: string }): boolean {
  const sent = Buffer.from(body).toString('utf8');
  return (
    sent.startsWith(heading + text) &&
    sent
      .slice(heading.length + text.length)
      .split('\n')
      .includes(line)
  );
}

function addCheckpoint(name: string, path: string, ledger: Ledger, common: Common): Endpoint {
  const { origin, size } = ledger;
  const [note, early] = [shortened(ledger.note), shortened(ledger.early)];
  const proof = ledger.consistency(1);
  const requests = [
    { oldSize: size, proof: [], note },
    { oldSize: 1, proof, note },
    { oldSize: 1, proof: [], note: early },
    { oldSize: 0, proof: [], note: early },
  ];
  // Only the checkpoint that it has already cosigned is accepted: from its own size, with an empty proof.
  const current = essentials(note, (line) => line.startsWith(`— ${origin} `));
  return {
    ...{ name, ...common, refusals: [400, 403, 404, 409, 413, 422] },
    messages: requests.map((request) => post(path, formatAddCheckpoint(request))),
    accepted: ({ body }) => (means(body, `old ${size}\n\n`, current) ? undefined : 'accepted another checkpoint'),
  };
}

function signSubtree(name: string, path: string, ledger: Ledger, monitoring: string, common: Common): Endpoint {
  const { size } = ledger;
  const ranges = [
    [0, 256],
    [256, size],
    [0, size],
  ] as const;
  const requests = ranges.map(([lo, hi]) => ({
    subtree: { lo, hi },
    root: ledger.root({ lo, hi }),
    proof: ledger.subtreeProof(lo, hi),
    note: monitoring,
  }));
  // Of the cosigner's own two signatures the ML-DSA-44 one: by far the longest line. SPEC tlog-cosignature: it is over origin, size and root,
  // and not over extension lines, so those may be anything.
  const { text, line } = essentials(monitoring, ({ length }) => length > 1000);
  const own = { text: text.slice(0, -1), line };
  const bodies = requests.map((request) => formatSignSubtree(request));
  const headings = bodies
    .map((body) => Buffer.from(body).toString('utf8'))
    .map((text) => text.slice(0, text.indexOf('\n\n') + 2));
  return {
    ...{ name, ...common, refusals: [400, 403, 404, 413, 422] },
    messages: bodies.map((body) => post(path, body)),
    accepted: ({ body }) =>
      headings.some((heading) => means(body, heading, own)) ? undefined : 'signed another subtree',
  };
}

/** Without effect where what is sent is held already: nothing is written but the time of a new cosignature. */
function addEntries(ledger: Ledger, common: Common): Endpoint {
  const { origin, size, entries } = ledger;
  const pack = (start: number, end: number): Uint8Array =>
    formatPackage({ entries: entries.slice(start, end), proof: ledger.subtreeProof(start - (start % 256), end) });
  const uploads = [
    { start: size, packages: [] },
    { start: 256, packages: [pack(256, size)] },
    { start: 290, packages: [pack(290, size)] },
    { start: 250, packages: [pack(250, 256), pack(256, size)] },
  ];
  const body = ({ start, packages }: (typeof uploads)[number]): Buffer => {
    const header = formatUploadHeader({ origin, start, end: size, ticket: new Uint8Array() });
    return Buffer.concat([header, ...packages]);
  };
  const bodies = uploads.map(body);
  /** Origin, start and end; the ticket after them is opaque and ignored. */
  const headBytes = 2 + Buffer.byteLength(origin) + 16;
  return {
    ...{ name: 'arbitration-1 add-entries', ...common, refusals: [400, 404, 409, 413, 415, 422] },
    messages: bodies.map((bytes) => post('/mirror/add-entries', bytes)),
    accepted({ body: sent }, { status }) {
      const upload = bodies.findIndex((bytes) => bytes.subarray(0, headBytes).equals(sent.subarray(0, headBytes)));
      if (upload < 0) return 'accepted an upload of other bounds';
      const packages = uploads[upload]?.packages ?? [];
      const needed = status === 202 ? packages.slice(0, 1) : packages;
      if (status === 202 && packages.length < 2) return 'kept a part of an upload that has one package';
      const ticketBytes = Buffer.from(sent).readUInt16BE(headBytes);
      const rest = Buffer.from(sent.subarray(headBytes + 2 + ticketBytes));
      return rest.subarray(0, Buffer.concat(needed).length).equals(Buffer.concat(needed))
        ? undefined
        : 'accepted other entries';
    },
  };
}

/** MessageImprint of SHA-256 up to the digest, as it stands in a request and in its token alike. */
const IMPRINT = Buffer.from('302f300b06096086480165030402010420', 'hex');

function tsa(common: Common): Endpoint {
  const digest = new Uint8Array(createHash('sha256').update('a document').digest());
  const requests = [1n, 0x7fffffffffffffffn, 2n ** 120n].map((nonce) => formatTimestampRequest(digest, nonce));
  return {
    ...{ name: 'court-1 tsa', ...common, refusals: [400, 413, 415] },
    messages: requests.map((body) => post('/tsa', body, [['Content-Type', 'application/timestamp-query']])),
    accepted({ body }, answer) {
      if (answer.headers.get('content-type') !== 'application/timestamp-reply') return 'not a timestamp reply';
      const at = answer.body.indexOf(IMPRINT);
      // RFC 3161 2.4.2: a refusal is a reply without a token.
      if (at < 0) return answer.body.length < 200 ? undefined : 'a token for no digest';
      const imprint = answer.body.subarray(at, at + IMPRINT.length + 32);
      return Buffer.from(body).includes(imprint) ? undefined : 'a token for what was not asked';
    },
  };
}
