/** A member that goes over to new keys, cut short at every step: it always starts, and its operator always gets on. */
import fs, { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import { encryptKeys } from '../commands/key.ts';
import { CONFIG_FILE, type CourtConfig, readConfig } from '../config.ts';
import { rewriteKeys } from '../keys/rewrite.ts';
import type { Env } from '../keys/secrets.ts';
import { Keyring } from '../keys.ts';
import { cosignerSigners } from '../roles/cosigner-setup.ts';
import { initConsortium } from '../roles/init.ts';
import { rotate, settle } from './member.ts';
import { readMemberFile } from './member-file.ts';
import { formatJson, install } from './next.ts';

/** What changes a folder, and what makes that last. */
const CALLS = ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'mkdirSync', 'rmSync'] as const;
type Call = (typeof CALLS)[number];

describe('server/epochs member', () => {
  let made: string;
  let data: string;
  let court: string;
  before(async () => {
    made = mkdtempSync(join(tmpdir(), 'probata-member-'));
    const members = { courts: 1, mirrors: 1, name: 'demo' };
    await initConsortium({ data: join(made, 'whole'), port: 9000, ...members, nowMs: Date.now() });
  });
  beforeEach(() => {
    data = mkdtempSync(join(made, 'case-'));
    cpSync(join(made, 'whole'), data, { recursive: true });
    court = join(data, 'court-1');
  });
  after(() => rmSync(made, { recursive: true }));

  /** As a start opens them. @returns the vkeys that it signs under */
  async function starts(env: Env = {}): Promise<string[]> {
    const signers = cosignerSigners(court, await Keyring.open(court, undefined, env), readConfig(court, 'court'));
    return signers.map(({ key }) => formatVkey(key));
  }

  /** A bundle that names the keys of member.json. */
  function bundle(): string {
    const path = join(data, 'trust.json');
    const { ed25519, mlDsa44 } = readMemberFile(join(court, 'member.json'));
    const named = readFileSync(path, 'utf8')
      .replace(/(court-1\.ed25519 )\S+/, (_, before) => before + ed25519)
      .replace(/(court-1\.ml-dsa-44 )\S+/, (_, before) => before + mlDsa44);
    writeFileSync(path, named);
    return path;
  }

  const codeOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'done',
      (error) => error.code ?? error.message,
    );

  it('a rotation cut short at any step leaves what it found, or all of it', async () => {
    const before = await starts();
    let steps = 0;
    for (let isCut = true; isCut; steps++) {
      rmSync(court, { recursive: true });
      cpSync(join(made, 'whole/court-1'), court, { recursive: true });
      isCut = await cutAt(steps, () => rotate(court, { timestamps: true }, Date.now()));
      expect((await starts()).slice(0, 2), `${steps}`).deep.equal(before);
      if (!existsSync(join(court, 'next'))) await rotate(court, { timestamps: true }, Date.now());
      const both = await starts();
      const { ed25519, mlDsa44 } = readMemberFile(join(court, 'member.json'));
      expect(both, `${steps}`).deep.equal([...before, ed25519, mlDsa44]);
      expect(readConfig(court, 'court').vkeys, 'known by all it signs with, and no more').have.members(both);
      await settle(court, bundle());
      expect(await starts(), `${steps}`).deep.equal([ed25519, mlDsa44]);
    }
    expect(steps).greaterThan(20);
  });

  it('settling cut short at any step is done again, by no bundle but one of the new keys, and starts in between', async () => {
    await rotate(court, { timestamps: true }, Date.now());
    const rotated = join(data, 'rotated');
    cpSync(court, rotated, { recursive: true });
    const older = join(data, 'older.json');
    cpSync(join(data, 'trust.json'), older);
    const trust = bundle();
    const young = (await starts()).slice(2);
    for (let steps = 0, isCut = true; isCut; steps++) {
      rmSync(court, { recursive: true });
      cpSync(rotated, court, { recursive: true });
      isCut = await cutAt(steps, () => settle(court, trust));
      expect(await starts(), `${steps}`).include.members(young);
      if (existsSync(join(court, 'next'))) {
        expect(await codeOf(settle(court, older)), `${steps}, by a bundle of the old keys`).equal('input-malformed');
        await settle(court, trust);
      }
      expect(await starts(), `${steps}`).deep.equal(young);
    }
  });

  it('makes new keys only under the passphrase of those in use', async () => {
    const [right, wrong] = [{ PROBATA_PASSPHRASE: 'right' }, { PROBATA_PASSPHRASE: 'wrong' }];
    const rotated = (env: Env): Promise<unknown> => codeOf(rotate(court, { timestamps: false }, Date.now(), env));
    expect(await rotated(right), 'keys in the clear').equal('key-in-the-clear');
    encryptKeys(court, right);
    expect(await rotated({})).equal('passphrase-missing');
    expect(await rotated(wrong)).equal('passphrase-wrong');
    expect(existsSync(join(court, 'next'))).equal(false);
    expect(await rotated(right)).equal('done');
    expect(await starts(right)).lengthOf(4);
  });

  it('makes no timestamp key in a file for one that is in a token', async () => {
    const hsm = { module: '/nowhere.so', token: 'court-1', keys: { tsa: 'b' } };
    writeFileSync(join(court, CONFIG_FILE), formatJson({ ...readConfig(court, 'court'), hsm } satisfies CourtConfig));
    expect(await codeOf(rotate(court, { timestamps: true }, Date.now()))).equal('input-malformed');
    expect(existsSync(join(court, 'next'))).equal(false);
  });

  it('has the moved keys on disk before anything says that they are in place', async () => {
    const statement = join(court, 'next/statement.json');
    await rotate(court, { timestamps: false }, Date.now());
    const settled = await traced(() => settle(court, bundle()));
    expect(settled).deep.equal(['move keys', 'sync keys', 'move config.json', 'remove next']);
    await rotate(court, { timestamps: false }, Date.now());
    for (const file of ['config.json', 'trust.json']) writeFileSync(join(court, 'next', file), '{}');
    writeFileSync(statement, '{}');
    const installed = await traced(async () => install(court, 1));
    expect(installed).deep.equal(['move keys', 'sync keys', 'move config.json', 'move trust.json', 'remove next']);
  });

  it('finishes a rewrite of the old keys before it moves the new ones into place', async () => {
    encryptKeys(court, { PROBATA_PASSPHRASE: 'a' });
    await rotate(court, { timestamps: false }, Date.now(), { PROBATA_PASSPHRASE: 'a' });
    const young = (await starts({ PROBATA_PASSPHRASE: 'a' })).slice(2);
    cpSync(join(court, 'keys'), join(court, 'keys.next/keys'), { recursive: true });
    install(court, 1);
    expect(await starts({ PROBATA_PASSPHRASE: 'a' })).deep.equal(young);
  });

  it('has no rewrite beside it while it settles', async () => {
    await rotate(court, { timestamps: true }, Date.now());
    const { renameSync } = fs;
    const rewritten: unknown[] = [];
    const calls = {
      renameSync: (from: string, to: string) => {
        if (from.startsWith(join(court, 'next/keys'))) {
          rewritten.push(refusalOf(() => rewriteKeys(court, undefined, undefined)));
        }
        renameSync(from, to);
      },
    };
    await having(calls as Partial<typeof fs>, () => settle(court, bundle()));
    expect(rewritten).deep.equal(Array(4).fill('keys-busy'));
    expect(refusalOf(() => rewriteKeys(court, undefined, undefined))).equal(undefined);
  });

  function refusalOf(run: () => void): unknown {
    try {
      run();
    } catch (error) {
      return (error as { code?: string }).code;
    }
    return undefined;
  }

  /** Runs with these calls of the file system in place of its own. */
  async function having(calls: Partial<typeof fs>, work: () => Promise<unknown>): Promise<void> {
    const own = Object.fromEntries(CALLS.map((name) => [name, fs[name]]));
    Object.assign(fs, calls);
    syncBuiltinESMExports();
    try {
      await work();
    } finally {
      Object.assign(fs, own);
      syncBuiltinESMExports();
    }
  }

  /** No call succeeds after so many. @returns false when it needed no more */
  async function cutAt(steps: number, work: () => Promise<unknown>): Promise<boolean> {
    let left = steps;
    const cutting = (name: Call): unknown => {
      const own = fs[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (left-- <= 0) throw new Error('cut');
        return own(...args);
      };
    };
    const calls = Object.fromEntries(CALLS.map((name) => [name, cutting(name)]));
    await having(calls, work).catch((error) => {
      if (left >= 0) throw error;
    });
    return left < 0;
  }

  /** What happens to the court's folder, in order; the same thing several times on end is told once. */
  async function traced(work: () => Promise<unknown>): Promise<string[]> {
    const told: string[] = [];
    const tell = (what: string): void => void (told.at(-1) !== what && told.push(what));
    const { openSync, renameSync, rmSync: remove } = fs;
    const keys = join(court, 'keys');
    const calls = {
      openSync: (path: string, ...rest: [string]) => {
        if (path === keys) tell('sync keys');
        return openSync(path, ...rest);
      },
      renameSync: (from: string, to: string) => {
        const file = to.slice(court.length + 1);
        tell(`move ${file.startsWith('keys') ? 'keys' : file}`);
        renameSync(from, to);
      },
      rmSync: (path: string, options: object) => {
        if (path === join(court, 'next')) tell('remove next');
        remove(path, options);
      },
    };
    await having(calls as Partial<typeof fs>, work);
    return told;
  }
});
