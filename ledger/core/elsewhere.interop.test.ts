/**
 * Vectors made elsewhere, read from ../shared/vectors beside the repository; their sources and licences are in its README.md.
 * Without that folder nothing here is checked, and one loud line says so.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parseBundle } from './bundle.ts';
import { base64Decode, hexDecode, utf8Encode } from './bytes.ts';
import { openCheckpoint } from './checkpoint.ts';
import { type Hash, leafHash } from './hash.ts';
import { canonicalJson, parseCanonicalJson, parseJson } from './json.ts';
import { HASH_BYTES } from './limits.ts';
import { type KeyType, parseNote, parseVkey, vkeyOf } from './note.ts';
import { checkConsistency, checkInclusion, checkSubtreeConsistency, checkSubtreeInclusion } from './proof.ts';
import { verifySignature } from './signature.ts';
import { TestTree, verdict } from './testing.ts';
import { formatTilePath, parseTilePath, tilesForSize } from './tile.ts';
import { type FetchTile, TileReader } from './tile-reader.ts';

const VECTORS = fileURLToPath(new URL('../../../shared/vectors/', import.meta.url));

const bytesAt = (path: string): Uint8Array => Uint8Array.from(readFileSync(join(VECTORS, path)));
const textAt = (path: string): string => readFileSync(join(VECTORS, path), 'utf8');
const jsonAt = <T>(path: string): T => JSON.parse(textAt(path)) as T;
const filesUnder = (path: string): string[] =>
  readdirSync(join(VECTORS, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(VECTORS.length));

function hex(text: string): Uint8Array {
  const bytes = hexDecode(text);
  if (bytes === undefined) throw new Error(`not hex: ${text}`);
  return bytes;
}

/** A hash of a Merkle vector, or nothing. Some vectors have words for hashes ("don't care 2"): the word's leaf hash stands for it. */
function hashOf(base64: unknown): Hash {
  const bytes = base64Decode(String(base64)) ?? new Uint8Array(0);
  return bytes.length === 0 || bytes.length === HASH_BYTES ? bytes : leafHash(bytes);
}

/** Runs the check that the folder of a Merkle vector is about. */
function checkMerkle(folder: string | undefined, vector: Record<string, unknown>): void {
  const proof = ((vector['proof'] ?? []) as unknown[]).map(hashOf);
  const number = (name: string) => vector[name] as number;
  const hash = (name: string) => hashOf(vector[name]);
  const [lo, hi] = [number('start'), number('end')];
  if (folder === 'inclusion') {
    checkInclusion(proof, number('leafIdx'), number('treeSize'), hash('leafHash'), hash('root'));
  } else if (folder === 'consistency') {
    checkConsistency(proof, number('size1'), number('size2'), hash('root1'), hash('root2'));
  } else if (folder === 'subtreeinclusion') {
    checkSubtreeInclusion(proof, number('leafIdx'), lo, hi, hash('leafHash'), hash('root'));
  } else if (folder === 'subtreeconsistency') {
    checkSubtreeConsistency(proof, lo, hi, number('size'), hash('root1'), hash('root2'));
  } else {
    throw new Error(`no such folder: ${folder}`);
  }
}

/**
 * The one vector on which we follow another text than its authors. They refuse every consistency proof from size 0, which RFC 6962
 * leaves undefined; tlog-witness: "the empty tree is consistent with any tree, so no proof is necessary".
 */
const FROM_EMPTY = 'merkle/testdata/consistency/additional/size1-is-zero-and-size2-is-not-zero.json';

interface CctvVector {
  readonly number: number;
  readonly key: string;
  readonly sig: string;
  readonly msg: string;
  readonly flags: readonly string[] | null;
}

interface WycheproofFile {
  readonly testGroups: readonly {
    readonly publicKey: string | { readonly pk: string };
    readonly tests: readonly {
      tcId: number;
      comment: string;
      msg: string;
      sig: string;
      ctx?: string;
      result: string;
    }[];
  }[];
}

/** Requires our verdict on each test of a file to be the expected one, and counts them: all, and accepted. */
function runWycheproof(path: string, type: KeyType): [all: number, accepted: number] {
  const count: [number, number] = [0, 0];
  for (const { publicKey, tests } of jsonAt<WycheproofFile>(path).testGroups) {
    const raw = hex(typeof publicKey === 'string' ? publicKey : publicKey.pk);
    for (const { tcId, comment, msg, sig, ctx, result } of tests) {
      const isKey = verdict(() => vkeyOf('a', type, raw)) === 'accepted';
      const found = isKey && verifySignature(vkeyOf('a', type, raw), hex(msg), hex(sig));
      // We verify with empty context only: a signature made for another context is one on another message.
      expect(found, `${path} ${tcId}: ${comment}`).to.equal(result === 'valid' && (ctx ?? '') === '');
      count[0] += 1;
      if (found) count[1] += 1;
    }
  }
  return count;
}

describe('vectors made elsewhere', () => {
  if (!existsSync(VECTORS)) {
    console.log('ABSENT: ../shared/vectors. No vector made elsewhere was checked.');
    return;
  }

  it('agrees with 518 Merkle proofs, 482 of them to be refused, but for the one from the empty tree', () => {
    const files = filesUnder('merkle/testdata').filter((path) => path.endsWith('.json'));
    const differing: string[] = [];
    let toRefuse = 0;
    for (const path of files) {
      const vector = jsonAt<Record<string, unknown>>(path);
      const refused = verdict(() => checkMerkle(path.split('/')[2], vector)) !== 'accepted';
      if (refused !== (vector['wantErr'] === true)) differing.push(path);
      if (vector['wantErr'] === true) toRefuse += 1;
    }
    expect([files.length, toRefuse]).to.deep.equal([518, 482]);
    expect(differing).to.deep.equal([FROM_EMPTY]);
  });

  it('agrees with the written rule on 914 of 914 crafted Ed25519 signatures', () => {
    const vectors = jsonAt<CctvVector[]>('cctv/ed25519/ed25519vectors.json');
    let accepted = 0;
    for (const { number, key, sig, msg, flags } of vectors) {
      // Each satisfies the cofactored equation with S < L: what is left of the rule in signature.ts is A's order and the encodings.
      const refused = ['low_order_A', 'non_canonical_A', 'non_canonical_R'];
      const expected = !(flags ?? []).some((flag) => refused.includes(flag));
      const found = verifySignature(vkeyOf('a', 0x01, hex(key)), utf8Encode(msg), hex(sig));
      expect(found, `vector ${number}: ${flags?.join()}`).to.equal(expected);
      if (found) accepted += 1;
    }
    expect([vectors.length, accepted]).to.deep.equal([914, 212]);
  });

  it('agrees with Wycheproof on 151 Ed25519 and 180 ML-DSA-44 signatures', () => {
    expect(runWycheproof('wycheproof/testvectors_v1/ed25519_test.json', 0x01)).to.deep.equal([151, 88]);
    expect(runWycheproof('wycheproof/testvectors_v1/mldsa_44_verify_test.json', 0x06)).to.deep.equal([180, 75]);
  });

  it('canonicalizes 6 of 6 JCS texts to the byte', () => {
    const names = readdirSync(join(VECTORS, 'jcs/testdata/input'));
    for (const name of names) {
      const canonical = utf8Encode(canonicalJson(parseJson(textAt(`jcs/testdata/input/${name}`))));
      expect(canonical, name).to.deep.equal(bytesAt(`jcs/testdata/output/${name}`));
      const outhex = textAt(`jcs/testdata/outhex/${name.replace('.json', '.txt')}`).replaceAll(/\s/g, '');
      expect(canonical, name).to.deep.equal(hex(outhex));
      expect(
        verdict(() => parseCanonicalJson(canonical)),
        name,
      ).to.equal('accepted');
    }
    expect(names).to.have.length(6);
  });

  describe('a whole tlog-tiles log', () => {
    const LOG = 'tlog-tiles-log/testdata/log';
    const LARGEST = 15;
    const key = parseVkey('example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx');
    const fetch: FetchTile = async (tile) => bytesAt(`${LOG}/${formatTilePath(tile)}`);
    const headAt = (size: number) => openCheckpoint(parseNote(bytesAt(`${LOG}/checkpoint.${size}`)), [key]);

    it('has every checkpoint 0..15 signed by the log, with the root that its entries give', () => {
      const entries = parseBundle(bytesAt(`${LOG}/tile/entries/000.p/${LARGEST}`), LARGEST);
      const tree = new TestTree(LARGEST, (index) => entries[index] as Uint8Array);
      for (let size = 0; size <= LARGEST; size++) {
        const { origin, size: stated, root } = headAt(size);
        expect([origin, stated, root]).to.deep.equal(['example.com/log/testdata', size, tree.root(0, size)]);
      }
      expect(openCheckpoint(parseNote(bytesAt(`${LOG}/checkpoint`)), [key])).to.deep.equal(headAt(LARGEST));
    });

    it('has exactly the tiles of its sizes, each derived again from the entries', async () => {
      const entries = parseBundle(bytesAt(`${LOG}/tile/entries/000.p/${LARGEST}`), LARGEST);
      const tree = new TestTree(LARGEST, (index) => entries[index] as Uint8Array);
      const paths = filesUnder(`${LOG}/tile`).map((path) => path.slice(LOG.length + 1));
      const expected = Array.from({ length: LARGEST }, (_, i) => tilesForSize(i + 1).map(formatTilePath)).flat();
      expect(paths).to.have.members(expected);
      for (const path of paths) {
        expect(bytesAt(`${LOG}/${path}`), path).to.deep.equal(await tree.fetch(parseTilePath(path)));
      }
      expect(paths).to.have.length(2 * LARGEST);
    });

    it('reads and proves through the tile reader at every size', async () => {
      for (let size = 1; size <= LARGEST; size++) {
        const { root } = headAt(size);
        const reader = new TileReader({ size, root }, fetch);
        const entries = await reader.entries(0, size);
        for (const [index, entry] of entries.entries()) {
          checkInclusion(await reader.inclusionProof(index), index, size, leafHash(entry), root);
          checkConsistency(await reader.consistencyProof(index), index, size, headAt(index).root, root);
        }
      }
    });
  });
});
