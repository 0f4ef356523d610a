/**
 * Whether certificates that a judge believes can be made under the next statement: asked when it is proposed, and again before its entry is
 * on the ledger. The platform would take deposits all the same, and our own verifier would let no certificate leave.
 */
import { join } from 'node:path';
import { CertError } from '../../certs/core/errors.ts';
import { nameText, parseCertificate, type X509 } from '../../certs/core/x509.ts';
import { checkPath } from '../../certs/core/x509-path.ts';
import { certificateRevokedMs } from '../../verifier/core/revocation.ts';
import type { Trust } from '../../verifier/core/trust.ts';
import { KEY_FILES } from '../config.ts';
import { readChain } from '../keys.ts';
import { StartError } from '../start-error.ts';
import { folderOf } from './next.ts';

/**
 * @param dir the platform's folder: the chain is the one that will be in place then
 * @param next the next statement
 * @param nowMs ms since epoch: the certificates must hold now
 * @throws StartError key-mismatch, key-missing, key-malformed
 */
export function requirePdfPath(dir: string, { pdfRoots, revoked }: Trust, nowMs: number): void {
  const chain = readChain(join(folderOf(dir, KEY_FILES.pdfChain), KEY_FILES.pdfChain));
  // Of a root that was renewed with its key the verifier takes the one that holds. A time to come is refused too: that day nobody would know why.
  const isRevoked = (each: X509): boolean => certificateRevokedMs(revoked, each) !== undefined;
  const roots = [...pdfRoots.filter((root) => !isRevoked(root)), ...pdfRoots.filter(isRevoked)];
  try {
    const [signer, ...above] = chain.map(parseCertificate);
    if (signer === undefined) throw new Error('invariant: a chain is not empty');
    const gone = checkPath(signer, above, roots, nowMs, 'document-signing').find(isRevoked);
    if (gone === undefined) return;
    const why = `it revokes ${nameText(gone.subject)}, by which every certificate is signed: add --new-key pdf`;
    throw new StartError('key-mismatch', why);
  } catch (cause) {
    if (!(cause instanceof CertError)) throw cause;
    const why = `${KEY_FILES.pdfChain} does not lead to a root of the statement: ${cause.message}`;
    throw new StartError('key-mismatch', why, { cause });
  }
}
