import { expect } from 'chai';
import { commitmentOf, files, formatRecord, header, parseRecord } from '../core/record.ts';
import { rendererId } from '../render/render.ts';
import { codeOf, sampleFacts, sampleFile, sampleRecord, seeded } from '../testing.ts';
import { buildRecord, showFiles } from './record-builder.ts';

const names = ['a.pdf', 'b.pdf', 'c.pdf', 'd.pdf'];

describe('certs/issue/record-builder', () => {
  it('builds a record with a salt for each part, and commits to it', () => {
    const { record, bytes, commitment } = sampleRecord(names.map((name) => sampleFile(name)));
    expect(formatRecord(record)).to.deep.equal(bytes);
    expect(parseRecord(bytes)).to.deep.equal(record);
    expect(commitmentOf(record)).to.deep.equal(commitment);
    expect(header(record)).to.include({ files: 4, renderer: rendererId() });
    expect(files(record).map(({ index, name }) => [index, name])).to.deep.equal(names.map((name, i) => [i + 1, name]));
    expect(new Set(record.shown.map(({ content }) => content.salt)).size).to.equal(5);
  });

  it('leaves nothing to guess: other salts give another commitment', () => {
    const build = (seed: string) =>
      buildRecord({
        ...sampleFacts(),
        files: [sampleFile('a')],
        salts: (count) => Array.from({ length: count }, (_, i) => seeded(`${seed} ${i}`)),
      });
    expect(build('one').commitment).not.to.deep.equal(build('two').commitment);
  });

  it('refuses too few or short salts', () => {
    const build = (salts: Uint8Array[]) => () =>
      buildRecord({ ...sampleFacts(), files: [sampleFile('a')], salts: () => salts });
    expect(build([seeded('only one')])).to.throw('invariant');
    expect(build([seeded('a'), new Uint8Array(31)])).to.throw('invariant');
  });

  it('refuses facts of a wrong form, and no files', () => {
    expect(codeOf(() => sampleRecord([]))).to.equal('record-malformed');
    expect(codeOf(() => sampleRecord([sampleFile('a', -1)]))).to.equal('record-malformed');
  });

  it('shows some files, each with its path, and never hides how many there are', () => {
    const { record, commitment } = sampleRecord(names.map((name) => sampleFile(name)));
    const shown = showFiles(record, [3, 1, 3]);
    expect(shown.shown.map(({ part }) => part)).to.deep.equal([0, 1, 3]);
    expect(commitmentOf(parseRecord(formatRecord(shown)))).to.deep.equal(commitment);
    expect(header(shown).files).to.equal(4);
    expect(showFiles(record, [4, 3, 2, 1])).to.equal(record);
    for (const numbers of [[], [0], [5], [1.5]]) {
      expect(codeOf(() => showFiles(record, numbers))).to.equal('record-malformed');
    }
    expect(() => showFiles(shown, [1])).to.throw('invariant');
  });
});
