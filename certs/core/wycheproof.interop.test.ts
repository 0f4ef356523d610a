/** ECDSA P-256 with SHA-256 against Wycheproof: no false accept, no false reject, malleability by either form apart. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { hexDecode } from '../../ledger/core/bytes.ts';
import { readPublicKey, verifySignature } from './algorithms.ts';
import { Fields, parseDer, readInteger } from './der.ts';
import { OID } from './oids.ts';

const FILE = fileURLToPath(
  new URL('../../../shared/vectors/wycheproof/testvectors_v1/ecdsa_secp256r1_sha256_test.json', import.meta.url),
);
const HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;

interface Vectors {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKeyDer: string;
    readonly tests: readonly { tcId: number; comment: string; msg: string; sig: string; result: string }[];
  }[];
}

describe('Wycheproof ECDSA P-256', () => {
  if (!existsSync(FILE)) {
    console.log(`\n  !!! VECTORS ABSENT: ${FILE} — Wycheproof was NOT run !!!\n`);
    return;
  }
  const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;

  it(`agrees on all ${vectors.numberOfTests} vectors`, () => {
    let count = 0;
    for (const group of vectors.testGroups) {
      const key = readPublicKey(parseDer(hexDecode(group.publicKeyDer) as Uint8Array));
      for (const { tcId, comment, msg, sig, result } of group.tests) {
        const [message, signature] = [hexDecode(msg) as Uint8Array, hexDecode(sig) as Uint8Array];
        const verify = (lowS: boolean): boolean =>
          verifySignature(key!, { oid: OID.ecdsaWithSHA256 }, message, signature, { lowS });
        expect(result, `${tcId}`).to.be.oneOf(['valid', 'invalid']);
        expect(verify(false), `${tcId} ${comment}`).to.equal(result === 'valid');
        // The strict form: the same, but for valid signatures with the larger s.
        expect(verify(true), `${tcId} ${comment}`).to.equal(result === 'valid' && sOf(signature) <= HALF_ORDER);
        count += 1;
      }
    }
    expect(count).to.equal(vectors.numberOfTests);
  });
});

function sOf(signature: Uint8Array): bigint {
  const fields = new Fields(parseDer(signature), 'Ecdsa-Sig-Value');
  fields.take();
  return readInteger(fields.take());
}
