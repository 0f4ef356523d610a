/**
 * What is proposed in the platform's folder, checked as a whole before its entry is on the ledger: from then on the platform must go over to it.
 * So all that it reads under the new policy, it reads here first, with what it was started with.
 */
import { parseTrustBundle, type Trust, type TrustBundle } from '../../verifier/core/trust.ts';
import { CONFIG_FILE, KEY_FILES, type PlatformConfig, readConfig } from '../config.ts';
import type { Env } from '../keys/secrets.ts';
import { Keyring } from '../keys.ts';
import { type PlatformTrust, readKeys } from '../roles/platform-setup.ts';
import { StartError } from '../start-error.ts';
import { folderOf, nextDir, readProposed } from './next.ts';
import { requirePdfPath } from './pdf-path.ts';
import { whyNeverProven } from './provable.ts';

/**
 * The proposed statement, once everything is known to be ready for it.
 * @param present what is in force
 * @param env where the passphrase and the PIN come from
 * @param nowMs ms since epoch: the certificates must hold now
 * @throws StartError `config-*`, `key-*`, `passphrase-*`, `hsm-*`, `pin-*`, `secret-*`
 */
export async function readProposal(
  dir: string,
  present: PlatformTrust,
  env: Env | undefined,
  nowMs: number,
): Promise<TrustBundle> {
  try {
    const proposed = readProposed(dir);
    const why = whyNeverProven(parseTrustBundle(present.bytes), proposed, present.bytes);
    if (why !== undefined) throw new StartError('config-malformed', why);
    const next = parseTrustBundle(proposed);
    const config = readConfig(folderOf(dir, CONFIG_FILE), 'platform');
    requireSameMembers(config, next);
    await openKeys(dir, config, next, env, nowMs);
    return JSON.parse(Buffer.from(proposed).toString('utf8')) as TrustBundle;
  } catch (cause) {
    if (!(cause instanceof StartError)) throw cause;
    const what = `the change in ${nextDir(dir)} is not made: ${cause.message}`;
    throw new StartError(cause.code, `${what} (mend that, or remove the folder and propose again)`, { cause });
  }
}

/** Cosigners are asked by the configuration, and counted by the statement. */
function requireSameMembers(config: PlatformConfig, { members }: Trust): void {
  const names = (of: readonly { kind: string; member: string }[]): string =>
    of
      .map(({ kind, member }) => `${kind} ${member}`)
      .sort()
      .join(', ');
  if (names(config.members) === names(members)) return;
  throw new StartError(
    'config-malformed',
    `config.json has ${names(config.members)}, and the statement ${names(members)}`,
  );
}

/** Opens each key as the next start will: by its label in the token, else in the file that will be in place then. */
async function openKeys(
  dir: string,
  { hsm }: PlatformConfig,
  statement: Trust,
  env: Env | undefined,
  nowMs: number,
): Promise<void> {
  const { policy, receiptKeys } = statement;
  const logKey = policy.logs[0]?.key;
  if (logKey === undefined) throw new Error('invariant: a trust bundle names a log');
  const keyring = await Keyring.open(dir, hsm, env);
  const ringOf = (id: keyof typeof KEY_FILES): Keyring =>
    Object.hasOwn(hsm?.keys ?? {}, id) ? keyring : keyring.of(folderOf(dir, KEY_FILES[id]));
  const next: Pick<Keyring, 'signer' | 'p256'> = {
    signer: (id, ...rest) => ringOf(id).signer(id, ...rest),
    p256: (id, certificate) => ringOf(id).p256(id, certificate),
  };
  try {
    await readKeys(folderOf(dir, KEY_FILES.pdfChain), next, { logKey, receiptKeys });
    requirePdfPath(dir, statement, nowMs);
  } finally {
    keyring.close();
  }
}
