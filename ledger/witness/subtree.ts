// sign-subtree: a cosignature on a subtree of a checkpoint that this cosigner has itself cosigned.
// c2sp.org/tlog-witness, "sign-subtree"; the checks stand in the order of the text. Needs no state: the cosignature on the reference
// checkpoint is the memory. Only ML-DSA-44 cosignatures can be over subtrees.

import { parseCheckpoint } from '../core/checkpoint.ts';
import { cosignSubtree, openCosignatures } from '../core/cosignature.ts';
import { formatSignatureLine, parseNote } from '../core/note.ts';
import { checkSubtreeConsistency, isSubtree } from '../core/proof.ts';
import type { Signer } from '../core/signature.ts';
import { answering, orRefuse, type ProtocolAnswer, refuse, textAnswer } from './answer.ts';
import { parseSignSubtree } from './request.ts';

/** Signature type of ML-DSA-44 cosignatures. SPEC tlog-cosignature, "Format". */
const ML_DSA_44 = 0x06;

/**
 * Handles one sign-subtree body.
 * @param isKnown whether this cosigner follows the log of this origin
 * @param signers the cosigner's own; those that are not ML-DSA-44 are not used
 * @returns 200 with signature lines, or 400, 403, 404, 422 as the text says
 */
export function signSubtree(
  body: Uint8Array,
  isKnown: (origin: string) => boolean,
  signers: readonly Signer[],
): Promise<ProtocolAnswer> {
  return answering(async () => {
    const { subtree, root, proof, note: text } = orRefuse(400, () => parseSignSubtree(body));
    const note = orRefuse(400, () => parseNote(text));
    const reference = orRefuse(400, () => parseCheckpoint(note.text));
    const { lo, hi } = subtree;
    // SPEC tlog-witness: [start, end) "MUST be a valid subtree … and end MUST be less than or equal to the checkpoint size … 400".
    if (!isSubtree(lo, hi) || hi > reference.size) refuse(400, 'not a subtree of the checkpoint');
    // SPEC tlog-witness: "If the Merkle Consistency Proof doesn't verify, the witness MUST respond with a 422".
    orRefuse(422, () => checkSubtreeConsistency(proof, lo, hi, reference.size, root, reference.root));
    // SPEC tlog-witness: "If the checkpoint origin is unknown, the witness MUST respond with a 404".
    if (!isKnown(reference.origin)) refuse(404, 'unknown origin');
    // SPEC tlog-witness: "The witness MUST verify that the checkpoint includes a valid cosignature from one of its own keys … 403", and the
    // answer's "SHOULD be from one or more of the same witness key(s)". An Ed25519 cosignature alone buys no ML-DSA-44 one: whoever breaks
    // Ed25519 must not get the stronger signature for it.
    const able = signers.filter((signer) => signer.key.type === ML_DSA_44);
    const cosignatures = orRefuse(403, () =>
      openCosignatures(
        note,
        able.map((signer) => signer.key),
      ),
    );
    const chosen = able.filter((signer) => cosignatures.some(({ key }) => key === signer.key));
    if (chosen.length === 0) refuse(403, 'the checkpoint has no ML-DSA-44 cosignature of this cosigner');
    // SPEC tlog-witness: "If the cosignature format supports timestamps, the timestamp MUST be zero." cosignSubtree sets it so.
    const answers = await Promise.all(
      chosen.map((signer) => cosignSubtree(reference.origin, { lo, hi, root }, signer)),
    );
    return textAnswer(200, answers.map(formatSignatureLine).join(''));
  });
}
