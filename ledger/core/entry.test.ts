/** Our entries: one spelling each, dates that exist, and unknown kinds as an explicit verdict. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { utf8Decode, utf8Encode } from './bytes.ts';
import {
  beginsAsPolicy,
  type DepositEntry,
  formatEntry,
  isUtcMilliseconds,
  isUuidV7,
  type PolicyEntry,
  parseDepositEntry,
  parseEntry,
} from './entry.ts';
import { canonicalJson, type Json } from './json.ts';
import { ENTRY_BYTES_MAX } from './limits.ts';
import { verdict } from './testing.ts';

const entry: DepositEntry = {
  kind: 'deposit',
  v: 1,
  id: '0198c5a2-7d3e-7b1c-9f00-0123456789ab',
  received: '2026-08-21T03:04:05.678Z',
  commitment: '0123456789abcdef'.repeat(4),
};
const bytesOf = (value: Json) => utf8Encode(canonicalJson(value));
const parsed = (changes: { [key: string]: Json }) => verdict(() => parseEntry(bytesOf({ ...entry, ...changes })));

describe('entry', () => {
  it('is the canonical JSON of its five fields', () => {
    expect(utf8Decode(formatEntry(entry))).to.equal(
      '{"commitment":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",' +
        '"id":"0198c5a2-7d3e-7b1c-9f00-0123456789ab","kind":"deposit","received":"2026-08-21T03:04:05.678Z","v":1}',
    );
    expect(parseEntry(formatEntry(entry))).to.deep.equal(entry);
  });

  it('accepts bytes only as it writes them', () => {
    const valid = utf8Decode(formatEntry(entry)) as string;
    fc.assert(
      fc.property(fc.nat(valid.length), fc.constantFrom('', ...'0aA"{},: \n'), fc.nat(2), (at, inserted, dropped) => {
        const bytes = utf8Encode(valid.slice(0, at) + inserted + valid.slice(at + dropped));
        const found = verdict(() => parseEntry(bytes));
        if (found === 'accepted') expect(formatEntry(parseEntry(bytes))).to.deep.equal(bytes);
        else expect(found).to.be.oneOf(['entry-malformed', 'entry-newer-format']);
      }),
      { numRuns: 2000 },
    );
  });

  it('is the canonical JSON of four fields when it changes the policy', () => {
    const change: PolicyEntry = { kind: 'policy', v: 1, received: entry.received, statement: 'ab'.repeat(32) };
    const text = `{"kind":"policy","received":"2026-08-21T03:04:05.678Z","statement":"${'ab'.repeat(32)}","v":1}`;
    expect(utf8Decode(formatEntry(change))).to.equal(text);
    expect(parseEntry(utf8Encode(text))).to.deep.equal(change);
    expect(verdict(() => parseDepositEntry(utf8Encode(text)))).to.equal('entry-malformed');
    expect(parseDepositEntry(formatEntry(entry))).to.deep.equal(entry);
    const spoiled: { [key: string]: Json }[] = [
      { statement: 'AB'.repeat(32) },
      { statement: 'ab'.repeat(31) },
      { received: '2026-02-30T00:00:00.000Z' },
      { commitment: entry.commitment },
      { id: entry.id },
    ];
    for (const changes of spoiled) {
      expect(
        verdict(() => parseEntry(bytesOf({ ...change, ...changes }))),
        JSON.stringify(changes),
      ).to.equal('entry-malformed');
    }
    const { statement: _, ...bare } = change;
    expect(verdict(() => parseEntry(bytesOf(bare)))).to.equal('entry-malformed');
    expect([formatEntry(change), formatEntry(entry), utf8Encode('x')].map(beginsAsPolicy)).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('says of other kinds and versions that they are newer, whatever else they hold', () => {
    for (const changes of [{ kind: 'erasure' }, { kind: '' }, { v: 2 }, { v: 0 }, { v: 1.5 }, { v: 2, more: true }]) {
      expect(parsed(changes), JSON.stringify(changes)).to.equal('entry-newer-format');
    }
    expect(verdict(() => parseEntry(bytesOf({ kind: 'erasure', v: 1 })))).to.equal('entry-newer-format');
  });

  it('does not call newer what is only malformed', () => {
    const texts = [
      '',
      '{}',
      '[]',
      'null',
      '1',
      '{"kind":"erasure"}',
      '{"v":2}',
      '{"kind":2,"v":2}',
      '{"kind":"erasure","v":"2"}',
    ];
    for (const text of [
      ...texts,
      '{"v":2,"kind":"erasure"}',
      '{"kind": "erasure","v":2}',
      '{"kind":"erasure","v":2}\n',
    ]) {
      expect(
        verdict(() => parseEntry(utf8Encode(text))),
        text,
      ).to.equal('entry-malformed');
    }
    expect(verdict(() => parseEntry(Uint8Array.of(0xff)))).to.equal('entry-malformed');
  });

  it('refuses a field that is missing, more, or of another type', () => {
    for (const field of ['id', 'received', 'commitment'] as const) {
      const { [field]: _, ...rest } = entry;
      expect(
        verdict(() => parseEntry(bytesOf(rest))),
        field,
      ).to.equal('entry-malformed');
      for (const value of [null, 1, '', [], {}]) expect(parsed({ [field]: value }), field).to.equal('entry-malformed');
    }
    expect(parsed({ submitter: 'a person' })).to.equal('entry-malformed');
    expect(parsed({ __proto__: null, a: 1 })).to.equal('entry-malformed');
  });

  it('refuses a commitment that is not 64 lower-case hex digits', () => {
    for (const commitment of [
      entry.commitment.toUpperCase(),
      entry.commitment.slice(1),
      `${entry.commitment}00`,
      'g'.repeat(64),
    ]) {
      expect(parsed({ commitment })).to.equal('entry-malformed');
    }
  });

  it('refuses an id that is not a UUIDv7 in lower case', () => {
    const others = [
      '0198c5a2-7d3e-4b1c-9f00-0123456789ab', // version 4
      '0198c5a2-7d3e-7b1c-cf00-0123456789ab', // another variant
      '0198C5A2-7D3E-7B1C-9F00-0123456789AB',
      '0198c5a27d3e7b1c9f000123456789ab',
      '{0198c5a2-7d3e-7b1c-9f00-0123456789ab}',
      ' 0198c5a2-7d3e-7b1c-9f00-0123456789ab',
      '0198c5a2-7d3e-7b1c-9f00-0123456789ab\n',
    ];
    for (const id of others) {
      expect(isUuidV7(id)).to.equal(false);
      expect(parsed({ id }), id).to.equal('entry-malformed');
    }
    for (const variant of ['8', '9', 'a', 'b'])
      expect(isUuidV7(`0198c5a2-7d3e-7b1c-${variant}f00-0123456789ab`)).to.equal(true);
  });

  it('refuses days and hours that no calendar has, and every other spelling', () => {
    const others = [
      '2026-02-29T00:00:00.000Z',
      '2100-02-29T00:00:00.000Z',
      '2026-02-30T00:00:00.000Z',
      '2026-04-31T00:00:00.000Z',
      '2026-00-01T00:00:00.000Z',
      '2026-13-01T00:00:00.000Z',
      '2026-01-00T00:00:00.000Z',
      '2026-01-32T00:00:00.000Z',
      '2026-01-01T24:00:00.000Z',
      '2026-01-01T00:60:00.000Z',
      '2026-06-30T23:59:60.000Z',
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:00.00Z',
      '2026-01-01T00:00:00.0000Z',
      '2026-01-01T00:00:00.000+00:00',
      '2026-01-01 00:00:00.000Z',
      '2026-01-01t00:00:00.000z',
      '+002026-01-01T00:00:00.000Z',
      '2026-1-1T00:00:00.000Z',
      '2026-01-01T00:00:00.000Z\n',
    ];
    for (const received of others) {
      expect(isUtcMilliseconds(received), received).to.equal(false);
      expect(parsed({ received }), received).to.equal('entry-malformed');
    }
    for (const received of ['2024-02-29T23:59:59.999Z', '2000-02-29T00:00:00.000Z', '0000-01-01T00:00:00.000Z']) {
      expect(parsed({ received }), received).to.equal('accepted');
    }
  });

  it('takes every time that toISOString writes, and reads only those', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date(253402300799999), noInvalidDate: true }), (date) => {
        expect(isUtcMilliseconds(date.toISOString())).to.equal(true);
      }),
    );
    const nearly = fc.tuple(fc.nat(9999), fc.nat(13), fc.nat(32), fc.nat(24), fc.nat(60), fc.nat(60));
    fc.assert(
      fc.property(nearly, ([year, ...rest]) => {
        const [month, day, hour, minute, second] = rest.map((n) => String(n).padStart(2, '0'));
        const text = `${String(year).padStart(4, '0')}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
        const date = new Date(text);
        const same = !Number.isNaN(date.getTime()) && date.toISOString() === text;
        expect(isUtcMilliseconds(text), text).to.equal(same);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses entries that no bundle can hold, and writes none that it would refuse', () => {
    const long = bytesOf({ ...entry, id: 'a'.repeat(ENTRY_BYTES_MAX) });
    expect(verdict(() => parseEntry(long))).to.equal('entry-malformed');
    const newer = bytesOf({ kind: 'erasure', v: 1, why: 'a'.repeat(ENTRY_BYTES_MAX) });
    expect(verdict(() => parseEntry(newer))).to.equal('entry-malformed');
    expect(verdict(() => formatEntry({ ...entry, received: 'yesterday' }))).to.equal('entry-malformed');
    expect(verdict(() => formatEntry({ ...entry, id: '\ud800' }))).to.equal('entry-malformed');
  });
});
