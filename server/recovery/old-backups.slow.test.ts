/**
 * T9: twenty restored backups, of 1 to 10,000 entries' age, of the platform, of courts and of mirrors; restored as they should be and copied
 * by hand; with a cosigner that lies about what it signed, with cosigners that are down. Nobody may sign what conflicts with what was signed
 * before, an old platform must refuse to sign, and after a refill its root must be that of the mirror it came from.
 * The control is an old platform that asks nobody, and a court copied by hand: the one signs a second history, the other forgets what it signed.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds, stride } from '../../fixtures/slow.ts';
import { base64Encode } from '../../ledger/core/bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { parsePolicy } from '../../ledger/core/policy.ts';
import { rangeRoot } from '../../ledger/core/range.ts';
import { parseHeadRecord } from '../../ledger/log/head-record.ts';
import { Log } from '../../ledger/log/log.ts';
import { Reader } from '../../ledger/log/reader.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { parseRemembered } from '../../ledger/witness/state.ts';
import { CONFIG_FILE, readConfig } from '../config.ts';
import { Keyring } from '../keys.ts';
import { readKeys, readTrust } from '../roles/platform-setup.ts';
import { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';
import { openCourtStores, openMirrorStores, openPlatformStores } from '../wiring.ts';
import { refill } from './refill.ts';
import { backedUp, copied, grow, ledgerOf, restored, shownBy } from './testing.ts';

const COURTS = ['court-1', 'court-2', 'court-3', 'court-4'];
const MIRRORS = ['arbitration-1', 'arbitration-2'];
const NAMES = ['platform', ...COURTS, ...MIRRORS];

interface Scenario {
  readonly who: string;
  /** Entries that came after the backup. */
  readonly age: number;
  /** Restored by `probata restore`, or copied by hand, which only the platform survives. */
  readonly byHand?: true;
  /** A court that answers the question with what it had signed when the backup was taken. */
  readonly liar?: true;
  /** Members that are down while the restored one starts. */
  readonly down?: readonly string[];
  /** The control: an old platform signs without asking anybody. */
  readonly unasked?: true;
}

const OLDEST = rounds(10_000);

function fatal(error: Error): never {
  throw error;
}

const SCENARIOS: readonly Scenario[] = [
  ...[1, 10, 300, rounds(1000), OLDEST].map((age) => ({ who: 'platform', age })),
  ...[1, 10, 300].map((age): Scenario => ({ who: 'platform', age, byHand: true })),
  { who: 'platform', age: 5, liar: true },
  { who: 'platform', age: 300, liar: true, byHand: true },
  { who: 'platform', age: 5, down: ['court-3', 'arbitration-1'] },
  { who: 'platform', age: 5, down: ['court-1', 'court-2'] },
  { who: 'court-2', age: 1 },
  { who: 'court-2', age: 300 },
  { who: 'court-1', age: rounds(1000) },
  { who: 'court-3', age: 5, down: ['court-4'] },
  { who: 'court-4', age: 5, liar: true },
  { who: 'arbitration-1', age: 1 },
  { who: 'arbitration-2', age: 300 },
  { who: 'arbitration-1', age: 5, down: ['court-1'] },
];

/** One scenario, and every checkpoint that anybody signed in it. */
class Run {
  readonly consortium: TestConsortium;
  readonly #signed: { readonly by: string; readonly checkpoint: Checkpoint }[] = [];
  readonly #harm: string[] = [];

  constructor(consortium: TestConsortium) {
    this.consortium = consortium;
  }

  async play(scenario: Scenario): Promise<string[]> {
    const { who, age, byHand, liar, unasked, down = [] } = scenario;
    const { consortium } = this;
    await grow(consortium, 2);
    await this.#allAt(2);
    const old = await this.#oldAnswer('court-1');
    await consortium.stop(who);
    const file = await backedUp(consortium, who);
    const putCopy = copied(consortium, who);
    await this.#startAgain(who);
    const before = await grow(consortium, age);
    await this.#allAt(before.size);
    await this.#stopAll();
    await this.#readAll();
    const lies = liar === true ? await this.#lie('court-1', old) : undefined;
    if (byHand === true) putCopy();
    else await restored(consortium, who, file, who === 'platform' ? [] : await this.#ask(who));
    const members = NAMES.filter((name) => name !== 'platform' && name !== who && !down.includes(name));
    for (const name of members) await consortium.startMember(name);
    if (unasked === true) await signUnasked(consortium);
    else if (who === 'platform') await this.#platform(down, before.root);
    else await this.#cosigner(who, before.size, byHand === true);
    lies?.close();
    await this.#stopAll();
    await this.#readAll();
    return [...this.#harm, ...(await this.#conflicts())];
  }

  async #platform(down: readonly string[], root: string): Promise<void> {
    const { consortium } = this;
    consortium.events.length = 0;
    await consortium.startPlatform();
    const saw = (kind: string) => consortium.events.find(({ event }) => event === kind);
    await until(() => (saw('fatal') ?? saw('ledger-question-settled')) !== undefined);
    const fatal = saw('fatal');
    if (fatal === undefined) this.#harm.push('it began to sign on an old backup');
    else if (!/ knows (size|another tree of size) /.test(String(fatal.fields['reason'])))
      this.#harm.push(`it stopped for another reason: ${fatal.fields['reason']}`);
    await consortium.stop('platform');
    for (const name of down) await consortium.startMember(name);
    const [mirror] = MIRRORS.filter((name) => !down.includes(name));
    const refilled = await refill(consortium.dir('platform'), `${consortium.url(mirror as string)}/mirror`, () => {});
    if (refilled.root !== root) this.#harm.push(`refilled to root ${refilled.root}, not ${root}`);
    await consortium.startPlatform();
    const grown = await grow(consortium, 3);
    if (grown.size !== refilled.size + 3) this.#harm.push('it does not go on where it was');
  }

  async #cosigner(who: string, size: number, alone: boolean): Promise<void> {
    const { consortium } = this;
    if (!alone) await consortium.startPlatform();
    await consortium.startMember(who);
    const shown = await shownBy(consortium, who);
    if (shown === undefined || shown.size < size) this.#harm.push(`${who} serves size ${shown?.size} after ${size}`);
    if (alone) await consortium.startPlatform();
    const grown = await grow(consortium, 3);
    await until(async () => (await shownBy(consortium, who))?.size === grown.size);
  }

  /** Prefixes on the ports of everybody else, who may not run now. */
  async #ask(who: string): Promise<string[]> {
    const { members, listen } = readConfig(this.consortium.dir('platform'), 'platform');
    const platform = `http://${listen.host}:${await this.#fixPort()}/ledger`;
    return [platform, ...members.filter(({ member }) => member !== who).map(({ url }) => url)];
  }

  /** Gives the platform a port that stays the same. */
  async #fixPort(): Promise<number> {
    const path = join(this.consortium.dir('platform'), CONFIG_FILE);
    const config = JSON.parse(readFileSync(path, 'utf8'));
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    writeFileSync(path, JSON.stringify({ ...config, listen: { ...config.listen, port } }));
    return port;
  }

  async #oldAnswer(name: string): Promise<Uint8Array> {
    const answer = await fetch(`${ledgerOf(this.consortium, name)}/checkpoint`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** From now on a member is reached through somebody who answers monitors with an older checkpoint, and passes on all else. */
  async #lie(name: string, old: Uint8Array): Promise<Server> {
    const path = join(this.consortium.dir('platform'), CONFIG_FILE);
    const config = JSON.parse(readFileSync(path, 'utf8'));
    const member = config.members.find((each: { member: string }) => each.member === name);
    const honest: string = member.url;
    const server = createServer(async (request, response) => {
      if (request.method === 'GET')
        return void response.setHeader('content-type', 'text/plain; charset=utf-8').end(old);
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const url = honest.replace('/witness', '') + request.url;
      const answer = await fetch(url, { method: 'POST', body: Buffer.concat(parts) });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    member.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/witness`;
    writeFileSync(path, JSON.stringify(config));
    return server;
  }

  async #startAgain(name: string): Promise<void> {
    if (name === 'platform') await this.consortium.startPlatform();
    else await this.consortium.startMember(name);
  }

  async #stopAll(): Promise<void> {
    for (const name of NAMES) await this.consortium.stop(name);
  }

  async #allAt(size: number): Promise<void> {
    for (const name of NAMES) await until(async () => (await shownBy(this.consortium, name))?.size === size);
  }

  /** Takes up every checkpoint that lies in a stopped member's store. */
  async #readAll(): Promise<void> {
    const { consortium } = this;
    const hash = originHash(readTrust(consortium.dir('platform')).logKey.name);
    const platform = await openPlatformStores(consortium.dir('platform'), fatal);
    await this.#read('platform', platform.heads, (bytes) => parseHeadRecord(bytes).note);
    await platform.close();
    for (const name of COURTS) {
      const court = await openCourtStores(consortium.dir(name), fatal);
      await this.#read(name, court.heads(hash), (bytes) => parseRemembered(bytes).note);
      await court.close();
    }
    for (const name of MIRRORS) {
      const mirror = await openMirrorStores(consortium.dir(name), fatal);
      await this.#read(name, mirror.heads(hash), (bytes) => parseRemembered(bytes).note);
      await mirror.close();
    }
  }

  async #read(
    by: string,
    heads: { get(number: number): Promise<Uint8Array | undefined> },
    noteOf: (bytes: Uint8Array) => string,
  ): Promise<void> {
    for (let number = 0; ; number++) {
      const bytes = await heads.get(number);
      if (bytes === undefined) return;
      this.#signed.push({ by, checkpoint: parseCheckpoint(parseNote(noteOf(bytes)).text) });
    }
  }

  /** What was signed and is no beginning of the tree that the platform ends with. */
  async #conflicts(): Promise<string[]> {
    const stores = await openPlatformStores(this.consortium.dir('platform'), fatal);
    try {
      const latest = await stores.heads.latest();
      if (latest === undefined) return ['the platform has no head'];
      const head = parseCheckpoint(parseNote(parseHeadRecord(latest.bytes).note).text);
      const tree = new Reader(stores.tiles, () => head.size).at(head);
      const roots = new Map<number, string>();
      for (const { checkpoint } of this.#signed)
        if (checkpoint.size <= head.size && !roots.has(checkpoint.size))
          roots.set(checkpoint.size, base64Encode(rangeRoot(await tree.range(checkpoint.size))));
      return this.#signed
        .filter(({ checkpoint: { size, root } }) => roots.get(size) !== base64Encode(root))
        .map(({ by, checkpoint }) => `${by} signed another tree of size ${checkpoint.size}`);
    } finally {
      await stores.close();
    }
  }
}

/** All of them in a full run; else one in five, of every kind. */
const STEP = Math.min(stride(), 5);
const PLAYED = SCENARIOS.filter((_, i) => i % STEP === STEP - 1);

async function play(scenarios: readonly Scenario[]): Promise<Tally> {
  const failures: string[] = [];
  for (const scenario of scenarios) {
    const consortium = await TestConsortium.start({}, COURTS.length, MIRRORS.length);
    try {
      const harm = await new Run(consortium).play(scenario);
      if (harm.length > 0) failures.push(`${JSON.stringify(scenario)}: ${harm.join('; ')}`);
    } finally {
      await consortium.end();
    }
  }
  return { n: scenarios.length, failures };
}

/** The log of an old platform, without the question: what it seals next is a second tree of a size that it has sealed before. */
async function signUnasked(consortium: TestConsortium): Promise<void> {
  const dir = consortium.dir('platform');
  const trust = readTrust(dir);
  const stores = await openPlatformStores(dir, fatal);
  const log = await Log.open({
    origin: trust.logKey.name,
    signer: (await readKeys(dir, await Keyring.open(dir, undefined), trust)).log,
    tiles: stores.tiles,
    heads: stores.heads,
    index: stores.ledger,
    cosigners: [],
    policy: parsePolicy('quorum none\n'),
    clock: Date.now,
    onSequenced: async () => {},
    onPublished: () => {},
    onEvent: () => {},
    fatal,
  });
  const entry = `{"commitment":"${'0'.repeat(64)}","id":"01900000-0000-7000-8000-000000000000","kind":"deposit","received":"${new Date().toISOString()}","v":1}`;
  await log.append(new Uint8Array(Buffer.from(entry)));
  await log.close();
  await stores.close();
}

/** Each of them must do harm. */
const CONTROLS: readonly Scenario[] = [
  { who: 'platform', age: 1, byHand: true, unasked: true },
  { who: 'court-2', age: 3, byHand: true },
];

defineRig({
  id: 'T9',
  name: 'restored backups: nobody signs a second history, the platform is refilled to the same root',
  run: () => play(PLAYED),
  without: 'the question to the cosigners at start, and a court’s catching up',
  control: () => play(CONTROLS),
});
