/**
 * Which member lives in which folder of a data folder, and on which port: the platform on the base port, then the courts, then the
 * mirrors. The addresses stand in each member's config.json; `moveTo` rewrites them when the consortium is given another base port,
 * so that a member started alone by hand finds its port and the platform finds its members. The policy text is not touched (config.ts).
 */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { originHash } from '../../ledger/witness/request.ts';
import {
  CONFIG_FILE,
  type CourtConfig,
  formatConfig,
  type MemberConfig,
  type MirrorConfig,
  type PeerConfig,
  type Role,
  type RoleConfig,
  readConfig,
} from '../config.ts';
import { nextDir } from '../epochs/next.ts';
import { StartError } from '../start-error.ts';

export const LOOPBACK = '127.0.0.1';
export const PLATFORM = 'platform';

/** One process of a consortium. */
export interface Place {
  readonly name: string;
  readonly role: Role;
  /** The member's folder. */
  readonly dir: string;
  readonly port: number;
}

/** Prefix of a member's service. */
export function serviceUrl(kind: MemberConfig['kind'], port: number): string {
  return `http://${LOOPBACK}:${port}/${kind === 'court' ? 'witness' : 'mirror'}`;
}

/** The role of a cosigner of a kind. */
export function roleOf(kind: MemberConfig['kind']): 'court' | 'mirror' {
  return kind === 'court' ? 'court' : 'mirror';
}

/** Where a node shows its checkpoints of a log. */
export function monitoringUrl(role: Role, port: number, origin: string): string {
  if (role === 'platform') return `http://${LOOPBACK}:${port}/ledger`;
  return `${serviceUrl(role === 'court' ? 'court' : 'arbitration', port)}/${originHash(origin)}`;
}

/** RFC 3161 service of a court. */
export function timestampUrl(port: number): string {
  return `http://${LOOPBACK}:${port}/tsa`;
}

/** The same of a court whose witness is at this prefix. */
export function timestampUrlBeside(url: string): string {
  return url.replace(/\/witness$/, '/tsa');
}

/**
 * The places of a consortium that `init` made, the platform first.
 * @param data the data folder
 * @param port base port they are to have
 * @throws StartError `data-incomplete` when a member's folder is gone, `config-*`
 */
export function placesOf(data: string, port: number): Place[] {
  const dir = requireFolder(join(data, PLATFORM));
  const { members } = readConfig(dir, 'platform');
  const places: Place[] = [{ name: PLATFORM, role: 'platform', dir, port }];
  for (const [i, { member, kind }] of members.entries()) {
    places.push({ name: member, role: roleOf(kind), dir: requireFolder(join(data, member)), port: port + 1 + i });
  }
  return places;
}

function requireFolder(dir: string): string {
  if (existsSync(join(dir, CONFIG_FILE))) return dir;
  throw new StartError(
    'data-incomplete',
    `${dir} is missing: put it back from a copy; a new one would have other keys`,
  );
}

/**
 * Makes the configurations say the ports of these places; files that say so already are left alone.
 * @throws StartError `config-*`
 */
export function moveTo(places: readonly Place[]): void {
  for (const place of places) {
    moveIn(place.dir, place, places);
    // What a change puts in the place of config.json is a copy of it, made when the change was proposed.
    if (existsSync(join(nextDir(place.dir), CONFIG_FILE))) moveIn(nextDir(place.dir), place, places);
  }
}

function moveIn(dir: string, { role, port }: Place, places: readonly Place[]): void {
  const config = readConfig(dir, role);
  const listen = { ...config.listen, port };
  if (config.role === 'platform') rewrite(dir, config, { ...config, listen, ...addresses(config.members, places) });
  else rewrite(dir, config, { ...config, listen, ...watched(config, places) });
}

function addresses(
  members: readonly MemberConfig[],
  places: readonly Place[],
): { members: MemberConfig[]; timestampUrls: string[] } {
  // Who joins by the change has no place yet, and keeps its address.
  const moved = members.map((member) => {
    const place = places.find(({ name }) => name === member.member);
    return place === undefined ? member : { ...member, url: serviceUrl(member.kind, place.port) };
  });
  const courts = moved.filter(({ kind }) => kind === 'court');
  return { members: moved, timestampUrls: courts.map(({ url }) => timestampUrlBeside(url)) };
}

/** The peers at their places; those who have none here keep their address. */
function watched({ peers, logs }: CourtConfig | MirrorConfig, places: readonly Place[]): { peers?: PeerConfig[] } {
  if (peers === undefined) return {};
  const moved = (peer: PeerConfig): PeerConfig => {
    const place = places.find(({ name }) => name === peer.name);
    const log = logs.find(({ origin }) => place?.role === 'platform' || peer.url.endsWith(originHash(origin)));
    if (place === undefined || log === undefined) return peer;
    return { ...peer, url: monitoringUrl(place.role, place.port, log.origin) };
  };
  return { peers: peers.map(moved) };
}

function rewrite(dir: string, before: object, after: RoleConfig[Role]): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  const path = join(dir, CONFIG_FILE);
  writeFileSync(`${path}.new`, formatConfig(after), { flush: true });
  renameSync(`${path}.new`, path);
}
