/**
 * Makes certificates: puts the platform's key, the timestamp services and our own verifier together for certs/issue.
 * A certificate leaves only if the verifier, with the judge's trust bundle and on those very bytes, finds it consistent.
 */
import { randomBytes } from 'node:crypto';
import type { ShownRecord } from '../certs/core/record.ts';
import type { X509 } from '../certs/core/x509.ts';
import { issueCertificate } from '../certs/issue/issue.ts';
import type { SignBytes } from '../certs/issue/sign-cms.ts';
import { requestToken } from '../certs/issue/tsa-client.ts';
import { nodeFonts } from '../certs/render/fonts-node.ts';
import { renderCertificate, rendererId } from '../certs/render/render.ts';
import type { TlogProof } from '../ledger/core/tlog-proof.ts';
import type { Clock, Http } from '../ledger/log/ports.ts';
import { verify } from '../verifier/core/verify.ts';
import type { EventLog } from './logging.ts';

export interface IssuerOptions {
  readonly sign: SignBytes;
  /** Signer's certificate, then intermediates upwards, without the root. */
  readonly path: readonly X509[];
  /** RFC 3161 services; the first that answers is asked first the next time. */
  readonly timestampUrls: readonly string[];
  /** The judge's trust bundle, as the file is. */
  readonly trust: Uint8Array;
  readonly http: Http;
  readonly clock: Clock;
  readonly log: EventLog;
}

export type Issuer = (record: ShownRecord, proof: TlogProof) => Promise<Uint8Array>;

export function openIssuer(options: IssuerOptions): Issuer {
  const { sign, path, trust, clock } = options;
  const timestamp = timestamper(options);
  const fonts = nodeFonts();
  return (record, proof) =>
    issueCertificate({
      record,
      proof,
      signedAt: `${new Date(clock()).toISOString().slice(0, 19)}Z`,
      fonts,
      signer: { sign, path, timestamp },
      verify: (certificate) =>
        verify({
          certificate,
          trust,
          evidence: [],
          certificateOnly: true,
          nowMs: clock(),
          rerender: async (source) => (await renderCertificate(source, fonts)).bytes,
          rendererId: rendererId(),
        }),
    });
}

/** Asks the services in turn, beginning with the one that answered last. */
function timestamper({ http, timestampUrls, log }: IssuerOptions): (sha256: Uint8Array) => Promise<Uint8Array> {
  let first = 0;
  return async (sha256) => {
    const failures: string[] = [];
    for (let i = 0; i < timestampUrls.length; i += 1) {
      const at = (first + i) % timestampUrls.length;
      const url = timestampUrls[at] as string;
      try {
        const token = await requestToken(http, url, sha256, randomNonce());
        first = at;
        return token;
      } catch (error) {
        failures.push(`${url}: ${(error as Error).message}`);
        log('warn', 'timestamp-failed', { url, reason: (error as Error).message });
      }
    }
    throw new Error(`no timestamp service answered: ${failures.join('; ')}`);
  };
}

function randomNonce(): bigint {
  return randomBytes(16).reduce((nonce, byte) => nonce * 256n + BigInt(byte), 0n);
}
