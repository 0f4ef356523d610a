/**
 * Test support: a whole consortium in this process, made by the real init, run by the real roles over real stores and loopback sockets
 * on free ports. Members can be stopped and started again, the platform restarted. Only tests import this file.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createToken, TOKENS_FILE } from '../auth.ts';
import { CONFIG_FILE, formatConfig, type PlatformConfig, type Role, type RoleConfig, readConfig } from '../config.ts';
import { DEFAULT_LIMITS } from '../intake/limits.ts';
import type { EventFields } from '../logging.ts';
import { openCourt } from './court.ts';
import { initConsortium, TOKEN_FILE } from './init.ts';
import { openMirror } from './mirror.ts';
import { openPlatformWith, type PlatformSurroundings } from './platform.ts';
import type { RoleContext, RunningRole } from './process.ts';

/** A port nobody listens on: init wants one, the real ones come later. */
const NO_PORT = 1;

export interface TestEvent {
  readonly level: string;
  readonly event: string;
  readonly fields: EventFields;
}

export class TestConsortium {
  readonly data: string;
  /** Of the demonstration litigant, and of another party. */
  readonly token: string;
  readonly otherToken: string;
  /** What the platform reported. */
  readonly events: TestEvent[] = [];
  readonly #running = new Map<string, RunningRole>();

  private constructor(data: string) {
    this.data = data;
    this.token = readFileSync(join(data, TOKEN_FILE), 'utf8').trim();
    this.otherToken = this.createToken('other', null);
  }

  /** Makes a consortium and starts all of it. */
  static async start(
    surroundings: Partial<PlatformSurroundings> = {},
    courts = 4,
    mirrors = 1,
  ): Promise<TestConsortium> {
    const data = mkdtempSync(join(tmpdir(), 'probata-'));
    await initConsortium({ data, port: NO_PORT, courts, mirrors, name: 'test', nowMs: Date.now() });
    const consortium = new TestConsortium(data);
    const config = readConfig(consortium.dir('platform'), 'platform');
    consortium.#listenOn('platform', 'platform', 0);
    const members: PlatformConfig['members'][number][] = [];
    for (const member of config.members) {
      consortium.#listenOn(member.member, member.kind === 'court' ? 'court' : 'mirror', 0);
      await consortium.startMember(member.member);
      const url = consortium.url(member.member);
      consortium.#listenOn(member.member, member.kind === 'court' ? 'court' : 'mirror', Number(new URL(url).port));
      members.push({ ...member, url: `${url}/${member.kind === 'court' ? 'witness' : 'mirror'}` });
    }
    const timestampUrls = members
      .filter(({ kind }) => kind === 'court')
      .map(({ url }) => url.replace('/witness', '/tsa'));
    consortium.#rewrite('platform', { ...readConfig(consortium.dir('platform'), 'platform'), members, timestampUrls });
    await consortium.startPlatform(surroundings);
    return consortium;
  }

  dir(name: string): string {
    return join(this.data, name);
  }

  /** A new empty folder that goes with the rest of it. */
  folder(name: string): string {
    return mkdtempSync(join(this.data, `${name}-`));
  }

  /** `http://127.0.0.1:port` of a running process. */
  url(name = 'platform'): string {
    const role = this.#running.get(name);
    if (role === undefined) throw new Error(`${name} does not run`);
    return role.url;
  }

  createToken(party: string, expires: string | null): string {
    const facts = { party, name: `当事人 ${party}`, identified: '测试', relation: '无' };
    return createToken(join(this.dir('platform'), TOKENS_FILE), facts, expires);
  }

  revoke(party: string): void {
    const path = join(this.dir('platform'), TOKENS_FILE);
    const file = JSON.parse(readFileSync(path, 'utf8')) as { tokens: { party: string }[] };
    const tokens = file.tokens.filter((row) => row.party !== party);
    writeFileSync(path, JSON.stringify({ ...file, tokens }));
  }

  async startPlatform(surroundings: Partial<PlatformSurroundings> = {}): Promise<void> {
    const volume = async (): Promise<{ freeBytes: number; totalBytes: number }> => ({
      freeBytes: 1e12,
      totalBytes: 1e12,
    });
    const all = { clock: Date.now, limits: DEFAULT_LIMITS, volume, ...surroundings };
    this.#running.set('platform', await openPlatformWith(this.dir('platform'), this.#context(this.events), all));
  }

  async startMember(name: string): Promise<void> {
    const open = name.startsWith('court') ? openCourt : openMirror;
    this.#running.set(name, await open(this.dir(name), this.#context([])));
  }

  async stop(name: string): Promise<void> {
    await this.#running.get(name)?.close();
    this.#running.delete(name);
  }

  /** Stops everything and removes the data. */
  async end(): Promise<void> {
    await this.stop('platform');
    for (const name of [...this.#running.keys()]) await this.stop(name);
    rmSync(this.data, { recursive: true });
  }

  /** A request to the platform with the demonstration token, unless the headers say otherwise. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.token}`, ...(init.headers as Record<string, string>) };
    return fetch(`${this.url()}${path}`, { ...init, headers });
  }

  #context(events: TestEvent[]): RoleContext {
    return {
      log: (level, event, fields = {}) => events.push({ level, event, fields }),
      fatal: (error) => {
        events.push({ level: 'alarm', event: 'fatal', fields: { reason: error.message } });
        throw error;
      },
    };
  }

  #listenOn(name: string, role: Role, port: number): void {
    const config = readConfig(this.dir(name), role);
    this.#rewrite(name, { ...config, listen: { ...config.listen, port } });
  }

  #rewrite(name: string, config: RoleConfig[Role]): void {
    writeFileSync(join(this.dir(name), CONFIG_FILE), formatConfig(config));
  }
}
