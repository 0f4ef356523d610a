/** What a submitter may write, and the code of everything else. */
import { expect } from 'chai';
import { Refusal } from '../refusal.ts';
import {
  checkedMediaType,
  checkFileName,
  checkStated,
  EMPTY_DECLARATION,
  parseDeclaration,
  parseDigestDeposit,
} from './declaration.ts';
import { NAME_BYTES_MAX } from './limits.ts';

const DIGEST = 'a'.repeat(64);
const FILE = { name: '合同.pdf', size: 3, sha256: DIGEST };

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

function refusalOf(call: () => unknown): Refusal {
  try {
    call();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('server/intake/declaration', () => {
  it('fills in what is not declared', () => {
    expect(parseDeclaration(bytes({}))).to.deep.equal(EMPTY_DECLARATION);
    const { declared } = parseDeclaration(bytes({ source: '手机拍摄' }));
    expect(declared.source).to.equal('手机拍摄');
    expect(declared.witness).to.equal('');
  });

  it('takes a fact without a visible character as not declared, and keeps every other as it is', () => {
    for (const blank of ['', ' ', '\n', '\u3164', '\u200B', '\u3000', ' \t\u00A0\u2060']) {
      const declaration = { source: blank, storage: ` ${blank}云盘\n` };
      for (const { declared } of [
        parseDeclaration(bytes(declaration)),
        parseDigestDeposit(bytes({ files: [FILE], declaration })),
      ]) {
        expect([declared.source, declared.storage]).to.deep.equal(['', declaration.storage]);
      }
    }
  });

  it('takes a deposit of digests', () => {
    const deposit = parseDigestDeposit(bytes({ files: [FILE], declaration: { storage: '云盘' } }));
    expect(deposit.files).to.deep.equal([{ ...FILE, mediaType: 'application/octet-stream' }]);
    expect(deposit.declared.storage).to.equal('云盘');
  });

  const many = (count: number): unknown => ({ files: Array.from({ length: count }, () => FILE) });
  const cases: [what: string, value: unknown, code: string][] = [
    ['invalid UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'utf8-invalid'],
    ['a byte order mark', '\uFEFF{}', 'json-malformed'],
    ['a truncated object', '{"files":[', 'json-malformed'],
    ['a repeated key', `{"files":[],"files":[${JSON.stringify(FILE)}]}`, 'json-malformed'],
    ['a lone surrogate', '{"files":[],"declaration":{"source":"\\ud800"}}', 'json-malformed'],
    ['a list', [], 'declaration-invalid'],
    ['no files field', {}, 'declaration-invalid'],
    ['an unknown field', { files: [FILE], note: 'x' }, 'unknown-field'],
    ['an unknown field in the declaration', { files: [FILE], declaration: { sauce: 'x' } }, 'unknown-field'],
    ['an unknown field of a file', { files: [{ ...FILE, md5: 'x' }] }, 'unknown-field'],
    ['__proto__ as a field', '{"files":[],"__proto__":{}}', 'unknown-field'],
    [
      'a fact of 2,001 characters',
      { files: [FILE], declaration: { source: '字'.repeat(2001) } },
      'declaration-invalid',
    ],
    ['an upper-case digest', { files: [{ ...FILE, sha256: DIGEST.toUpperCase() }] }, 'declaration-invalid'],
    ['a short digest', { files: [{ ...FILE, sha256: 'ab' }] }, 'declaration-invalid'],
    ['a size with a fraction', { files: [{ ...FILE, size: 1.5 }] }, 'declaration-invalid'],
    ['a negative size', { files: [{ ...FILE, size: -1 }] }, 'declaration-invalid'],
    ['no file', { files: [] }, 'file-missing'],
    ['10,001 files', many(10_001), 'files-too-many'],
    ['an empty file', { files: [{ ...FILE, size: 0 }] }, 'file-empty'],
    ['a file without a name', { files: [{ ...FILE, name: '' }] }, 'name-missing'],
    ['a name of 5 KB', { files: [{ ...FILE, name: 'x'.repeat(5000) }] }, 'name-too-long'],
    ['a name of 256 bytes', { files: [{ ...FILE, name: `${'字'.repeat(85)}x` }] }, 'name-too-long'],
    ['a name with a line break', { files: [{ ...FILE, name: 'a\nb' }] }, 'name-invalid'],
    ['a name with NUL', { files: [{ ...FILE, name: 'a\0b' }] }, 'name-invalid'],
    ['a damaged name', { files: [{ ...FILE, name: 'a\uFFFDb' }] }, 'name-invalid'],
  ];
  for (const [what, value, code] of cases) {
    it(`refuses ${what}: ${code}`, () => {
      const input = value instanceof Uint8Array ? value : bytes(value);
      expect(refusalOf(() => parseDigestDeposit(input)).code).to.equal(code);
    });
  }

  it('takes 10,000 files, and 2,000 characters of two UTF-16 units', () => {
    expect(parseDigestDeposit(bytes(many(10_000))).files).to.have.length(10_000);
    expect(parseDeclaration(bytes({ source: '𠮷'.repeat(2000) })).declared.source).to.have.length(4000);
  });

  it('says where and what: pointer, field, file', () => {
    const wrong = refusalOf(() => parseDigestDeposit(bytes({ files: [FILE, { ...FILE, size: -1 }] })));
    expect(wrong.facts).to.deep.equal({ pointer: '/files/1/size', reason: 'must be >= 0' });
    const unknown = refusalOf(() => parseDeclaration(bytes({ sauce: '' })));
    expect(unknown.facts).to.deep.equal({ pointer: '', field: 'sauce' });
    const empty = refusalOf(() => parseDigestDeposit(bytes({ files: [FILE, { ...FILE, size: 0 }] })));
    expect(empty.facts).to.deep.equal({ file: 2 });
  });

  it('takes names of exactly the limit, in any script, and names that look like paths', () => {
    const names = [
      '字'.repeat(85),
      'x'.repeat(NAME_BYTES_MAX),
      '../../etc/passwd',
      'C:\\a',
      'a"b.txt',
      '‮fdp.exe',
      'CON',
      '.',
    ];
    for (const name of names) expect(() => checkFileName(name, 1), name).not.to.throw();
  });

  it('refuses a name with half a surrogate pair', () => {
    expect(refusalOf(() => checkFileName('a\ud800.txt', 1)).code).to.equal('name-invalid');
  });

  it('keeps a media type without its parameters, says nothing for none, and refuses what is none', () => {
    expect(checkedMediaType('Image/SVG+xml', 1)).to.equal('image/svg+xml');
    expect(checkedMediaType('text/plain ; charset=utf-8', 1)).to.equal('text/plain');
    for (const type of [undefined, '']) expect(checkedMediaType(type, 1)).to.equal('application/octet-stream');
    for (const type of ['x', ';', 'a/b c', 'a/b\r\nX: y', `a/${'b'.repeat(200)}`, 'text/纯']) {
      const { code, facts } = refusalOf(() => checkedMediaType(type, 2));
      expect([code, facts], type).to.deep.equal(['media-type-invalid', { file: 2 }]);
    }
    const typed = parseDigestDeposit(bytes({ files: [{ ...FILE, mediaType: 'text/plain; charset=utf-8' }] }));
    expect(typed.files[0]?.mediaType).to.equal('text/plain');
    expect(refusalOf(() => parseDigestDeposit(bytes({ files: [{ ...FILE, mediaType: 'pdf' }] }))).code).to.equal(
      'media-type-invalid',
    );
  });

  it('takes a size as it is written: nothing is rounded', () => {
    const sized = (size: string): Uint8Array =>
      bytes(`{"files":[{"name":"1.5 \\" 2e3","size":${size},"sha256":"${DIGEST}"}]}`);
    for (const read of [parseDigestDeposit, (of: Uint8Array) => parseDeclaration(of)]) {
      for (const size of ['9007199254740990.6', '5.0000000000000000001', '5.0', '1e3', '1E3', '9007199254740992']) {
        expect(refusalOf(() => read(sized(size))).code, size).to.equal('declaration-invalid');
      }
      expect(read(sized('9007199254740991')).files?.[0]?.size).to.equal(Number.MAX_SAFE_INTEGER);
    }
  });

  it('notices any difference between what is stated and what came', () => {
    const came = [{ ...FILE, mediaType: 'application/pdf' }];
    expect(() => checkStated([{ sha256: DIGEST }], came)).not.to.throw();
    expect(() => checkStated([FILE], came)).not.to.throw();
    const others = [[], [FILE, FILE], [{ ...FILE, size: 4 }], [{ ...FILE, name: 'x' }], [{ sha256: 'b'.repeat(64) }]];
    for (const stated of others) {
      expect(refusalOf(() => checkStated(stated, came)).code).to.equal('digest-mismatch');
    }
  });
});
