/**
 * `probata init --member`: the keys and configuration of one court or arbitration body that is to join a consortium, and the file that
 * tells the platform's operator of it. It takes part once the platform has made the change.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { formatVkey } from '../../ledger/core/note.ts';
import { readTrust } from '../commands/trust.ts';
import { CONFIG_FILE, type CourtConfig, formatConfig, KEY_FILES, type MirrorConfig } from '../config.ts';
import { syncFolder } from '../keys/rewrite.ts';
import { newSeal, type Passphrase } from '../keys.ts';
import { LOOPBACK } from '../roles/layout.ts';
import { makeKey, makeTsaKeys } from '../roles/make-consortium.ts';
import { displayName, MEMBERS_MAX } from '../roles/names.ts';
import { StartError } from '../start-error.ts';
import { fileOf, peersIn } from './member.ts';
import { MEMBER_FILE } from './member-file.ts';
import { formatJson, writeDurably } from './next.ts';

export interface NewMember {
  /** The folder in which its own is made, under its name. */
  readonly data: string;
  /** `court-<n>` or `arbitration-<n>`. */
  readonly member: string;
  readonly port: number;
  /** Trust bundle of the consortium: the log to follow. */
  readonly trust: string;
}

/**
 * Makes the folder.
 * @param passphrase encrypts its keys; without it they are written in the clear
 * @returns the path of its member's file, and the bodies of the bundle that it does not watch, as {@link peersIn}
 * @throws StartError input-missing | input-malformed | output-refused | config-malformed
 */
export async function makeMemberFolder(
  { data, member, port, trust }: NewMember,
  nowMs: number,
  passphrase?: Passphrase,
): Promise<{ file: string; unwatched: string[] }> {
  const [, kind, digits] = /^(court|arbitration)-([1-9][0-9]?)$/.exec(member) ?? [];
  const number = Number(digits);
  if (kind === undefined || number > MEMBERS_MAX) {
    throw new StartError('input-malformed', `a member is named court-<n> or arbitration-<n>, n at most ${MEMBERS_MAX}`);
  }
  const dir = join(data, member);
  if (existsSync(dir)) throw new StartError('output-refused', `${dir} exists`);
  const bundle = readTrust(trust);
  const logKey = bundle.policy.logs[0]?.key;
  if (logKey === undefined) throw new Error('invariant: a trust bundle names a log');
  const names = displayName(kind === 'court' ? 'court' : 'arbitration', number);
  const bare: CourtConfig | MirrorConfig = {
    v: 1,
    role: kind === 'court' ? 'court' : 'mirror',
    name: member,
    listen: { host: LOOPBACK, port },
    keyName: `${member}.${logKey.name.replace(/^ledger\./, '')}`,
    displayName: names.name,
    displayNameEn: names.nameEn,
    logs: [{ origin: logKey.name, vkeys: [formatVkey(logKey)] }],
  };
  const { peers, unwatched } = peersIn(bundle, bare);
  const config = { ...bare, peers };
  // Made beside its place and moved there as a whole.
  const stage = join(data, `.${member}`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(stage, 'keys'), { recursive: true });
  const seal = newSeal(passphrase);
  const root = kind === 'court' ? await makeTsaKeys(stage, names, nowMs, seal) : undefined;
  const ed25519 = makeKey(join(stage, KEY_FILES.ed25519), config.keyName, 0x04, seal);
  const mlDsa44 = makeKey(join(stage, KEY_FILES.mlDsa44), config.keyName, 0x06, seal);
  syncFolder(join(stage, 'keys'));
  const vkeys = [formatVkey(ed25519), formatVkey(mlDsa44)];
  writeDurably(join(stage, CONFIG_FILE), formatConfig({ ...config, vkeys }));
  writeDurably(join(stage, MEMBER_FILE), formatJson(fileOf(config, formatVkey(ed25519), formatVkey(mlDsa44), root)));
  renameSync(stage, dir);
  syncFolder(data);
  return { file: join(dir, MEMBER_FILE), unwatched };
}
