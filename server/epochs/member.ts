/**
 * A court's or mirror's side of a change: new keys beside the old ones, settled once the platform has gone over to them.
 * From `rotate` to `settle` it signs with both, so that it counts under the policy that ends and under the one that follows.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LedgerError } from '../../ledger/core/errors.ts';
import { formatVkey, parseVkey, type VerifierKey } from '../../ledger/core/note.ts';
import type { Policy } from '../../ledger/core/policy.ts';
import { witnessesUnder } from '../../ledger/log/policy-members.ts';
import { originHash } from '../../ledger/witness/request.ts';
import type { Trust } from '../../verifier/core/trust.ts';
import { readTrust } from '../commands/trust.ts';
import {
  CONFIG_FILE,
  type CourtConfig,
  formatConfig,
  KEY_FILES,
  type MirrorConfig,
  type PeerConfig,
  readConfig,
  readRole,
} from '../config.ts';
import { installKeys, syncFolder } from '../keys/rewrite.ts';
import { type Env, PASSPHRASE } from '../keys/secrets.ts';
import { Keyring, newSeal, openPassphrase } from '../keys.ts';
import { cosignerSigners } from '../roles/cosigner-setup.ts';
import { PLATFORM, serviceUrl, timestampUrl } from '../roles/layout.ts';
import { makeKey, makeTsaKeys } from '../roles/make-consortium.ts';
import { StartError } from '../start-error.ts';
import { MEMBER_FILE, type MemberFile } from './member-file.ts';
import { formatJson, nextDir, writeDurably } from './next.ts';

type CosignerConfig = CourtConfig | MirrorConfig;

/**
 * Makes new keys in `next/keys` and the file that tells of them. To be started again with them before the platform makes its change.
 * All of it is made beside its place; until the last step the member goes on as before, and this can be done again.
 * @param options `timestamps`: a new timestamp key and root too (courts). `trust`: path of the newest bundle, which shows that the keys of a
 * `next` that is there came to nothing or have been replaced since: these take their place
 * A key of cosignatures that is in a token stays, and the file names it.
 * @param env where the PIN and the passphrase of the keys in use come from: it opens the new ones too, else the member could not start with both
 * @returns the path of the member's file
 * @throws StartError config-* | output-refused | input-malformed | key-* | passphrase-* | secret-* | hsm-* | pin-*
 */
export async function rotate(
  dir: string,
  options: { timestamps: boolean; trust?: string },
  nowMs: number,
  env: Env = {},
): Promise<string> {
  const config = readCosigner(dir);
  const next = nextDir(dir);
  const withTsa = options.timestamps && config.role === 'court';
  // One in a file would be made and never used.
  if (withTsa && config.hsm?.keys['tsa'] !== undefined)
    throw new StartError('input-malformed', `${dir} has its tsa key in a token: replace it there, by a new label`);
  const keys = await keysOf(dir, config, env);
  if (existsSync(next)) requireOutlived(dir, keys, options.trust);
  const present = keys.slice(0, 2);
  const stage = `${next}.part`;
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(stage, 'keys'), { recursive: true });
  const names = { name: config.displayName, nameEn: config.displayNameEn };
  const seal = newSeal(openPassphrase(env, PASSPHRASE));
  const root = withTsa ? await makeTsaKeys(stage, names, nowMs, seal) : undefined;
  const inToken = config.hsm?.keys['ed25519'] === undefined ? undefined : present.find(({ type }) => type === 0x04);
  const ed25519 = formatVkey(inToken ?? makeKey(join(stage, KEY_FILES.ed25519), config.keyName, 0x04, seal));
  const mlDsa44 = formatVkey(makeKey(join(stage, KEY_FILES.mlDsa44), config.keyName, 0x06, seal));
  for (const folder of [join(stage, 'keys'), stage]) syncFolder(folder);
  // Keys that nobody has yet harm nobody: whoever is cut short here notes other ones the next time.
  noteKeys(dir, config, [...new Set([...present.map(formatVkey), ed25519, mlDsa44])]);
  const path = join(dir, MEMBER_FILE);
  writeDurably(path, formatJson(fileOf(config, ed25519, mlDsa44, root)));
  rmSync(next, { recursive: true, force: true });
  renameSync(stage, next);
  syncFolder(dir);
  return path;
}

/**
 * Keys of a change under way are not replaced. Out of an old backup they may be those of one that others have long settled, or withdrawn: then the
 * keys in use counted in an epoch that has ended, and the present one knows the member neither by them nor by those that would follow.
 * A bundle from before the keys in use would say the same of a change that is under way.
 */
function requireOutlived(dir: string, keys: readonly VerifierKey[], trust: string | undefined): void {
  const next = nextDir(dir);
  const exists = `${next} exists: settle the change under way first`;
  if (trust === undefined) throw new StartError('output-refused', exists);
  const [present, ...ended] = readTrust(trust)
    .epochs.map(({ policy }) => namedIn(policy))
    .reverse();
  const areIn = (of: readonly VerifierKey[], named = new Set<string>()): boolean =>
    of.every((key) => named.has(formatVkey(key)));
  const inUse = keys.slice(0, 2);
  if (areIn(inUse, present) || areIn(settledOf(keys), present) || !ended.some((named) => areIn(inUse, named)))
    throw new StartError('output-refused', `${exists}. ${trust} does not show that it has been outlived`);
}

/** The keys that are left when the member has settled: those of `next` come last. */
function settledOf(keys: readonly VerifierKey[]): VerifierKey[] {
  return [...new Map(keys.map((key) => [key.type, key])).values()];
}

function namedIn({ witnesses }: Policy): Set<string> {
  return new Set([...witnesses.values()].map(({ key }) => formatVkey(key)));
}

/** What it signs with: the two keys in use, and behind them those that it is going over to. @throws StartError key-* and what opens them */
async function keysOf(dir: string, config: CosignerConfig, env: Env): Promise<VerifierKey[]> {
  const keyring = await Keyring.open(dir, config.hsm, env);
  try {
    return cosignerSigners(dir, keyring, config).map(({ key }) => key);
  } finally {
    keyring.close();
  }
}

/** By which keys others know this member: while it goes over, old ones and new ones. A configuration without them stays so. */
function noteKeys(dir: string, config: CosignerConfig, vkeys: readonly string[]): void {
  if (config.vkeys !== undefined) writeDurably(join(dir, CONFIG_FILE), formatConfig({ ...config, vkeys }));
}

/** What a member says of itself. */
export function fileOf(config: CosignerConfig, ed25519: string, mlDsa44: string, timestampRoot?: string): MemberFile {
  const kind = config.role === 'court' ? 'court' : 'arbitration';
  const { port } = config.listen;
  return {
    member: config.name,
    kind,
    keyName: config.keyName,
    name: config.displayName,
    nameEn: config.displayNameEn,
    url: serviceUrl(kind, port),
    ed25519,
    mlDsa44,
    ...(timestampRoot !== undefined && { timestampRoot, timestampUrl: timestampUrl(port) }),
  };
}

/**
 * Puts the new keys in the place of the old ones, which are gone then.
 * @param trust path of the bundle that names them: before that, the old keys are the ones that count
 * @param env where the passphrase and the PIN of the keys come from
 * @throws StartError config-* | input-* | key-* | passphrase-* | secret-* | hsm-* | pin-*
 */
export async function settle(dir: string, trust: string, env: Env = {}): Promise<void> {
  const config = readCosigner(dir);
  const { policy } = readTrust(trust);
  if (!existsSync(nextDir(dir))) throw new StartError('input-missing', `${nextDir(dir)} holds no new keys`);
  // All that will be in use (new ones come last), not only what is still in `next`: this may have been cut short behind the last move.
  const settled = settledOf(await keysOf(dir, config, env)).map(formatVkey);
  const named = namedIn(policy);
  for (const vkey of settled) {
    if (!named.has(vkey)) throw new StartError('input-malformed', `${trust} does not name the new keys yet`);
  }
  // Cut short, it is done again: what is still in `next` signs beside what is already in place, and both are known by `vkeys`.
  installKeys(dir, () => {
    for (const file of [KEY_FILES.tsa, KEY_FILES.tsaChain, KEY_FILES.ed25519, KEY_FILES.mlDsa44]) {
      if (existsSync(join(nextDir(dir), file))) renameSync(join(nextDir(dir), file), join(dir, file));
    }
    // Before `next` goes: without it nobody would finish the moves.
    syncFolder(join(dir, 'keys'));
  });
  noteKeys(
    dir,
    config,
    [...named].filter((vkey) => parseVkey(vkey).name === config.keyName),
  );
  rmSync(nextDir(dir), { recursive: true });
}

/**
 * Trusts one more key of a log that is followed already, from the next start on.
 * @throws StartError config-* | input-malformed
 */
export function trustLog(dir: string, vkey: string): void {
  const config = readCosigner(dir);
  const origin = originOf(vkey);
  if (!config.logs.some((log) => log.origin === origin)) {
    throw new StartError('input-malformed', `${dir} does not follow the log ${origin}`);
  }
  const logs = config.logs.map((log) =>
    log.origin === origin && !log.vkeys.includes(vkey) ? { ...log, vkeys: [vkey, ...log.vkeys] } : log,
  );
  writeDurably(join(dir, CONFIG_FILE), formatConfig({ ...config, logs }));
}

/**
 * Trusts of the log of a bundle no key but the one that it names, from the next start on. Until then whoever has an old key can have
 * this member cosign: an extension is consistent, whoever signed it.
 * @throws StartError config-* | input-missing | input-malformed, also when the bundle is older than the key that is trusted here: without
 * that one this member would refuse the log itself
 */
export function distrustLog(dir: string, trust: string): void {
  const config = readCosigner(dir);
  const { policy } = readTrust(trust);
  const namedOf = (origin: string): string[] =>
    policy.logs.filter(({ key }) => key.name === origin).map(({ key }) => formatVkey(key));
  const followed = config.logs.filter(({ origin }) => namedOf(origin).length > 0);
  if (followed.length === 0) throw new StartError('input-malformed', `${dir} follows no log of ${trust}`);
  for (const { origin, vkeys } of followed) {
    // `trustLog` puts the newest in front.
    if (namedOf(origin).includes(vkeys[0] ?? '')) continue;
    throw new StartError('input-malformed', `${trust} does not name ${vkeys[0]} yet, which ${dir} trusts by now`);
  }
  const logs = config.logs.map((log) => (followed.includes(log) ? { ...log, vkeys: namedOf(log.origin) } : log));
  writeDurably(join(dir, CONFIG_FILE), formatConfig({ ...config, logs }));
}

/**
 * Watches the bodies of a bundle from the next start on, by the keys it has for them. A body that is watched already keeps its address.
 * @returns names of the bodies that are not watched, as {@link peersIn}
 * @throws StartError config-* | input-missing | input-malformed
 */
export function watchMembers(dir: string, trust: string): string[] {
  const config = readCosigner(dir);
  const { peers, unwatched } = peersIn(readTrust(trust), config);
  writeDurably(join(dir, CONFIG_FILE), formatConfig({ ...config, peers }));
  return unwatched;
}

/** The platform, and every other body of the bundle; `unwatched` are those whose address neither the bundle nor the member has. */
export function peersIn(
  { policy, members }: Trust,
  { name: self, peers = [] }: CosignerConfig,
): { peers: PeerConfig[]; unwatched: string[] } {
  const log = policy.logs[0];
  if (log === undefined) throw new Error('invariant: a trust bundle names a log');
  const all = [{ name: PLATFORM, url: log.url, vkeys: [] as string[] }];
  for (const { member } of members) {
    const witnesses = witnessesUnder(policy, member);
    // tlog-policy: a URL is optional.
    const prefix = policy.witnesses.get(witnesses[0]?.name ?? '')?.url;
    const url = prefix && `${prefix}/${originHash(log.key.name)}`;
    all.push({ name: member, url, vkeys: witnesses.map(({ key }) => formatVkey(key)) });
  }
  const found: PeerConfig[] = [];
  const unwatched: string[] = [];
  for (const peer of all) {
    if (peer.name === self) continue;
    const url = peers.find(({ name }) => name === peer.name)?.url ?? peer.url;
    if (url === undefined) unwatched.push(peer.name);
    else found.push({ ...peer, url });
  }
  return { peers: found, unwatched };
}

function originOf(vkey: string): string {
  try {
    const key = parseVkey(vkey);
    if (key.type === 0x01) return key.name;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
  }
  throw new StartError('input-malformed', 'not the vkey of a log');
}

function readCosigner(dir: string): CosignerConfig {
  const role = readRole(dir);
  if (role === 'platform') throw new StartError('input-malformed', `${dir} is the platform's folder`);
  return readConfig(dir, role);
}
