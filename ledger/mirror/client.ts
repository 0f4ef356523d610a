// The log's side of a mirror: brings its pending checkpoint to a head, uploads what it lacks, and returns its cosignatures.
// c2sp.org/tlog-mirror, "add-entries". Entries are read from the log package by package, never all at once.

import { LedgerError } from '../core/errors.ts';
import { MIRROR_PACKAGES_MAX } from '../core/limits.ts';
import type { Cosigner, LogSource, SignedHead } from '../log/ports.ts';
import { Gateway, type GatewayOptions, type HttpAnswer } from '../witness/gateway.ts';
import {
  formatPackage,
  formatUploadHeader,
  MIRROR_INFO_TYPE,
  type MirrorInfo,
  packageRanges,
  parseMirrorInfo,
  type UploadHeader,
} from './package.ts';

/** Times out one upload of at most 32 packages, ms. */
const UPLOAD_TIMEOUT_MS = 120_000;

/** Answers in a row that do not let the upload advance. */
const STUCK_ANSWERS_MAX = 3;

/** A mirror as a cosigner. Rejects with CosignerError or an error of the Http port; what was uploaded before stays uploaded. */
export function mirrorCosigner(options: GatewayOptions): Cosigner {
  const gateway = new Gateway(options);
  /** Where the mirror wanted to go on. Unknown at first: an empty upload up to the head asks. */
  let nextEntry: number | undefined;

  /** Uploads until the mirror has cosigned the head. @returns the body of its 200 */
  async function upload(head: SignedHead, source: LogSource): Promise<Uint8Array> {
    const { origin, size } = head.checkpoint;
    let ticket: Uint8Array = new Uint8Array(0);
    for (let stuck = 0; stuck < STUCK_ANSWERS_MAX; ) {
      const start = Math.min(nextEntry ?? size, size);
      const headers = { 'content-type': 'application/octet-stream' };
      const body = uploadBody({ origin, start, end: size, ticket }, source);
      // Until it answers we do not know: should this fail, the next attempt asks with an empty upload, which nothing can cut off.
      nextEntry = undefined;
      const answer = await gateway.post('add-entries', body, headers, UPLOAD_TIMEOUT_MS);
      if (answer.status === 200) {
        nextEntry = size;
        return answer.body;
      }
      // SPEC tlog-mirror: "After receiving a 409 … or 202 … the client SHOULD retry setting … `upload_start` to the advertised next entry
      // value, and the `ticket` to the received ticket". The end stays: this head is the mirror's latest pending checkpoint, or one of its
      // last several; a mirror that keeps no list of them finds it in its ticket.
      const advertised = readInfo(gateway, answer);
      // Beyond the end there is nothing to upload: whoever goes on asking for it would be answered for ever.
      const advances = advertised.nextEntry > start && advertised.nextEntry <= size;
      stuck = answer.status === 202 && advances ? 0 : stuck + 1;
      nextEntry = advertised.nextEntry;
      ticket = advertised.ticket;
    }
    throw gateway.error('unavailable', 'does not let the upload advance');
  }

  return {
    name: options.name,
    cosign: async (head, source) => {
      await gateway.addCheckpoint(head, source);
      return gateway.cosignatures(await upload(head, source));
    },
    latest: (own) => gateway.latest(own),
  };
}

/** SPEC tlog-mirror: "clients SHOULD limit each `add-entries` request to at most 32 entry packages". */
async function* uploadBody(header: UploadHeader, source: LogSource): AsyncGenerator<Uint8Array> {
  const { start, end } = header;
  yield formatUploadHeader(header);
  let packages = 0;
  for (const range of packageRanges(start, end)) {
    if (packages++ === MIRROR_PACKAGES_MAX) return;
    const entries = await source.entries(range.start, range.end);
    yield formatPackage({ entries, proof: await source.subtreeProof(range.bundleStart, range.end, end) });
  }
}

/** The mirror-info of a 202 or 409. */
function readInfo(gateway: Gateway, answer: HttpAnswer): MirrorInfo {
  if (answer.status !== 202 && answer.status !== 409) throw gateway.failure(answer);
  try {
    if (!answer.headers['content-type']?.startsWith(MIRROR_INFO_TYPE))
      throw new LedgerError('mirror-info-malformed', 'type');
    return parseMirrorInfo(answer.body);
  } catch (error) {
    if (error instanceof LedgerError)
      throw gateway.error('answer-bad', 'answered without mirror-info', { cause: error });
    throw error;
  }
}
