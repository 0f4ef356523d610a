/** Strict reading and canonical writing of JSON, against the platform's own parser where that is right. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { utf8Encode } from './bytes.ts';
import { canonicalJson, type Json, parseCanonicalJson, parseJson } from './json.ts';
import { JSON_DEPTH_MAX, JSON_LENGTH_MAX } from './limits.ts';
import { verdict } from './testing.ts';

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('json', () => {
  it('reads whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parseJson(text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('refuses whatever JSON.parse refuses', () => {
    const nearly = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0019.eE+-tfn truefalsnl\t\n'), maxLength: 8 });
    fc.assert(
      fc.property(nearly, (text) => {
        const accepted = verdict(() => parseJson(text)) === 'accepted';
        let platform = true;
        try {
          JSON.parse(text);
        } catch {
          platform = false;
        }
        if (accepted) expect(platform, JSON.stringify(text)).to.equal(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('reads its own canonical writing, and writes it the same again', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value as Json);
        expect(canonicalJson(parseCanonicalJson(utf8Encode(text)))).to.equal(text);
      }),
    );
  });

  it('writes the example of RFC 8785 section 3.2.4', () => {
    const value = parseJson(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    );
    expect(canonicalJson(value)).to.equal(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sorts keys by UTF-16 unit, as RFC 8785 section 3.2.3 shows', () => {
    const value = parseJson(
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",' +
        '"\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
    );
    const names = Object.values(JSON.parse(canonicalJson(value)));
    expect(canonicalJson(value).startsWith('{"\\r":"Carriage Return","1":"One"')).to.equal(true);
    expect(canonicalJson(value).indexOf('Emoji')).to.be.lessThan(canonicalJson(value).indexOf('Hebrew'));
    expect(names).to.have.length(7);
  });

  it('keeps a key __proto__ as data', () => {
    const value = parseJson('{"__proto__":{"admin":true}}') as { [key: string]: Json };
    expect(Object.keys(value)).to.deep.equal(['__proto__']);
    expect(value['admin']).to.equal(undefined);
    expect(canonicalJson(value)).to.equal('{"__proto__":{"admin":true}}');
  });

  const malformed: [why: string, text: string][] = [
    ['nothing', ''],
    ['duplicate keys', '{"a":1,"a":2}'],
    ['duplicate keys, spelt differently', '{"a":1,"\\u0061":2}'],
    ['a lone surrogate', '"\\ud800"'],
    ['a lone surrogate as a key', '{"\\udc00":1}'],
    ['a raw lone surrogate', '"\ud800"'],
    ['a control character in a string', '"a\nb"'],
    ['a control character in a key', '{"\u0000":1}'],
    ['an unknown escape', '"\\x41"'],
    ['a short escape', '"\\u41"'],
    ['an unclosed string', '"a'],
    ['text after the value', '1 2'],
    ['a byte order mark', '\ufeff1'],
    ['a no-break space', '\u00a01'],
    ['a trailing comma in an array', '[1,]'],
    ['a trailing comma in an object', '{"a":1,}'],
    ['a leading comma', '[,1]'],
    ['a missing colon', '{"a" 1}'],
    ['single quotes', "{'a':1}"],
    ['a comment', '1//'],
    ['a leading zero', '01'],
    ['a plus sign', '+1'],
    ['a bare point', '.5'],
    ['a trailing point', '1.'],
    ['an empty exponent', '1e'],
    ['hex', '0x10'],
    ['a number beyond a double', '1e400'],
    ['NaN', 'NaN'],
    ['a longer word', 'nulll'],
    ['too deep', nested(JSON_DEPTH_MAX + 2)],
    ['far too deep', '['.repeat(1_000_000)],
    ['too long', `"${'a'.repeat(JSON_LENGTH_MAX)}"`],
  ];
  for (const [why, text] of malformed) {
    it(`refuses ${why}`, () => expect(verdict(() => parseJson(text))).to.equal('json-malformed'));
  }

  it('goes as deep as the limit, in reading and writing alike', () => {
    const deepest = nested(JSON_DEPTH_MAX + 1); // the outermost array is inside none
    expect(canonicalJson(parseJson(deepest))).to.equal(deepest);
    const deeper: Json = [parseJson(deepest)];
    expect(verdict(() => canonicalJson(deeper))).to.equal('json-malformed');
  });

  const notCanonical = [
    '{"b":1,"a":2}',
    '{"a": 1}',
    '1.0',
    '1E3',
    '-0',
    '"\\u0061"',
    '"\\/"',
    ' 1',
    '1\n',
    '9007199254740993',
  ];
  for (const text of notCanonical) {
    it(`refuses as not canonical: ${JSON.stringify(text)}`, () => {
      expect(verdict(() => parseJson(text))).to.equal('accepted');
      expect(verdict(() => parseCanonicalJson(utf8Encode(text)))).to.equal('json-malformed');
    });
  }

  it('refuses bytes that are not UTF-8', () => {
    expect(verdict(() => parseCanonicalJson(Uint8Array.of(0x22, 0xff, 0x22)))).to.equal('json-malformed');
  });

  it('refuses to write what no JSON text can carry', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { '\ud800': 1 }]) {
      expect(verdict(() => canonicalJson(value))).to.equal('json-malformed');
    }
  });
});
