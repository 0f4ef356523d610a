import { expect } from 'chai';
import { base64Encode, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { canonicalJson, type Json, parseJson } from '../../ledger/core/json.ts';
import { showFiles } from '../issue/record-builder.ts';
import { codeOf, sampleFile, sampleRecord, seeded } from '../testing.ts';
import { checkCommitment, commitmentOf, files, formatRecord, header, parseRecord, type ShownRecord } from './record.ts';

const built = sampleRecord(['a.pdf', 'b.pdf', 'c.pdf'].map((name) => sampleFile(name)));
const partial = showFiles(built.record, [2]);

type Fields = { [key: string]: Json };

/** The record with one thing changed, as bytes that are canonical all the same. */
function changed(record: ShownRecord, change: (fields: Fields, header: Fields, file: Fields) => void): Uint8Array {
  const value = parseJson(utf8Decode(formatRecord(record)) ?? '') as Fields;
  const content = (i: number) => ((value['shown'] as Fields[])[i] as Fields)['content'] as Fields;
  change(value, content(0), content(1));
  return utf8Encode(canonicalJson(value));
}

const refused = (change: Parameters<typeof changed>[1], record = built.record): string | undefined =>
  codeOf(() => parseRecord(changed(record, change)));

describe('certs/core/record', () => {
  it('reads what it writes, whole and in part', () => {
    for (const record of [built.record, partial]) {
      expect(parseRecord(formatRecord(record))).to.deep.equal(record);
      expect(formatRecord(parseRecord(formatRecord(record)))).to.deep.equal(formatRecord(record));
    }
    expect(header(partial).files).to.equal(3);
    expect(files(partial).map(({ name }) => name)).to.deep.equal(['b.pdf']);
  });

  it('refuses anything but canonical JSON', () => {
    const text = utf8Decode(built.bytes) ?? '';
    for (const other of [
      ` ${text}`,
      `${text}\n`,
      text.replace('"v":1}', '"v":1.0}'),
      text.slice(0, -1),
      '\ufeff{}',
      '[]',
    ]) {
      expect(codeOf(() => parseRecord(utf8Encode(other)))).to.equal('record-malformed');
    }
    expect(codeOf(() => parseRecord(new Uint8Array([0xff])))).to.equal('record-malformed');
  });

  it('says so when a record is of a newer format, wherever it says that', () => {
    expect(refused((r) => Object.assign(r, { v: 2, more: 'fields' }))).to.equal('record-newer-format');
    expect(refused((_, h) => Object.assign(h, { v: 2, more: 'fields' }))).to.equal('record-newer-format');
    expect(refused((_, __, f) => Object.assign(f, { v: 9 }))).to.equal('record-newer-format');
    expect(codeOf(() => formatRecord({ ...built.record, v: 2 as 1 }))).to.equal('record-newer-format');
    for (const v of [0, -1, 1.5, '2', null])
      expect(refused((r) => Object.assign(r, { v }))).to.equal('record-malformed');
  });

  const malformed: Record<string, Parameters<typeof changed>[1]> = {
    'an unknown field': (_, h) => Object.assign(h, { extra: '' }),
    'a missing field': (_, h) => void delete h['origin'],
    'a missing declared fact': (_, h) => void delete (h['declared'] as Fields)['storage'],
    'a short salt': (_, h) => Object.assign(h, { salt: 'ab' }),
    'an upper-case digest': (_, __, f) => Object.assign(f, { sha256: 'AB'.repeat(32) }),
    'an sm3 that is no digest': (_, __, f) => Object.assign(f, { sm3: '' }),
    'a UUID of another version': (_, h) => Object.assign(h, { id: '019aa9d2-3c51-4b4e-8f02-6d1e5a7c9b30' }),
    'a day that does not exist': (_, h) => Object.assign(h, { received: '2026-02-30T00:00:00.000Z' }),
    'a time without milliseconds': (_, h) => Object.assign(h, { received: '2026-02-20T00:00:00Z' }),
    'a negative size': (_, __, f) => Object.assign(f, { size: -1 }),
    'a broken size': (_, __, f) => Object.assign(f, { size: 0.5 }),
    'a size beyond exact integers': (_, __, f) => Object.assign(f, { size: 2 ** 53 }),
    'an empty name': (_, __, f) => Object.assign(f, { name: '' }),
    'a name of 256 characters': (_, __, f) => Object.assign(f, { name: '𠮷'.repeat(256) }),
    'a name of 5 KB': (_, __, f) => Object.assign(f, { name: 'x'.repeat(5_000) }),
    'a fact of 2,001 characters': (_, h) => Object.assign(h['declared'] as Fields, { source: '很'.repeat(2_001) }),
    'a media type with a line break': (_, __, f) => Object.assign(f, { mediaType: 'text/plain\n' }),
    'another way of capture': (_, h) => Object.assign(h['capture'] as Fields, { how: 'found' }),
    'a submitter without a name': (_, h) => Object.assign(h['submitter'] as Fields, { name: '' }),
    'an origin with a space': (_, h) => Object.assign(h, { origin: 'a b' }),
    'the same member twice': (_, h) =>
      Object.assign(h, { members: [...(h['members'] as Json[]), (h['members'] as Json[])[0] as Json] }),
    'a number of files that is not the number of parts': (_, h) => Object.assign(h, { files: 2 }),
    'more files than there may be': (r, h) => {
      Object.assign(r, { parts: 10_002 });
      Object.assign(h, { files: 10_001 });
    },
    'a file with another number': (_, __, f) => Object.assign(f, { index: 2 }),
    'no header': (r) => Object.assign(r, { shown: (r['shown'] as Json[]).slice(1) }),
    'parts out of order': (r) =>
      Object.assign(r, { shown: [0, 2, 1, 3].map((i) => (r['shown'] as Json[])[i] as Json) }),
    'the same part twice': (r) =>
      Object.assign(r, { shown: [0, 1, 1, 3].map((i) => (r['shown'] as Json[])[i] as Json) }),
    'paths although all is shown': (r) => Object.assign((r['shown'] as Fields[])[0] as Fields, { path: [] }),
    'no paths although not all is shown': (r) => Object.assign(r, { shown: (r['shown'] as Json[]).slice(0, 2) }),
  };
  for (const [what, change] of Object.entries(malformed)) {
    it(`refuses ${what}`, () => expect(refused(change)).to.equal('record-malformed'));
  }

  it('accepts what stands at the limits', () => {
    const name = '𠮷'.repeat(255);
    expect(utf8Encode(name).length).to.equal(1_020);
    const record = sampleRecord([{ ...sampleFile('x'), name, size: Number.MAX_SAFE_INTEGER }]).record;
    expect(files(parseRecord(formatRecord(record)))[0]?.name).to.equal(name);
    expect(refused((_, h) => Object.assign(h['declared'] as Fields, { source: '𠮷'.repeat(2_000) }))).to.equal(
      undefined,
    );
    expect(codeOf(() => sampleRecord([{ ...sampleFile('x'), name: '\ud800' }]))).to.equal('record-malformed');
  });

  it('refuses paths that are not hashes', () => {
    const path = (value: Json) => (r: Fields) => Object.assign((r['shown'] as Fields[])[0] as Fields, { path: value });
    for (const value of [
      [],
      ['AA=='],
      ['not base64'],
      [1],
      'x',
      Array.from({ length: 15 }, () => base64Encode(seeded('p'))),
    ]) {
      expect(refused(path(value as Json), partial)).to.equal('record-malformed');
    }
  });

  it('finds the commitment from the whole record and from any part of it', () => {
    for (const numbers of [[1], [2], [3], [1, 3], [1, 2, 3]]) {
      const record = showFiles(built.record, numbers);
      expect(commitmentOf(record)).to.deep.equal(built.commitment);
      checkCommitment(record, built.commitment);
      expect(codeOf(() => checkCommitment(record, seeded('other')))).to.equal('commitment-mismatch');
    }
  });

  it('notices any change to a shown part or its path', () => {
    for (const record of [built.record, partial]) {
      for (const change of [
        (_: Fields, h: Fields) => Object.assign(h, { salt: '0'.repeat(64) }),
        (_: Fields, __: Fields, f: Fields) => Object.assign(f, { size: 1 }),
      ]) {
        const other = parseRecord(changed(record, change));
        expect(codeOf(() => checkCommitment(other, built.commitment))).to.equal('commitment-mismatch');
      }
    }
    const swapped = parseRecord(
      changed(partial, (r) => {
        const [first, second] = r['shown'] as [Fields, Fields];
        Object.assign(second, { path: first['path'] });
      }),
    );
    expect(codeOf(() => commitmentOf(swapped))).to.equal('commitment-mismatch');
  });
});
