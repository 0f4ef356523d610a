/** Sources that are asked in turn: whoever fails waits until the others have failed too. */
import { expect } from 'chai';
import { inTurn } from './in-turn.ts';

describe('sources in turn', () => {
  const failing = new Set<string>();
  const asked: string[] = [];
  const question = async (name: string): Promise<string> => {
    asked.push(name);
    if (failing.has(name)) throw new Error(`${name} fails`);
    return name;
  };

  beforeEach(() => {
    failing.clear();
    asked.length = 0;
  });

  it('answer in their order, and whoever fails is asked last from then on', async () => {
    const ask = inTurn(['a', 'b', 'c']);
    failing.add('a');
    expect([await ask(question), await ask(question)]).to.deep.equal(['b', 'b']);
    expect(asked).to.deep.equal(['a', 'b', 'b']);
    failing.delete('a');
    failing.add('b').add('c');
    expect(await ask(question)).to.equal('a');
  });

  it('fail as the last one does, each asked once', async () => {
    const ask = inTurn(['a', 'b']);
    failing.add('a').add('b');
    expect(await ask(question).catch(({ message }: Error) => message)).to.equal('b fails');
    expect(asked).to.deep.equal(['a', 'b']);
    expect(await inTurn([])(question).catch(({ message }: Error) => message)).to.equal('there is nobody to ask');
  });
});
