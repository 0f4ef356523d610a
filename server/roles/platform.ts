/**
 * The platform: intake, ledger and certificates over one folder. Opens in the order in which things depend on each other, serves as
 * soon as the ledger can be read, and closes in the reverse order: no new deposits, what was taken in finished, stores last.
 */
import { join } from 'node:path';
import { Log } from '../../ledger/log/log.ts';
import type { Clock, Cosigner, Http } from '../../ledger/log/ports.ts';
import { type Alarm, openAlarms } from '../alarms.ts';
import { createApp } from '../app.ts';
import { type Authenticator, openAuthenticator, TOKENS_FILE } from '../auth.ts';
import { type PlatformConfig, readConfig } from '../config.ts';
import { changeIfProposed } from '../epochs/change.ts';
import { Readiness } from '../health.ts';
import { openHttpClient } from '../http/client.ts';
import { InFlight } from '../http/in-flight.ts';
import { listen } from '../http/server.ts';
import { DEFAULT_LIMITS, type Limits } from '../intake/limits.ts';
import { diskSpace, type VolumeState, volumeOf } from '../intake/space.ts';
import { openIssuer } from '../issuer.ts';
import { Keyring } from '../keys.ts';
import { ledgerEvents } from '../ledger-events.ts';
import type { EventLog } from '../logging.ts';
import { Metrics } from '../metrics.ts';
import { Notary } from '../notarize.ts';
import { openRecheck } from '../recheck.ts';
import { forgetRestored, refuseHalfRefilled } from '../recovery/marks.ts';
import { openPlatformStores, type PlatformStores } from '../wiring.ts';
import {
  cosignersOf,
  factsOf,
  type PlatformKeys,
  type PlatformTrust,
  readKeys,
  readTrust,
  timestampServicesOf,
} from './platform-setup.ts';
import type { OpenRole, RoleContext, RunningRole } from './process.ts';
import { membersAsPeers, openMonitor, platformLedger } from './watching.ts';

/** What tests replace; a running platform has the real ones. */
export interface PlatformSurroundings {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly volume: VolumeState;
}

/** Opens the platform. @throws StartError; LogError when the ledger must not run on these stores */
export const openPlatform: OpenRole = (dir, context) =>
  openPlatformWith(dir, context, { clock: Date.now, limits: DEFAULT_LIMITS, volume: volumeOf(dir) });

/** As {@link openPlatform}, with given surroundings. */
export async function openPlatformWith(
  dir: string,
  context: RoleContext,
  surroundings: PlatformSurroundings,
): Promise<RunningRole> {
  const { clock, limits, volume } = surroundings;
  refuseHalfRefilled(dir);
  await changeIfProposed(dir, context, clock);
  const config = readConfig(dir, 'platform');
  const trust = readTrust(dir);
  const keys = await readKeys(dir, await Keyring.open(dir, config.hsm, context.env), trust);
  const authenticator = await openAuthenticator(join(dir, TOKENS_FILE), clock);
  const metrics = new Metrics();
  const log = metrics.counting(context.log);
  const client = openHttpClient();
  let closing = false;
  const fatal = (error: Error): never => {
    // What comes too late for the closed stores was promised to nobody: no reason to end in alarm.
    if (closing) throw error;
    return context.fatal(error);
  };
  const stores = await openPlatformStores(dir, fatal);
  context.onHeld?.();
  const alarm = openAlarms(dir, log, metrics);
  const cosigners = cosignersOf(config, trust, client.http, stores.ledger, (member, was, is) =>
    alarm('rollback', 'cosigner-went-back', { member, size: is, reason: `it had cosigned size ${was}` }),
  );
  const space = diskSpace(volume, limits);
  const release = async (): Promise<void> => {
    client.close();
    closing = true;
    await stores.close();
  };
  const { notary, readiness } = await openNotary({
    ...{ dir, config, trust, keys, stores, cosigners, clock, limits, space, authenticator, log, alarm },
    http: client.http,
    fatal,
  }).catch(async (error) => {
    await release();
    throw error;
  });
  readiness.start();
  const watched = platformLedger(notary.ledger, trust);
  const monitor = openMonitor([watched], membersAsPeers(config, trust), client.http, log, alarm);
  const inFlight = new InFlight();
  watch(metrics, notary, readiness, inFlight, config);
  const { policy } = trust;
  const { blobs } = stores;
  const app = createApp({ notary, blobs, policy, limits, space, authenticator, readiness, metrics, log }, inFlight);
  const close = async (): Promise<void> => {
    readiness.stop();
    monitor.close();
    await notary.close();
    await release();
  };
  const server = await listen({ ...config.listen, handler: app.callback() }).catch(async (error) => {
    await close();
    throw error;
  });
  monitor.start();
  return {
    url: server.url,
    async close() {
      // Whoever waits for a certificate is answered now; uploads in flight may finish.
      notary.certifier.releaseWaiting();
      await server.close();
      await inFlight.idle();
      await close();
    },
  };
}

interface Opened {
  readonly dir: string;
  readonly config: PlatformConfig;
  readonly trust: PlatformTrust;
  readonly keys: PlatformKeys;
  readonly stores: PlatformStores;
  readonly cosigners: readonly Cosigner[];
  readonly clock: Clock;
  readonly limits: Limits;
  readonly space: ReturnType<typeof diskSpace>;
  readonly authenticator: Authenticator;
  readonly log: EventLog;
  readonly alarm: Alarm;
  readonly http: Http;
  readonly fatal: RoleContext['fatal'];
}

/** The notary with its ledger, and the readiness that follows the ledger from its first event on. */
async function openNotary(o: Opened): Promise<{ notary: Notary; readiness: Readiness }> {
  const { config, trust, keys, stores, cosigners, clock, limits, space, authenticator, log, alarm, http, fatal } = o;
  const { policy, past } = trust;
  let notary: Notary | undefined;
  const publishedSize = (): number | undefined => notary?.ledger.published()?.checkpoint.size;
  const clockIsBehind = (): boolean => notary !== undefined && notary.ledger.now(0) === undefined;
  const isInArrears = async (): Promise<boolean> => (await notary?.isInArrears()) ?? false;
  const needs = { tokens: () => authenticator.check().then(() => true), space: () => space.look() };
  const readiness = new Readiness({ policy, cosigners, publishedSize, clockIsBehind, isInArrears, needs, log });
  const { tiles, heads, ledger, deposits, blobs } = stores;
  const tell = ledgerEvents(log, readiness, alarm);
  const origin = trust.logKey.name;
  notary = await Notary.open({
    openLog: (hooks) =>
      Log.open({
        ...hooks,
        origin,
        signer: keys.log,
        tiles,
        heads,
        index: ledger,
        cosigners,
        policy,
        past,
        clock,
        fatal,
      }),
    onLedgerEvent: (event) => {
      // The cosigners know nothing that this folder does not: whatever it came out of, it has caught up.
      if (event.kind === 'question-settled') forgetRestored(o.dir);
      tell(event);
    },
    index: deposits,
    blobs,
    space,
    limits,
    clock,
    receiptSigner: keys.receipt,
    facts: factsOf(config, trust),
    issue: openIssuer({
      sign: keys.pdf,
      path: keys.pdfPath,
      timestampServices: timestampServicesOf(config),
      trust: trust.bytes,
      http,
      clock,
      log,
    }),
    recheck: openRecheck(trust.bytes, clock),
    log,
    fatal,
  });
  return { notary, readiness };
}

function watch(
  metrics: Metrics,
  notary: Notary,
  readiness: Readiness,
  inFlight: InFlight,
  { members }: PlatformConfig,
): void {
  metrics.watch({
    requests: () => inFlight.count,
    outstanding: () => notary.outstanding,
    owed: () => notary.certifier.owed,
    headSize: () => notary.headSize,
    members: members.map(({ member }) => member),
    answering: () => readiness.answering(),
    publishedSize: () => notary.ledger.published()?.checkpoint.size ?? 0,
    groups: () => readiness.groups(),
    isReady: async () => (await readiness.state()).ready,
  });
}
