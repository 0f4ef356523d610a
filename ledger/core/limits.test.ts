/** How the limits relate: a change of one that breaks a format shows here. */
import { expect } from 'chai';
import {
  COSIGNATURE_TIME_MAX,
  ED25519_KEY_BYTES,
  ED25519_SIGNATURE_BYTES,
  ENTRY_BYTES_MAX,
  HASH_BYTES,
  INDEX_MAX,
  JSON_LENGTH_MAX,
  ML_DSA_44_KEY_BYTES,
  ML_DSA_44_SIGNATURE_BYTES,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  OMISSION_LEAVES_MAX,
  POLICY_GROUPS_MAX,
  POLICY_LENGTH_MAX,
  POLICY_LOGS_MAX,
  POLICY_WITNESSES_MAX,
  PROOF_HASHES_MAX,
  TILE_BYTES,
  TILE_WIDTH,
} from './limits.ts';

/** Characters of base64 for so many bytes. */
const base64Length = (bytes: number) => Math.ceil(bytes / 3) * 4;

describe('limits', () => {
  it('agree with each other', () => {
    expect(TILE_BYTES).to.equal(TILE_WIDTH * HASH_BYTES);
    expect(ENTRY_BYTES_MAX).to.equal(2 ** 16 - 1);
    expect(INDEX_MAX).to.equal(2 ** 53 - 1);
    expect(COSIGNATURE_TIME_MAX).to.equal(9_223_372_036_854_775_807n);
  });

  it('leave room for every proof: a tree of INDEX_MAX leaves is 53 levels high', () => {
    expect(PROOF_HASHES_MAX).to.be.at.least(Math.ceil(Math.log2(INDEX_MAX)) + 1);
  });

  it('leave room for a note full of post-quantum cosignatures', () => {
    const line = base64Length(4 + 8 + ML_DSA_44_SIGNATURE_BYTES) + 255 + 6;
    expect(NOTE_BYTES_MAX).to.be.at.least(NOTE_SIGNATURES_MAX * line);
    expect(NOTE_SIGNATURES_MAX).to.be.at.least(16);
  });

  it('leave room for a policy with as many keys as allowed', () => {
    for (const count of [POLICY_LOGS_MAX, POLICY_WITNESSES_MAX, POLICY_GROUPS_MAX]) expect(count).to.be.at.least(32);
    const line = base64Length(1 + ML_DSA_44_KEY_BYTES) + 2000;
    expect(POLICY_LENGTH_MAX).to.be.at.least((POLICY_LOGS_MAX + POLICY_WITNESSES_MAX) * line);
  });

  it('leave room for an omission report with the longest run, both notes and the entries at its ends', () => {
    const escaped = 2 * 2 * NOTE_BYTES_MAX;
    const whole = base64Length(OMISSION_LEAVES_MAX * HASH_BYTES) + escaped + 4 * base64Length(ENTRY_BYTES_MAX);
    expect(whole + 2 * PROOF_HASHES_MAX * 50 + 1000).to.be.below(JSON_LENGTH_MAX);
  });

  it('are the lengths of real keys and signatures', () => {
    expect([ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES]).to.deep.equal([32, 64]);
    expect([ML_DSA_44_KEY_BYTES, ML_DSA_44_SIGNATURE_BYTES]).to.deep.equal([1312, 2420]);
  });
});
