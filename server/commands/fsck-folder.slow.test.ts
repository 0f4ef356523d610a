/**
 * T12, folders: what only the store of a stopped platform or mirror shows. Every kind of row is damaged, removed, replaced or added, and every
 * file of evidence or certificate damaged, cut short or removed, one at a time in a copy of the folder; fsck must name it. Before that it must find nothing in either folder.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { openLevelStore } from '../../ledger/store/level.ts';
import { fsck } from '../../ledger/tools/fsck.ts';
import { STORE_FOLDER } from '../config.ts';
import { grow, shownBy } from '../recovery/testing.ts';
import { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';
import { runFsck } from './fsck.ts';
import { openSource } from './ledger-source.ts';

const ENTRIES = 300;
const MEMBERS = ['platform', 'arbitration-1'];
const FLIPS = rounds(300);

interface Defect {
  readonly name: string;
  readonly member: string;
  /** Plants it in a copy of the member's folder. */
  readonly plant: (dir: string) => Promise<void>;
}

type Rows = readonly (readonly [key: string, value: Uint8Array])[];

const fatal = (error: Error): never => {
  throw error;
};

async function rowsOf(dir: string): Promise<Rows> {
  const store = await openLevelStore(join(dir, STORE_FOLDER), fatal);
  const rows: [string, Uint8Array][] = [];
  for await (const [key, value] of store.rows()) rows.push([key, value as Uint8Array]);
  await store.close();
  return rows;
}

/** Writes a row as the store itself does, or removes it. */
async function change(dir: string, key: string, value: Uint8Array | undefined): Promise<void> {
  if (value === undefined) return raw(dir, (db) => db.del(key));
  const store = await openLevelStore(join(dir, STORE_FOLDER), fatal);
  await store.copyIn([[key, value]]);
  await store.close();
}

/** Below the store: its checksums are not made anew. */
async function raw(dir: string, act: (db: Level<string, Uint8Array>) => Promise<void>): Promise<void> {
  const db = new Level<string, Uint8Array>(join(dir, STORE_FOLDER, 'level'), { valueEncoding: 'view' });
  await act(db);
  await db.close();
}

function flip(key: string, bit: number): Defect['plant'] {
  return (dir) =>
    raw(dir, async (db) => {
      const sealed = Uint8Array.from((await db.get(key)) as Uint8Array);
      const at = bit % sealed.length;
      sealed[at] = (sealed[at] as number) ^ (1 << (bit % 8));
      await db.put(key, sealed);
    });
}

/** Rows whose loss or change is damage: not those that say how far a cosigner is. */
const MATTERS = /^(tiles|heads)!|^index!(ledger!published|deposits!(index|deposit|record|digest|certificate)\/)/;

/** One defect of each kind for each of some rows, and those that no row has yet. */
function defectsOf(member: string, rows: Rows): Defect[] {
  const known = rows.filter(([key]) => MATTERS.test(key));
  const every = Math.max(1, Math.floor((2 * known.length * MEMBERS.length) / FLIPS));
  const defects: Defect[] = [];
  known.forEach(([key, value], i) => {
    if (i % every !== 0) return;
    defects.push({ name: `a flipped bit under ${key}`, member, plant: flip(key, i * 7919) });
    // What is published may lag behind; a store that never published is in order.
    if (key.includes('published')) return;
    // Heads behind the last can only be missed by a gap, so the last one is left: the platform's cosigners remember it.
    if (!isLastHead(key, rows) && !hasWiderForm(key, rows))
      defects.push({ name: `no ${key}`, member, plant: (dir) => change(dir, key, undefined) });
    const other = rows.find(([name]) => name !== key && name.split(/[/!]/)[2] === key.split(/[/!]/)[2])?.[1];
    // A mirror's checkpoints carry no number: one that stands twice is a history that could have been.
    const isNumbered = !/^heads!(mirrored|pending)-/.test(key);
    if (isNumbered && other !== undefined && Buffer.compare(other, value) !== 0)
      defects.push({ name: `the value of another under ${key}`, member, plant: (dir) => change(dir, key, other) });
  });
  const tiles = (known.find(([key]) => key.startsWith('tiles!'))?.[0] ?? '').split('!').slice(0, 2).join('!');
  const extra = [
    'tile/0/009',
    'tile/entries/009',
    'tile/0/001.p/200',
    'tile/3/000.p/1',
    'tile/0/x000/001',
    'staging/77',
  ];
  for (const name of extra) {
    const key = `${tiles}!${name}`;
    defects.push({ name: `a row too many, ${key}`, member, plant: (dir) => change(dir, key, new Uint8Array(32)) });
  }
  defects.push({ name: 'a row of nobody', member, plant: (dir) => change(dir, 'index!nobody!x', new Uint8Array(1)) });
  return defects;
}

function isLastHead(key: string, rows: Rows): boolean {
  const prefix = /^heads![^!]+!/.exec(key)?.[0];
  return prefix !== undefined && key === rows.findLast(([name]) => name.startsWith(prefix))?.[0];
}

/** Left where a step has just widened the tile; whoever asks for it gets it cut from the wider one, so its loss is none. */
function hasWiderForm(key: string, rows: Rows): boolean {
  const [, tile, width] = /^(tiles!.*\.p\/)(\d+)$/.exec(key) ?? [];
  return rows.some(
    ([name]) => tile !== undefined && name.startsWith(tile) && Number(name.slice(tile.length)) > Number(width),
  );
}

/** Defects of a platform that are well-formed in themselves. */
function platformDefects(rows: Rows): Defect[] {
  const member = 'platform';
  const find = (start: string): readonly [string, Uint8Array] =>
    rows.find(([key]) => key.startsWith(start)) as readonly [string, Uint8Array];
  const [head, record] = find('heads!ledger!0000000000000001');
  const text = utf8Decode(record) ?? '';
  const forged =
    (from: RegExp, to: string): Defect['plant'] =>
    (dir) =>
      change(dir, head, utf8Encode(text.replace(from, to)));
  const [indexKey] = find('index!deposits!index/');
  const [depositKey, deposit] = find('index!deposits!deposit/');
  const recordOf = find('index!deposits!record/')[1];
  const nobody = depositKey.slice(depositKey.lastIndexOf('/') + 1).replace(/.$/, 'z');
  const ofNobody: [row: string, value: string][] = [
    [`index/${nobody}`, '1'],
    ...['pending', 'uncertified', 'record', 'certificate', `digest/${'0'.repeat(64)}`, 'lost', 'drawer'].map(
      (kind): [string, string] => [`${kind}/${nobody}`, ''],
    ),
    ['key/0', JSON.stringify(nobody)],
  ];
  return [
    ...ofNobody.map(
      ([row, value]): Defect => ({
        name: `a row of nobody’s deposit, ${row}`,
        member,
        plant: (dir) => change(dir, `index!deposits!${row}`, utf8Encode(value)),
      }),
    ),
    {
      name: 'a deposit and its record, neither pending nor on the ledger',
      member,
      plant: async (dir) => {
        await change(dir, `index!deposits!deposit/${nobody}`, deposit);
        await change(dir, `index!deposits!record/${nobody}`, recordOf);
      },
    },
    { name: 'a head of another number', member, plant: forged(/number 1/, 'number 9') },
    {
      name: 'a head that stands on another',
      member,
      plant: forged(/previous [0-9a-f]{64}/, `previous ${'0'.repeat(64)}`),
    },
    { name: 'a head sealed at another time', member, plant: forged(/sealed \d+/, 'sealed 1') },
    { name: 'a deposit at another index', member, plant: (dir) => change(dir, indexKey, utf8Encode('299')) },
    {
      name: 'a deposit that the ledger does not have',
      member,
      plant: (dir) => change(dir, `${indexKey.slice(0, -1)}~`.replace('~', 'z'), utf8Encode('300')),
    },
  ];
}

/** A deposit with bytes, and its certificate. */
async function depositFiles(consortium: TestConsortium): Promise<void> {
  const body = new FormData();
  body.append('declaration', '{}');
  for (const text of ['the first file', 'the second']) body.append('file', new Blob([text]), text);
  const answer = await consortium.fetch('/api/v1/deposits', { method: 'POST', body });
  const { id } = (await answer.json()) as { id: string };
  await until(async () => (await consortium.fetch(`/api/v1/deposits/${id}/certificate`)).status === 200);
}

/** The files beside the store, whose digests stand in it. */
function blobDefects(dir: string): Defect[] {
  const member = 'platform';
  const blobs = join(STORE_FOLDER, 'blobs');
  const files = readdirSync(join(dir, blobs), { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return files.flatMap(({ name }) => {
    const path = join(blobs, name.slice(0, 2), name.slice(2, 4), name);
    const bytes = readFileSync(join(dir, path));
    const put = (what: string, changed: Uint8Array): Defect => ({
      name: `${what} of ${path}`,
      member,
      plant: async (copy) => writeFileSync(join(copy, path), changed),
    });
    return [
      put(
        'one bit',
        bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 4 : byte)),
      ),
      put('the end', bytes.subarray(0, -1)),
      { name: `no ${path}`, member, plant: async (copy) => rmSync(join(copy, path)) },
    ];
  });
}

/** The folders of a stopped platform and a stopped mirror. */
async function folders(): Promise<{ consortium: TestConsortium; defects: Defect[] }> {
  const consortium = await TestConsortium.start();
  await depositFiles(consortium);
  // A full tile, and one that was widened.
  for (const count of [ENTRIES - 45, 1, 43]) await grow(consortium, count);
  for (const name of MEMBERS) await until(async () => (await shownBy(consortium, name))?.size === ENTRIES);
  for (const name of MEMBERS) await consortium.stop(name);
  const defects: Defect[] = [];
  for (const name of MEMBERS) defects.push(...defectsOf(name, await rowsOf(consortium.dir(name))));
  const platform = consortium.dir('platform');
  defects.push(...platformDefects(await rowsOf(platform)), ...blobDefects(platform));
  return { consortium, defects };
}

/** Problems that a check of a folder found. */
type Check = (dir: string) => Promise<number>;

async function playAll(check: Check): Promise<Tally> {
  const { consortium, defects } = await folders();
  const failures: string[] = [];
  for (const name of MEMBERS) {
    const found = await check(consortium.dir(name));
    if (found > 0) failures.push(`${found} problems in the folder of ${name}, which is in order`);
  }
  for (const { name, member, plant } of defects) {
    const dir = join(mkdtempSync(join(tmpdir(), 'probata-fsck-')), member);
    cpSync(consortium.dir(member), dir, { recursive: true });
    await plant(dir);
    if ((await check(dir)) === 0) failures.push(`not found: ${name} of ${member}`);
    rmSync(join(dir, '..'), { recursive: true });
  }
  await consortium.end();
  return { n: defects.length, failures };
}

const everything: Check = async (dir) => {
  const lines: string[] = [];
  const terminal = { env: {}, out: (line: string) => void lines.push(line), err: () => undefined };
  // A store whose newest head cannot be read cannot be opened: the command says so and fails.
  const code = await runFsck(dir, { evidence: true }, terminal).catch((error) => error.code);
  return code === 'corrupt' || code === 'state-inconsistent'
    ? 1
    : Number(/ (\d+) problems$/.exec(lines.at(-1) ?? '')?.[1]);
};

/** What can be seen over HTTP too: the tiles that the tree has. */
const tilesAlone: Check = async (dir) => {
  const source = await openSource(dir, () => undefined).catch(() => undefined);
  if (source === undefined) return 1;
  const { open } = source.believed ?? {};
  if (open === undefined) throw new Error('a folder has the key of its log');
  const { problems } = await fsck({ fetch: source.fetch, open }).catch(() => ({ problems: ['unreadable'] }));
  await source.close();
  return problems.length;
};

defineRig({
  id: 'T12',
  name: 'fsck of folders: damaged, missing, replaced and extra rows and files of a platform and a mirror',
  run: () => playAll(everything),
  without: 'looking at heads, deposits, evidence and rows that the tree does not need',
  control: () => playAll(tilesAlone),
});
