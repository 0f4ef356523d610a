/** Entry bundles: exactly the entries the tree has, or a refusal. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { formatBundle, parseBundle } from './bundle.ts';
import { ENTRY_BYTES_MAX } from './limits.ts';
import { verdict } from './testing.ts';

describe('bundle', () => {
  it('gives back all entries, empty ones included', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (entries) => {
        expect(parseBundle(formatBundle(entries), entries.length)).to.deep.equal(entries);
      }),
    );
  });

  it('accepts bytes only as it writes them, for any count', () => {
    const nearly = fc.uint8Array({ maxLength: 12, max: 3 });
    fc.assert(
      fc.property(nearly, fc.nat(4), (bytes, count) => {
        if (verdict(() => parseBundle(bytes, count)) !== 'accepted') return;
        expect(formatBundle(parseBundle(bytes, count))).to.deep.equal(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('is a uint16 length and the entry, for each', () => {
    const bytes = formatBundle([Uint8Array.of(7, 8), Uint8Array.of()]);
    expect(bytes).to.deep.equal(Uint8Array.of(0, 2, 7, 8, 0, 0));
  });

  it('takes an entry of 65,535 bytes and no longer one', () => {
    const longest = new Uint8Array(ENTRY_BYTES_MAX).fill(1);
    expect(parseBundle(formatBundle([longest]), 1)).to.deep.equal([longest]);
    expect(verdict(() => formatBundle([new Uint8Array(ENTRY_BYTES_MAX + 1)]))).to.equal('bundle-malformed');
  });

  const bytes = formatBundle([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
  it('refuses every cut, a byte more, and another count', () => {
    for (let end = 0; end < bytes.length; end++) {
      expect(
        verdict(() => parseBundle(bytes.subarray(0, end), 2)),
        String(end),
      ).to.equal('bundle-malformed');
    }
    expect(verdict(() => parseBundle(Uint8Array.of(...bytes, 0), 2))).to.equal('bundle-malformed');
    for (const count of [0, 1, 3]) expect(verdict(() => parseBundle(bytes, count))).to.equal('bundle-malformed');
  });
});
