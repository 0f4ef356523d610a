/**
 * Makes certificates: puts the platform's key, the timestamp services and our own verifier together for certs/issue.
 * A certificate leaves only if the verifier, with the judge's trust bundle and on those very bytes, finds it consistent.
 */
import type { ShownRecord } from '../certs/core/record.ts';
import type { X509 } from '../certs/core/x509.ts';
import { issueCertificate } from '../certs/issue/issue.ts';
import type { SignBytes } from '../certs/issue/sign-cms.ts';
import { nodeFonts } from '../certs/render/fonts-node.ts';
import { renderCertificate, rendererId } from '../certs/render/render.ts';
import type { TlogProof } from '../ledger/core/tlog-proof.ts';
import { verify } from '../verifier/core/verify.ts';
import { type TimestampOptions, Timestamps } from './timestamps.ts';

export interface IssuerOptions extends TimestampOptions {
  readonly sign: SignBytes;
  /** Signer's certificate, then intermediates upwards, without the root. */
  readonly path: readonly X509[];
}

export type Issuer = (record: ShownRecord, proof: TlogProof) => Promise<Uint8Array>;

export function openIssuer(options: IssuerOptions): Issuer {
  const { sign, path, trust, clock } = options;
  const timestamps = new Timestamps(options);
  const fonts = nodeFonts();
  return (record, proof) =>
    timestamps.with((timestamp) =>
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
      }),
    );
}
