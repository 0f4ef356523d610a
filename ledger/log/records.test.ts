// The two formats that only the log itself reads: head records and staging bundles. What is written is read back, nothing else is.

import { expect } from 'chai';
import fc from 'fast-check';
import { formatBundle } from '../core/bundle.ts';
import { concat, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { formatHeadRecord, parseHeadRecord } from './head-record.ts';
import { entriesOf, formatStaged, parseStaged, type Staged, superseded } from './staging.ts';

const NOTE = 'log.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u2014 log.example AAAAAAA=\n';
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('head record', () => {
  const record = fc.record({
    number: fc.maxSafeNat(),
    sealedMs: fc.maxSafeNat(),
    previous: fc.option(hash, { nil: undefined }),
    staging: fc.option(fc.constant('staging/7'), { nil: undefined }),
    note: fc.constant(NOTE),
  });

  it('reads back every record it writes', () => {
    fc.assert(
      fc.property(record, (each) => {
        expect(parseHeadRecord(formatHeadRecord(each))).to.deep.equal(each);
      }),
    );
  });

  it('refuses every other form', () => {
    const good = formatHeadRecord({
      number: 7,
      sealedMs: 8,
      previous: new Uint8Array(32),
      staging: 'staging/7',
      note: NOTE,
    });
    const text = utf8Decode(good) as string;
    const bad = [
      '',
      text.replace('v1', 'v2'),
      text.replace('number 7', 'number 07'),
      text.replace('number 7', 'number 9007199254740992'),
      text.replace('sealed 8', 'sealed -8'),
      text.replace('previous 00', 'previous 0'),
      text.replace('previous 0', 'previous A'),
      text.replace('staging/7', ''),
      text.replace('\n\n', '\n'),
      ` ${text}`,
    ];
    for (const each of bad) expect(() => parseHeadRecord(utf8Encode(each)), each).to.throw('head record');
    expect(() => parseHeadRecord(concat(good, Uint8Array.of(0xff)))).to.throw('head record');
  });
});

describe('staging bundle', () => {
  const entries = ['a', 'bb', '', 'dddd'].map(utf8Encode);
  const staged: Staged = {
    oldSize: 254,
    note: NOTE,
    tiles: [
      {
        tile: { level: 'entries', index: 0, width: 256 },
        bytes: formatBundle([...Array(254).fill(new Uint8Array(1)), ...entries.slice(0, 2)]),
      },
      { tile: { level: 'entries', index: 1, width: 2 }, bytes: formatBundle(entries.slice(2)) },
      { tile: { level: 0, index: 0, width: 256 }, bytes: new Uint8Array(8192).fill(0x0a) },
      { tile: { level: 0, index: 1, width: 2 }, bytes: new Uint8Array(64) },
      { tile: { level: 1, index: 0, width: 1 }, bytes: new Uint8Array(32) },
    ],
  };

  it('reads back what it writes, and finds the entries that the step adds', () => {
    expect(parseStaged(formatStaged(staged))).to.deep.equal(staged);
    expect(entriesOf(staged)).to.deep.equal(entries);
  });

  it('refuses every truncation, extension and changed length', () => {
    const good = formatStaged({ ...staged, tiles: staged.tiles.slice(3) });
    for (let length = 0; length < good.length; length++) {
      expect(() => parseStaged(good.subarray(0, length)), `${length} bytes`).to.throw();
    }
    expect(() => parseStaged(concat(good, Uint8Array.of(0)))).to.throw();
    const text = utf8Decode(good) as string;
    for (const [from, to] of [
      ['v1', 'v2'],
      ['old 254', 'old 0254'],
      ['/2 64', '/2 63'],
      ['note ', 'Note '],
      ['/2 64', '/2  64'],
    ]) {
      expect(() => parseStaged(utf8Encode(text.replace(from as string, to as string))), to).to.throw();
    }
  });

  it('supersedes its own bundle and the narrower forms of what it completed', () => {
    const names = superseded(9, staged);
    expect(names).to.have.length(1 + 2 * 254);
    expect(names).to.include.members(['staging/9', 'tile/0/000.p/1', 'tile/0/000.p/254', 'tile/entries/000.p/254']);
    expect(superseded(9, { ...staged, oldSize: 0 })).to.deep.equal(['staging/9']);
    expect(superseded(9, { ...staged, tiles: staged.tiles.slice(3) })).to.deep.equal(['staging/9']);
  });
});
