/** `probata key` beside a platform that puts new keys into place: at whatever point one meets the other, no new key is lost. */
import fs, { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { install } from '../epochs/next.ts';
import { generateKey, newSeal } from '../keys.ts';
import { Passphrase } from './encryption.ts';
import { holdsKey, parseKey, writeKeyFile } from './files.ts';
import { finishRewrite, rewriteKeys } from './rewrite.ts';

/** Between any two of these the other process may run. */
const CALLS = [
  'existsSync',
  'fsyncSync',
  'linkSync',
  'mkdirSync',
  'mkdtempSync',
  'openSync',
  'readFileSync',
  'readdirSync',
  'renameSync',
  'rmdirSync',
  'rmSync',
  'writeFileSync',
] as const;

const NAMES = ['log.pem', 'pdf.pem'];
const KEPT = 'receipt.pem';

describe('server/keys rewrite', () => {
  const passphrase = new Passphrase('a');
  const seal = newSeal(passphrase);
  let root: string;
  /** The keys that are in place when the change is made, in the clear. */
  let young: Record<string, string>;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'probata-rewrite-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** A platform's folder with a proven change of two keys out of three. */
  function proven(): string {
    const dir = mkdtempSync(join(root, 'case-'));
    for (const folder of ['keys', 'next/keys']) mkdirSync(join(dir, folder), { recursive: true });
    young = {};
    for (const name of [...NAMES, KEPT]) {
      young[name] = generateKey(0x01);
      writeKeyFile(join(dir, 'keys', name), name === KEPT ? young[name] : generateKey(0x01));
      if (name !== KEPT) writeKeyFile(join(dir, 'next/keys', name), young[name]);
    }
    for (const file of ['config.json', 'trust.json', 'next/trust.json']) writeFileSync(join(dir, file), '{}');
    return dir;
  }

  /** The new keys are in place, all in one form, and nothing is left to do. */
  function expectWhole(dir: string, isSealed: boolean, at: string): void {
    for (const [name, pem] of Object.entries(young)) {
      const text = readFileSync(join(dir, 'keys', name), 'utf8');
      expect(holdsKey(text) && text.includes('ENCRYPTED'), `${name} ${at}`).equal(isSealed);
      expect(parseKey(text, passphrase, name), `${name} ${at}`).deep.equal(parseKey(pem, undefined, name));
    }
    expect(readdirSync(dir).sort(), at).deep.equal(['config.json', 'epochs', 'keys', 'trust.json']);
  }

  /**
   * Runs, and the other before its call of this number.
   * @returns what the call was for; undefined when there were fewer
   */
  function meeting(number: number, run: () => void, other: () => void): string | undefined {
    const own = Object.fromEntries(CALLS.map((name) => [name, fs[name]]));
    let calls = 0;
    let met: string | undefined;
    const restore = (): void => {
      Object.assign(fs, own);
      syncBuiltinESMExports();
    };
    const meetingIn =
      (name: string) =>
      (...args: unknown[]): unknown => {
        if (calls++ === number) {
          met = `${name} ${args.join(' ')}`;
          restore();
          other();
        }
        return (own[name] as (...rest: unknown[]) => unknown)(...args);
      };
    Object.assign(fs, Object.fromEntries(CALLS.map((name) => [name, meetingIn(name)])));
    syncBuiltinESMExports();
    try {
      run();
    } finally {
      restore();
    }
    return met;
  }

  /** @returns true when the keys were rewritten, false when that was refused because of the other */
  function rewrites(dir: string): boolean {
    try {
      expect(rewriteKeys(dir, passphrase, seal)).not.empty;
      return true;
    } catch (error) {
      expect((error as { code?: string }).code, String(error)).equal('keys-busy');
      return false;
    }
  }

  /** A committed rewrite of all keys in place. @returns what it wrote of the last of them */
  function commit(dir: string): string {
    mkdirSync(join(dir, 'keys.next/keys'), { recursive: true });
    for (const name of [...NAMES, KEPT]) writeKeyFile(join(dir, 'keys.next/keys', name), generateKey(0x01));
    return readFileSync(join(dir, 'keys.next/keys', KEPT), 'utf8');
  }

  it('that a change overtakes at any point changes nothing, or was finished before it', () => {
    const seen = new Set<boolean>();
    for (let number = 0, met: string | undefined = ''; met !== undefined; number++) {
      const dir = proven();
      let isRewritten = false;
      met = meeting(
        number,
        () => {
          isRewritten = rewrites(dir);
        },
        () => install(dir, 1),
      );
      if (met === undefined) install(dir, 1);
      expectWhole(dir, isRewritten, `${number}: ${met}`);
      seen.add(isRewritten);
    }
    expect([...seen]).have.members([true, false]);
  });

  it('that meets a change at any point is refused for as long as keys are moved', () => {
    const refused: string[] = [];
    for (let number = 0, met: string | undefined = ''; met !== undefined; number++) {
      const dir = proven();
      let isRewritten = false;
      met = meeting(
        number,
        () => install(dir, 1),
        () => {
          isRewritten = rewrites(dir);
        },
      );
      expectWhole(dir, isRewritten, `${number}: ${met}`);
      if (met !== undefined && !isRewritten) refused.push(met.replaceAll(dir, ''));
      if (met?.startsWith('renameSync') && met.includes('.pem')) expect(isRewritten, met).equal(false);
    }
    for (const name of NAMES) expect(refused).include(`renameSync /next/keys/${name} /keys/${name}`);
  });

  it('that another overtakes at any point leaves all keys in one form', () => {
    for (let number = 0, met: string | undefined = ''; met !== undefined; number++) {
      const dir = proven();
      met = meeting(
        number,
        () => rewrites(dir),
        () => expect(rewrites(dir), `${number}: ${met}`).equal(true),
      );
      install(dir, 1);
      expectWhole(dir, true, `${number}: ${met}`);
    }
  });

  it('never commits what another has begun', () => {
    const seen = new Set<boolean>();
    for (let number = 0, met: string | undefined = ''; met !== undefined; number++) {
      const dir = proven();
      let isRewritten = false;
      met = meeting(
        number,
        () => {
          isRewritten = rewrites(dir);
        },
        () => {
          finishRewrite(dir);
          mkdirSync(join(dir, 'keys.part/keys'), { recursive: true });
          mkdirSync(join(dir, 'keys.part/next'));
        },
      );
      install(dir, 1);
      expectWhole(dir, isRewritten, `${number}: ${met}`);
      seen.add(isRewritten);
    }
    expect([...seen]).have.members([true, false]);
  });

  it('that is taken away can be committed at no moment of its removal', () => {
    const dir = proven();
    const part = join(dir, 'keys.part1');
    const there: boolean[] = [];
    for (let number = 0, met: string | undefined = ''; met !== undefined; number++) {
      mkdirSync(join(part, 'keys'), { recursive: true });
      met = meeting(
        number,
        () => finishRewrite(dir),
        () => there.push(existsSync(part)),
      );
      if (met?.startsWith('rmSync')) expect(there.at(-1), met).equal(false);
    }
    expect(there).include.members([true, false]);
  });

  it('that is finished late takes nothing of one that was committed since', () => {
    for (let number = 0, met: string | undefined = ''; met !== undefined; number++) {
      const dir = proven();
      let latest = commit(dir);
      met = meeting(
        number,
        () => finishRewrite(dir),
        () => {
          finishRewrite(dir);
          latest = commit(dir);
        },
      );
      finishRewrite(dir);
      expect(readFileSync(join(dir, 'keys', KEPT), 'utf8'), `${number}: ${met}`).equal(latest);
      expect(readdirSync(dir), `${number}: ${met}`).not.include('keys.next');
    }
  });

  it('that is the second to commit is refused, and leaves the first', () => {
    const run = (
      number: number,
      other: (dir: string) => void,
    ): { met: string | undefined; isRewritten: boolean; dir: string } => {
      const dir = proven();
      let isRewritten = false;
      const met = meeting(
        number,
        () => {
          isRewritten = rewrites(dir);
        },
        () => other(dir),
      );
      return { met, isRewritten, dir };
    };
    let number = 0;
    while (!/^renameSync .*keys\.next$/.test(run(number, () => undefined).met ?? expect.fail('it never commits')))
      number++;
    let first = '';
    const { isRewritten, dir } = run(number, (at) => {
      first = commit(at);
    });
    expect(isRewritten).equal(false);
    finishRewrite(dir);
    expect(readFileSync(join(dir, 'keys', KEPT), 'utf8')).equal(first);
  });

  it('waits for a move that a crash cut short', () => {
    const dir = proven();
    writeFileSync(join(dir, 'next/moving'), '');
    expect(rewrites(dir)).equal(false);
    install(dir, 1);
    expectWhole(dir, false, 'finished');
    expect(rewrites(dir)).equal(true);
  });

  it('is possible again when a move of keys that failed has ended', () => {
    const dir = proven();
    rmSync(join(dir, 'keys/log.pem'));
    mkdirSync(join(dir, 'keys/log.pem/x'), { recursive: true });
    expect(() => install(dir, 1)).to.throw();
    rmSync(join(dir, 'keys/log.pem'), { recursive: true });
    expect(rewrites(dir)).equal(true);
    install(dir, 1);
    expectWhole(dir, true, 'afterwards');
  });
});
