/** Our own vectors, fixtures/{rfc6962,note,policy,tlog-proof,json}: each file says what is expected, each is run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { base64Decode, equal, hexDecode, utf8Encode } from './bytes.ts';
import { openCheckpoint } from './checkpoint.ts';
import { openCosignatures } from './cosignature.ts';
import { parseEntry } from './entry.ts';
import { type Hash, leafHash, treeRoot } from './hash.ts';
import { canonicalJson, parseCanonicalJson, parseJson } from './json.ts';
import { openNote, parseNote, parseVkey } from './note.ts';
import { evaluatePolicy, parsePolicy } from './policy.ts';
import { checkConsistency, checkInclusion, checkSubtreeConsistency, checkSubtreeInclusion } from './proof.ts';
import { type Verdict, verdict } from './testing.ts';
import { parseTlogProof } from './tlog-proof.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** The fields of a vector, each by the type its README gives it. */
class Fields {
  readonly #fields: Record<string, unknown>;

  constructor(path: string) {
    this.#fields = JSON.parse(readFileSync(join(FIXTURES, path), 'utf8'));
  }

  has = (name: string): boolean => name in this.#fields;
  number = (name: string): number => this.#of(name, 'number') as number;
  text = (name: string): string => this.#of(name, 'string') as string;
  flag = (name: string): boolean => this.#of(name, 'boolean') as boolean;
  texts = (name: string): string[] => this.#of(name, 'object') as string[];
  hash = (name: string): Hash => present(base64Decode(this.text(name)));
  hashes = (name: string): Hash[] => this.texts(name).map((each) => present(base64Decode(each)));
  hex = (name: string): Uint8Array => present(hexDecode(this.text(name)));
  keys = () => this.texts('keys').map(parseVkey);

  #of(name: string, type: string): unknown {
    const value = this.#fields[name];
    if (typeof value !== type) throw new Error(`a vector without ${name}`);
    return value;
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a vector with bytes that do not decode');
  return value;
}

const noteOf = (v: Fields) => parseNote(v.has('noteHex') ? v.hex('noteHex') : v.text('note'));

function checkPortableProof(v: Fields): void {
  const { index, proof, checkpoint } = parseTlogProof(v.text('proof'));
  const { size, root } = openCheckpoint(parseNote(checkpoint), v.keys());
  checkInclusion(proof, index, size, leafHash(v.hex('entryHex')), root);
}

function checkQuorum(v: Fields): void {
  const { satisfied } = evaluatePolicy(parsePolicy(v.text('policy')), new Set(v.texts('cosigned')));
  expect(satisfied).to.equal(v.flag('satisfied'));
}

function checkStrictJson(v: Fields): void {
  const value = parseJson(v.text('text'));
  expect(canonicalJson(value)).to.equal(v.text('canonical'));
}

function checkRoot(v: Fields): void {
  const leaves = v.texts('leaves').map((each) => leafHash(present(hexDecode(each))));
  expect(equal(treeRoot(leaves), v.hash('root'))).to.equal(true);
}

/** What each folder of vectors is run through. */
const RUNS: Record<string, (v: Fields) => unknown> = {
  'rfc6962/root': checkRoot,
  'rfc6962/inclusion': (v) =>
    checkInclusion(v.hashes('proof'), v.number('index'), v.number('size'), v.hash('leafHash'), v.hash('root')),
  'rfc6962/consistency': (v) =>
    checkConsistency(v.hashes('proof'), v.number('oldSize'), v.number('newSize'), v.hash('oldRoot'), v.hash('newRoot')),
  'rfc6962/subtree-inclusion': (v) =>
    checkSubtreeInclusion(
      v.hashes('proof'),
      v.number('index'),
      v.number('lo'),
      v.number('hi'),
      v.hash('leafHash'),
      v.hash('root'),
    ),
  'rfc6962/subtree-consistency': (v) =>
    checkSubtreeConsistency(
      v.hashes('proof'),
      v.number('lo'),
      v.number('hi'),
      v.number('size'),
      v.hash('subtreeRoot'),
      v.hash('root'),
    ),
  'note/vkey': (v) => parseVkey(v.text('vkey')),
  'note/note': (v) => openNote(noteOf(v), v.keys()),
  'note/checkpoint': (v) => openCheckpoint(noteOf(v), v.keys()),
  'note/cosignature': (v) => openCosignatures(noteOf(v), v.keys()),
  'policy/text': (v) => parsePolicy(v.text('policy')),
  'policy/quorum': checkQuorum,
  'tlog-proof': checkPortableProof,
  'json/strict': checkStrictJson,
  'json/canonical': (v) => parseCanonicalJson(utf8Encode(v.text('text'))),
  'json/entry': (v) => parseEntry(utf8Encode(v.text('text'))),
};

/** Paths of the vectors of one folder, under the fixtures folder. */
function vectorsOf(folder: string): string[] {
  return readdirSync(join(FIXTURES, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => relative(FIXTURES, join(entry.parentPath, entry.name)));
}

describe('own vectors', () => {
  for (const [folder, run] of Object.entries(RUNS)) {
    it(`get the verdict they expect: ${folder}`, () => {
      const seen = new Set<Verdict>();
      for (const path of vectorsOf(folder)) {
        const vector = new Fields(path);
        const found = verdict(() => run(vector));
        const expected = vector.text('expect');
        if (expected === 'refused') expect(found, path).to.not.equal('accepted');
        else expect(found, path).to.equal(expected);
        seen.add(found);
      }
      expect([...seen], 'an accepted one in each folder, so that refusing all is not enough').to.include('accepted');
    });
  }

  it('are all run', () => {
    const run = Object.keys(RUNS).flatMap(vectorsOf);
    const all = ['rfc6962', 'note', 'policy', 'tlog-proof', 'json'].flatMap(vectorsOf);
    expect(run.sort()).to.deep.equal(all.sort());
    expect(all.length).to.be.at.least(380);
  });
});
