// The bodies of add-entries: header, canonical sequence, packages, mirror-info; whatever the chunks they arrive in.

import { expect } from 'chai';
import fc from 'fast-check';
import { concat, utf8Encode } from '../core/bytes.ts';
import { type LedgerCode, LedgerError } from '../core/errors.ts';
import { chunksOf } from '../witness/testing.ts';
import { ByteReader } from './byte-reader.ts';
import {
  formatMirrorInfo,
  formatPackage,
  formatUploadHeader,
  packageRanges,
  parseMirrorInfo,
  readPackage,
  readUploadHeader,
} from './package.ts';

const entry = fc.uint8Array({ maxLength: 300 });
const proof = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 });

async function* pieces(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

const reader = (bytes: Uint8Array): ByteReader => new ByteReader(chunksOf(bytes));

async function refused(reading: Promise<unknown>, code: LedgerCode = 'upload-malformed'): Promise<void> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(LedgerError).with.property('code', code);
}

describe('mirror request bodies', () => {
  it('reads back header and package in chunks of any length', async () => {
    const lengths = fc.array(fc.nat(70), { minLength: 1, maxLength: 5 }).filter((list) => list.some((n) => n > 0));
    await fc.assert(
      fc.asyncProperty(
        fc.string({ maxLength: 40, unit: 'grapheme' }),
        fc.maxSafeNat(),
        fc.uint8Array({ maxLength: 80 }),
        fc.array(entry, { minLength: 1, maxLength: 8 }),
        proof,
        lengths,
        async (origin, start, ticket, entries, hashes, chunks) => {
          const header = { origin, start, end: start, ticket };
          const body = concat(formatUploadHeader(header), formatPackage({ entries, proof: hashes }));
          const input = new ByteReader(pieces(body, chunks));
          expect(await readUploadHeader(input)).to.deep.equal(header);
          const range = { bundleStart: 0, start: 0, end: entries.length };
          expect(await readPackage(input, range)).to.deep.equal({ entries, proof: hashes });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('cuts an interval into the packages of the text', () => {
    for (let start = 0; start < 520; start += 37) {
      for (let end = start; end < 1100; end += 41) {
        const ranges = [...packageRanges(start, end)];
        // SPEC tlog-mirror: num_packages = (rounded_end - rounded_start) / 256.
        const count = start === end ? 0 : Math.ceil(end / 256) - Math.floor(start / 256);
        expect(ranges).to.have.length(count);
        for (const [i, range] of ranges.entries()) {
          const rounded = Math.floor(start / 256) * 256 + i * 256;
          expect(range).to.deep.equal({
            bundleStart: rounded,
            start: Math.max(start, rounded),
            end: Math.min(end, rounded + 256),
          });
        }
      }
    }
  });

  it('takes the largest entry and the empty one', async () => {
    const entries = [new Uint8Array(65_535).fill(7), new Uint8Array(0)];
    const body = formatPackage({ entries, proof: [] });
    expect(await readPackage(reader(body), { bundleStart: 0, start: 0, end: 2 })).to.deep.equal({ entries, proof: [] });
  });

  it('refuses a header that ends early, wherever it ends', async () => {
    const header = formatUploadHeader({ origin: 'log.example', start: 1, end: 2, ticket: Uint8Array.of(1, 2, 3) });
    for (let cut = 0; cut < header.length; cut++) await refused(readUploadHeader(reader(header.subarray(0, cut))));
  });

  it('refuses a start after the end, numbers above 2^53 - 1, an origin that is not UTF-8', async () => {
    const rest = new Uint8Array(2);
    const number = (value: bigint): Uint8Array => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, value);
      return bytes;
    };
    const origin = concat(Uint8Array.of(0, 1), utf8Encode('o'));
    await refused(readUploadHeader(reader(concat(origin, number(2n), number(1n), rest))));
    await refused(readUploadHeader(reader(concat(origin, number(0n), number(1n << 53n), rest))));
    await refused(readUploadHeader(reader(concat(origin, number(1n << 63n), number((1n << 64n) - 1n), rest))));
    await refused(readUploadHeader(reader(concat(Uint8Array.of(0, 1, 0xff), number(0n), number(0n), rest))));
  });

  it('says undefined when the body ends inside a package, wherever it ends', async () => {
    const body = formatPackage({ entries: [utf8Encode('ab'), utf8Encode('c')], proof: [new Uint8Array(32)] });
    const range = { bundleStart: 0, start: 0, end: 2 };
    for (let cut = 0; cut < body.length; cut++) {
      expect(await readPackage(reader(body.subarray(0, cut)), range)).to.equal(undefined);
    }
    expect(await readPackage(reader(body), range)).not.to.equal(undefined);
  });

  it('refuses more than 63 hashes', async () => {
    const many = formatPackage({ entries: [], proof: Array.from({ length: 64 }, () => new Uint8Array(32)) });
    await refused(readPackage(reader(many), { bundleStart: 0, start: 0, end: 0 }), 'package-malformed');
  });

  it('counts a body that fails as one that ends', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(0, 1, 2);
      throw new Error('connection reset');
    }
    const input = new ByteReader(failing());
    expect(await input.take(2)).to.deep.equal(Uint8Array.of(0, 1));
    expect(await input.take(2)).to.equal(undefined);
  });

  it('reads back every mirror-info, and nothing else', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.uint8Array({ maxLength: 40 }), (size, nextEntry, ticket) => {
        const info = { size, nextEntry, ticket };
        expect(parseMirrorInfo(utf8Encode(formatMirrorInfo(info)))).to.deep.equal(info);
      }),
    );
    for (const text of ['', '1\n2\n', '1\n2\n\n\n', '01\n2\n\n', '1\n2\n=\n', '1\n2\nAB==\n', '1\n2\n', '1\n2\n\nx']) {
      expect(() => parseMirrorInfo(utf8Encode(text)))
        .to.throw(LedgerError)
        .with.property('code', 'mirror-info-malformed');
    }
  });
});
