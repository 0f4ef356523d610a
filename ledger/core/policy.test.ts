/** Policies: the example of tlog-policy, every MUST with its line number, and evaluation against a second, direct definition. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { concat, uint32 } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { formatVkey, vkeyOf } from './note.ts';
import { evaluatePolicy, liarsSurvived, memberTimes, type Policy, parsePolicy } from './policy.ts';
import { testSigner, verdict } from './testing.ts';

const vkey = (name: string, type: 0x01 | 0x04 | 0x06, seed: number) => formatVkey(testSigner(name, type, seed).key);
const LOG = vkey('ledger.example', 0x01, 1);
const OTHER_LOG = vkey('other.example', 0x01, 2);
const [W1, W2, W3, W4, W5, W6] = [11, 12, 13, 14, 15, 16].map((seed) => vkey(`w${seed}.example`, 0x04, seed)) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const ML = vkey('w1.example', 0x06, 11);

/** The example policy of tlog-policy, with keys. */
const EXAMPLE = `log ${LOG}

witness X1 ${W1}
witness X2 ${W2}
witness X3 ${W3}
group X-witnesses 2 X1 X2 X3

witness Y1 ${W4}
witness Y2 ${W5}
witness Y3 ${W6}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'];
const example = parsePolicy(EXAMPLE);

/** What a refusal says, or 'accepted'. */
function refusal(text: string): string {
  try {
    parsePolicy(text);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== 'policy-malformed') throw error;
    return error.message;
  }
}

/** Satisfaction by its definition, from the top down: evaluatePolicy goes from the bottom up. */
function isSatisfied(policy: Policy, name: string, cosigned: ReadonlySet<string>): boolean {
  const group = policy.groups.get(name);
  if (group === undefined) return cosigned.has(name);
  return group.members.filter((member) => isSatisfied(policy, member, cosigned)).length >= group.needed;
}

describe('policy', () => {
  it('reads the example of tlog-policy', () => {
    expect(example.text).to.equal(EXAMPLE);
    expect(example.logs.map(({ key }) => key.name)).to.deep.equal(['ledger.example']);
    expect([...example.witnesses.keys()]).to.deep.equal(names);
    expect([...example.groups]).to.deep.equal([
      ['X-witnesses', { needed: 2, members: ['X1', 'X2', 'X3'] }],
      ['Y-witnesses', { needed: 1, members: ['Y1', 'Y2', 'Y3'] }],
      ['X-and-Y', { needed: 2, members: ['X-witnesses', 'Y-witnesses'] }],
    ]);
    expect(example.quorum).to.equal('X-and-Y');
  });

  it('evaluates every subset of the example’s witnesses as the definition does', () => {
    for (let subset = 0; subset < 2 ** names.length; subset++) {
      const cosigned = new Set(names.filter((_, i) => (subset >> i) % 2 === 1));
      const state = evaluatePolicy(example, cosigned);
      expect(state.satisfied).to.equal(isSatisfied(example, 'X-and-Y', cosigned));
      for (const group of state.groups) {
        expect(group.satisfied).to.equal(isSatisfied(example, group.name, cosigned));
        expect(group.satisfiedMembers).to.deep.equal(
          group.members.filter((each) => isSatisfied(example, each, cosigned)),
        );
      }
    }
  });

  it('says which group is short, in file order', () => {
    const { satisfied, groups } = evaluatePolicy(example, new Set(['X1', 'Y1', 'nobody']));
    expect(satisfied).to.equal(false);
    expect(groups).to.deep.equal([
      { name: 'X-witnesses', needed: 2, satisfiedMembers: ['X1'], members: ['X1', 'X2', 'X3'], satisfied: false },
      { name: 'Y-witnesses', needed: 1, satisfiedMembers: ['Y1'], members: ['Y1', 'Y2', 'Y3'], satisfied: true },
      {
        name: 'X-and-Y',
        needed: 2,
        satisfiedMembers: ['Y-witnesses'],
        members: ['X-witnesses', 'Y-witnesses'],
        satisfied: false,
      },
    ]);
  });

  it('counts a witness for nothing under a group’s name', () => {
    expect(evaluatePolicy(example, new Set(['X-and-Y', 'X-witnesses', 'Y-witnesses', 'none'])).satisfied).to.equal(
      false,
    );
  });

  it('takes any set of cosignatures for a random nested policy as the definition does', () => {
    const shape = fc.record({
      a: fc.integer({ min: 1, max: 3 }),
      b: fc.integer({ min: 1, max: 3 }),
      top: fc.integer({ min: 1, max: 2 }),
    });
    fc.assert(
      fc.property(shape, fc.subarray(names), ({ a, b, top }, chosen) => {
        const text = EXAMPLE.replace('witnesses 2', `witnesses ${a}`).replace('witnesses any', `witnesses ${b}`);
        const policy = parsePolicy(text.replace('Y all', `Y ${top}`));
        const cosigned = new Set(chosen);
        expect(evaluatePolicy(policy, cosigned).satisfied).to.equal(isSatisfied(policy, 'X-and-Y', cosigned));
      }),
    );
  });

  it('needs nothing with quorum none, and one witness where the quorum is one', () => {
    expect(evaluatePolicy(parsePolicy('quorum none\n'), new Set()).satisfied).to.equal(true);
    const one = parsePolicy(`witness A ${W1}\nquorum A\n`);
    expect(evaluatePolicy(one, new Set()).satisfied).to.equal(false);
    expect(evaluatePolicy(one, new Set(['A'])).satisfied).to.equal(true);
  });

  const accepted: [why: string, text: string][] = [
    [
      'comments, empty lines, tabs, spaces at either end',
      `# a\n \t# b\n\n \t\n\tlog\t ${LOG} \t https://a.example/  \nquorum none\n`,
    ],
    ['both algorithms of one cosigner', `witness a ${W1}\nwitness b ${ML}\ngroup g all a b\nquorum g\n`],
    [
      'the words all, any and quorum as names',
      `witness all ${W1}\nwitness any ${W2}\ngroup quorum all all any\nquorum quorum\n`,
    ],
    ['names outside ASCII, also with no-break spaces', `witness 法院\u00a0一 ${W1}\nquorum 法院\u00a0一\n`],
    ['lines after the quorum', `quorum none\nwitness a ${W1}\nlog ${LOG}\n`],
    ['a quorum that is a member of another group', `witness a ${W1}\ngroup g all a\ngroup h all g\nquorum g\n`],
    ['C1 control characters, whose octets are above 0x7F', '# \u0085\nquorum none\n'],
    [
      '32 witnesses',
      `${Array.from({ length: 32 }, (_, i) => `witness w${i} ${vkey('w.example', 0x04, 100 + i)}\n`).join('')}quorum w31\n`,
    ],
  ];
  for (const [why, text] of accepted) it(`accepts ${why}`, () => expect(refusal(text)).to.equal('accepted'));

  it('keeps the URLs', () => {
    const policy = parsePolicy(`log ${LOG} https://log.example/\nwitness a ${W1} https://w.example/\nquorum a\n`);
    expect(policy.logs[0]?.url).to.equal('https://log.example/');
    expect(policy.witnesses.get('a')?.url).to.equal('https://w.example/');
    expect(Object.keys(parsePolicy(EXAMPLE).logs[0] ?? {})).to.deep.equal(['key']);
  });

  it('tells names by their octets: K is not the Kelvin sign', () => {
    expect(refusal(`witness K ${W1}\nquorum \u212a\n`)).to.equal(
      'policy line 2: \u212a is not defined on a preceding line',
    );
    expect(refusal(`witness K ${W1}\nwitness \u212a ${W2}\nquorum K\n`)).to.equal('accepted');
    expect(refusal(`witness é ${W1}\nquorum e\u0301\n`)).to.include('line 2');
  });

  const quorum = 'quorum none\n';
  const malformed: [why: string, where: string, text: string][] = [
    ['nothing', 'policy: the last line', ''],
    ['no newline at the end', 'policy: the last line', 'quorum none'],
    ['no quorum', 'policy: no quorum', `log ${LOG}\n`],
    ['two quorums', 'line 2: a second quorum', `quorum none\nquorum none\n`],
    ['a quorum that is not defined', 'line 1: x is not defined', 'quorum x\n'],
    ['a quorum defined only later', 'line 1: a is not defined', `quorum a\nwitness a ${W1}\n`],
    ['a quorum of two names', 'line 3: not of the form quorum', `witness a ${W1}\nwitness b ${W2}\nquorum a b\n`],
    ['an empty quorum', 'line 1: not of the form quorum', 'quorum\n'],
    ['an unknown keyword', 'line 1: begins with none', `Log ${LOG}\n${quorum}`],
    ['a carriage return', 'line 1: control character', 'quorum none\r\n'],
    ['a NUL', 'line 1: control character', `# \u0000\n${quorum}`],
    ['a vertical tab', 'line 1: control character', 'quorum\u000bnone\n'],
    ['a DEL', 'line 1: control character', `# \u007f\n${quorum}`],
    ['a lone surrogate', 'line 1: lone surrogate', `# \ud800\n${quorum}`],
    ['a no-break space between items', 'line 1: begins with none', 'quorum\u00a0none\n'],
    ['a comment after items', 'line 1: not of the form log', `log ${LOG} https://a.example/ # mine\n${quorum}`],
    ['a log without a key', 'line 1: not of the form log', `log\n${quorum}`],
    ['a log with a bad key', 'line 1: ', `log ${LOG.slice(0, -1)}\n${quorum}`],
    ['a log with a cosignature key', 'line 1: a log has', `log ${W1}\n${quorum}`],
    ['a log with an ML-DSA-44 key', 'line 1: a log has', `log ${ML}\n${quorum}`],
    ['a log with too many items', 'line 1: not of the form log', `log ${LOG} u v\n${quorum}`],
    ['one log twice', 'line 3: a public key', `log ${LOG}\nlog ${OTHER_LOG}\nlog ${LOG} u\n${quorum}`],
    ['one log key under two names', 'line 2: a public key', `log ${LOG}\nlog ${vkey('b.example', 0x01, 1)}\n${quorum}`],
    ['a witness without a name', 'line 1: not of the form witness', `witness\n${quorum}`],
    ['a witness without a key', 'line 1: not of the form witness', `witness a\n${quorum}`],
    ['a witness with a bad key', 'line 1: not a vkey', `witness a b\n${quorum}`],
    ['a witness with a log key', 'line 1: a witness has', `witness a ${LOG}\n${quorum}`],
    ['a witness with too many items', 'line 1: not of the form witness', `witness a ${W1} u v\n${quorum}`],
    ['a witness named none', 'line 1: the name none', `witness none ${W1}\n${quorum}`],
    ['a name twice', 'line 2: the name a', `witness a ${W1}\nwitness a ${W2}\n${quorum}`],
    [
      'one witness key under two names',
      'line 2: a public key',
      `witness a ${W1}\nwitness b ${vkey('z.example', 0x04, 11)}\n${quorum}`,
    ],
    ['a group named like a witness', 'line 2: the name a', `witness a ${W1}\ngroup a all a\n${quorum}`],
    ['a group named none', 'line 2: the name none', `witness a ${W1}\ngroup none all a\n${quorum}`],
    ['a group of nothing', 'line 1: not of the form group', `group g all\n${quorum}`],
    ['a group without a threshold', 'line 1: not of the form group', `group g\n${quorum}`],
    ['a group of itself', 'line 1: g is not defined', `group g all g\n${quorum}`],
    ['a group of a later name', 'line 1: a is not defined', `group g all a\nwitness a ${W1}\n${quorum}`],
    ['a group of none', 'line 1: none is not defined', `group g all none\n${quorum}`],
    ['a member twice in one group', 'line 2: a is a member', `witness a ${W1}\ngroup g 1 a a\n${quorum}`],
    ['a member in two groups', 'line 3: a is a member', `witness a ${W1}\ngroup g all a\ngroup h all a\n${quorum}`],
    ['a threshold of 0', 'line 2: needed', `witness a ${W1}\ngroup g 0 a\n${quorum}`],
    ['a threshold above the members', 'line 2: needed', `witness a ${W1}\ngroup g 2 a\n${quorum}`],
    ['a threshold with a leading zero', 'line 2: needed', `witness a ${W1}\ngroup g 01 a\n${quorum}`],
    ['a threshold that is a word', 'line 2: needed', `witness a ${W1}\ngroup g most a\n${quorum}`],
    ['too many characters', 'policy: longer', `#${'a'.repeat(2_000_000)}\n${quorum}`],
    ['too many logs', 'line 257: more than 256 logs', `${parties(257, 'log', 0x01)}${quorum}`],
    ['too many witnesses', 'line 257: more than 256 witnesses', `${parties(257, 'witness', 0x04)}${quorum}`],
    ['too many groups', 'line 258: more than 256 groups', `witness a ${W1}\n${groups(257)}${quorum}`],
  ];
  for (const [why, where, text] of malformed) {
    it(`refuses ${why}`, () => expect(refusal(text)).to.include(where));
  }

  it('never throws anything but policy-malformed', () => {
    const item = fc.constantFrom(
      'log',
      'witness',
      'group',
      'quorum',
      'all',
      'any',
      '1',
      '2',
      'a',
      'b',
      'none',
      '#',
      LOG,
      W1,
      W2,
      '\u0000',
    );
    const text = fc.array(
      fc.array(item, { maxLength: 6 }).map((items) => `${items.join(' ')}\n`),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(text, (parts) => {
        expect(verdict(() => parsePolicy(parts.join('')))).to.be.oneOf(['accepted', 'policy-malformed']);
      }),
      { numRuns: 500 },
    );
  });
});

/** So many lines of logs or witnesses, with keys that need not be points to be told apart. */
function parties(count: number, keyword: 'log' | 'witness', type: 0x01 | 0x04): string {
  return Array.from({ length: count }, (_, i) => {
    const key = formatVkey(vkeyOf('a.example', type, concat(uint32(i), new Uint8Array(28))));
    return keyword === 'log' ? `log ${key}\n` : `witness w${i} ${key}\n`;
  }).join('');
}

/** A chain of `count` groups, each of the one before. */
function groups(count: number): string {
  return Array.from({ length: count }, (_, i) => `group g${i} all ${i === 0 ? 'a' : `g${i - 1}`}\n`).join('');
}

describe('member times', () => {
  const times = (entries: Record<string, bigint>) => (witness: string) => entries[witness];

  it('gives each satisfied member its latest time, earliest member first', () => {
    const nested = parsePolicy(
      `witness a.e ${W1}\nwitness a.m ${ML}\nwitness b.e ${W2}\nwitness b.m ${vkey('b', 0x06, 12)}\nwitness c ${W3}\n` +
        'group a all a.e a.m\ngroup b all b.e b.m\ngroup courts 2 a b c\nquorum courts\n',
    );
    const found = memberTimes(nested, 'courts', times({ 'a.e': 50n, 'a.m': 60n, 'b.e': 10n, c: 20n }));
    expect(found).to.deep.equal([
      { member: 'c', timeSeconds: 20n },
      { member: 'a', timeSeconds: 60n },
    ]);
    const all = memberTimes(nested, 'courts', times({ 'a.e': 5n, 'a.m': 5n, 'b.e': 2n ** 62n, 'b.m': 1n, c: 20n }));
    expect(all.map(({ member }) => member)).to.deep.equal(['a', 'c', 'b']);
  });

  it('takes the latest of the witnesses of a group that needs only some', () => {
    expect(memberTimes(example, 'X-and-Y', times({ X1: 1n, X2: 2n, X3: 9n, Y2: 4n }))).to.deep.equal([
      { member: 'Y-witnesses', timeSeconds: 4n },
      { member: 'X-witnesses', timeSeconds: 9n },
    ]);
    expect(memberTimes(example, 'X-and-Y', times({ X1: 1n }))).to.deep.equal([]);
  });

  it('breaks on a group that the policy does not have', () => {
    expect(() => memberTimes(example, 'X1', times({}))).to.throw('invariant');
  });
});

describe('liars survived', () => {
  it('is how many may lie before two conflicting trees are both satisfied', () => {
    const known: [members: number, needed: number, liars: number][] = [
      [1, 1, 0],
      [2, 1, 0],
      [2, 2, 1],
      [3, 2, 0],
      [3, 3, 2],
      [4, 3, 1],
      [4, 2, 0],
      [5, 4, 2],
      [7, 5, 2],
      [10, 1, 0],
    ];
    for (const [members, needed, liars] of known)
      expect(liarsSurvived(members, needed), `${needed} of ${members}`).to.equal(liars);
  });

  it('agrees with counting: with f liars two satisfied sets always share an honest member, with f + 1 not always', () => {
    for (let members = 1; members <= 8; members++) {
      for (let needed = Math.floor(members / 2) + 1; needed <= members; needed++) {
        const shared = 2 * needed - members; // the fewest members that two sets of `needed` can share
        expect(liarsSurvived(members, needed)).to.be.lessThan(shared);
        expect(liarsSurvived(members, needed) + 1).to.equal(shared);
      }
    }
  });
});
