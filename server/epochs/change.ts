/**
 * Makes a proposed change of policy, at the platform's start and before it takes deposits:
 *
 *   1 what was taken in earlier goes on the ledger, under the policy its records name   crash: begun again
 *   2 the entry of the change goes on the ledger, by itself, the last of its checkpoint crash: found there, not written twice
 *   3 the old policy's members cosign that checkpoint                                   crash: asked again
 *   4 the bundle with the proof is written to `next/trust.json`                         crash: only the files are moved (next.ts)
 *   5 keys, configuration and bundle are moved into place                               crash: moved on
 *
 * Until 4 the old policy is in force, from then on the new one. Before 1 all of it is checked, because 5 cannot be refused any more
 * (proposal.ts). Not here: what is proposed (propose.ts).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatEntry, parseEntry } from '../../ledger/core/entry.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import { formatTlogProof } from '../../ledger/core/tlog-proof.ts';
import { LogError } from '../../ledger/log/errors.ts';
import { Log } from '../../ledger/log/log.ts';
import type { Clock, Cosigner } from '../../ledger/log/ports.ts';
import { Reader } from '../../ledger/log/reader.ts';
import { VerifierError } from '../../verifier/core/errors.ts';
import { statementDigest } from '../../verifier/core/statement.ts';
import { parseTrustBundle, type TrustBundle } from '../../verifier/core/trust.ts';
import { readConfig } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { DepositStore, entryOf } from '../intake/deposit-store.ts';
import { Keyring } from '../keys.ts';
import { cosignersOf, type PlatformTrust, readKeys, readTrust } from '../roles/platform-setup.ts';
import type { RoleContext } from '../roles/process.ts';
import { openPlatformStores, type PlatformStores } from '../wiring.ts';
import { refuseStale } from './follows.ts';
import { Missing } from './missing.ts';
import { formatJson, install, isProposed, isProven, writeProven } from './next.ts';
import { readProposal } from './proposal.ts';
import { continued } from './provable.ts';

/** How often it is looked whether enough have cosigned, in ms. */
const LOOK_EVERY_MS = 100;
/** Entries appended at once while what was taken in earlier is put on the ledger. */
const APPEND_MAX = 1000;

/**
 * Makes the change that is proposed in the platform's folder, if one is. Resolves when it is in place; for as long as the old policy's
 * members do not cosign, not at all.
 * @throws StartError as {@link refuseStale} and {@link readProposal}, and nothing has been done then; LogError as {@link Log.open}
 */
export async function changeIfProposed(dir: string, context: RoleContext, clock: Clock): Promise<void> {
  if (!isProposed(dir) && !isProven(dir)) return;
  const trust = readTrust(dir);
  refuseStale(dir, trust.bytes);
  if (!isProven(dir)) {
    const proposed = await readProposal(dir, trust, context.env, clock());
    context.log('info', 'epoch-changing', { count: trust.epoch + 1 });
    writeProven(dir, await prove(dir, trust, proposed, context, clock));
  }
  install(dir, trust.epoch);
  context.log('info', 'epoch-changed', { count: trust.epoch + 1 });
}

async function prove(
  dir: string,
  trust: PlatformTrust,
  proposed: TrustBundle,
  context: RoleContext,
  clock: Clock,
): Promise<TrustBundle> {
  const config = readConfig(dir, 'platform');
  const keyring = await Keyring.open(dir, config.hsm, context.env);
  const stores = await openPlatformStores(dir, context.fatal);
  context.onHeld?.();
  const client = openHttpClient();
  let missing: Missing | undefined;
  let log: Log | undefined;
  try {
    const deposits = new DepositStore(stores.deposits);
    const { log: signer } = await readKeys(dir, keyring, trust);
    const cosigners = cosignersOf(config, trust, client.http, stores.ledger);
    // Those alone: a member whose keys are all revoked is never asked, and would be waited for in vain.
    missing = new Missing(
      cosigners.map(({ name }) => name),
      context.log,
    );
    log = await openLog({ signer, trust, stores, deposits, cosigners, missing }, context, clock);
    await appendPending(log, deposits);
    const digest = statementDigest(proposed, trust.statement);
    const index = await appendChange(log, stores, digest, clock);
    return await proven(log, index, trust, proposed);
  } finally {
    missing?.close();
    await log?.close();
    client.close();
    await stores.close();
    keyring.close();
  }
}

interface Opened {
  readonly signer: Signer;
  readonly trust: PlatformTrust;
  readonly stores: PlatformStores;
  readonly deposits: DepositStore;
  readonly cosigners: readonly Cosigner[];
  readonly missing: Missing;
}

async function openLog(
  { signer, trust, stores: { tiles, heads, ledger }, deposits, cosigners, missing }: Opened,
  { log, fatal }: RoleContext,
  clock: Clock,
): Promise<Log> {
  return Log.open({
    origin: trust.logKey.name,
    ...{ signer, tiles, heads, index: ledger, cosigners, policy: trust.policy, past: trust.past, clock, fatal },
    onSequenced: (first, entries) => deposits.sequenced(first, entries),
    onPublished: () => {},
    onEvent: (event) => {
      missing.hear(event);
      if (event.severity === 'info') return;
      const member = 'cosigner' in event ? { member: event.cosigner } : {};
      log(event.severity === 'alarm' ? 'alarm' : 'warn', `ledger-${event.kind}`, member);
    },
  });
}

/** Records name the policy they were made under: their entries come before the change. */
async function appendPending(log: Log, deposits: DepositStore): Promise<void> {
  const pending = await deposits.pending();
  for (let at = 0; at < pending.length; at += APPEND_MAX) {
    await Promise.all(pending.slice(at, at + APPEND_MAX).map((deposit) => log.append(entryOf(deposit))));
  }
}

/** The index of the entry, which an earlier attempt may have written. */
async function appendChange(log: Log, stores: PlatformStores, statement: string, clock: Clock): Promise<number> {
  const last = await lastEntry(log, stores);
  if (last !== undefined) {
    const { entry, index } = last;
    if (entry.kind === 'policy' && entry.statement === statement) return index;
  }
  // Never before the last entry: an entry's time does not decrease with its index.
  const receivedMs = Math.max(clock(), last === undefined ? 0 : Date.parse(last.entry.received));
  return log.append(formatEntry({ kind: 'policy', v: 1, received: new Date(receivedMs).toISOString(), statement }));
}

async function lastEntry(
  log: Log,
  { tiles }: PlatformStores,
): Promise<{ entry: ReturnType<typeof parseEntry>; index: number } | undefined> {
  const head = headOf(log);
  if (head === undefined || head.size === 0) return undefined;
  const index = head.size - 1;
  const [bytes] = await new Reader(tiles, () => head.size).at(head).entries(index, head.size);
  if (bytes === undefined) throw new Error('invariant: a tree with a size has a last entry');
  return { entry: parseEntry(bytes), index };
}

function headOf(log: Log) {
  try {
    return log.head().checkpoint;
  } catch (error) {
    if (error instanceof LogError && error.code === 'not-published') return undefined;
    throw error;
  }
}

/** Waits until the checkpoint has what a judge asks of a change: cosignatures that count in spite of what it revokes. */
async function proven(log: Log, index: number, trust: PlatformTrust, proposed: TrustBundle): Promise<TrustBundle> {
  for (;;) {
    const published = log.published();
    if (published?.checkpoint.size === index + 1) {
      const bundle = continued(trust.bytes, proposed, formatTlogProof(await log.proof(index)));
      if (isTrusted(bundle)) return bundle;
    }
    await pause(LOOK_EVERY_MS);
  }
}

/** Of the bytes that will be in the file: their length counts. */
function isTrusted(bundle: TrustBundle): boolean {
  try {
    parseTrustBundle(utf8Encode(formatJson(bundle)));
    return true;
  } catch (error) {
    if (error instanceof VerifierError) return false;
    throw error;
  }
}
