/**
 * The platform: intake, ledger and certificates over one folder. Opens in the order in which things depend on each other, serves as
 * soon as the ledger can be read, and closes in the reverse order: no new deposits, what was taken in finished, stores last.
 */
import { sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificate, type X509 } from '../../certs/core/x509.ts';
import type { SignBytes } from '../../certs/issue/sign-cms.ts';
import { hexEncode, utf8Encode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import type { Policy } from '../../ledger/core/policy.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import { Log } from '../../ledger/log/log.ts';
import { witnessesUnder } from '../../ledger/log/policy-members.ts';
import type { Clock, Cosigner, Http, IndexStore } from '../../ledger/log/ports.ts';
import { mirrorCosigner } from '../../ledger/mirror/client.ts';
import { witnessCosigner } from '../../ledger/witness/client.ts';
import { parseTrustBundle } from '../../verifier/core/trust.ts';
import { createApp } from '../app.ts';
import { openAuthenticator, TOKENS_FILE } from '../auth.ts';
import { buildId } from '../build.ts';
import { KEY_FILES, type PlatformConfig, readConfig, TRUST_FILE } from '../config.ts';
import { Readiness } from '../health.ts';
import { openHttpClient } from '../http/client.ts';
import { listen } from '../http/server.ts';
import { DEFAULT_LIMITS, type Limits } from '../intake/limits.ts';
import { diskSpace, type VolumeState, volumeOf } from '../intake/space.ts';
import type { PlatformFacts } from '../intake/submission.ts';
import { openIssuer } from '../issuer.ts';
import { readChain, readP256Key, readSigner } from '../keys.ts';
import { ledgerEvents } from '../ledger-events.ts';
import { Metrics } from '../metrics.ts';
import { Notary } from '../notarize.ts';
import { StartError } from '../start-error.ts';
import { openPlatformStores } from '../wiring.ts';
import type { OpenRole, RoleContext, RunningRole } from './process.ts';

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
  { clock, limits, volume }: PlatformSurroundings,
): Promise<RunningRole> {
  const config = readConfig(dir, 'platform');
  const metrics = new Metrics();
  const log = metrics.counting(context.log);
  const trust = readTrust(dir);
  const keys = readKeys(dir, trust.policy);
  const authenticator = await openAuthenticator(join(dir, TOKENS_FILE), clock);
  const client = openHttpClient();
  const stores = await openPlatformStores(dir, context.fatal);
  const cosigners = cosignersOf(config, trust.policy, client.http, stores.ledger);
  const space = diskSpace(volume, limits.freeShareMin);
  let notary: Notary | undefined;
  const publishedSize = (): number | undefined => notary?.ledger.published()?.checkpoint.size;
  const readiness = new Readiness({ policy: trust.policy, cosigners, publishedSize });
  notary = await Notary.open({
    openLog: (hooks) =>
      Log.open({
        ...hooks,
        origin: keys.log.key.name,
        signer: keys.log,
        tiles: stores.tiles,
        heads: stores.heads,
        index: stores.ledger,
        cosigners,
        policy: trust.policy,
        clock,
        fatal: context.fatal,
      }),
    onLedgerEvent: ledgerEvents(log, readiness, dir),
    index: stores.deposits,
    blobs: stores.blobs,
    space,
    limits,
    clock,
    receiptSigner: keys.receipt,
    facts: factsOf(config, trust.policy),
    issue: openIssuer({
      sign: keys.pdf,
      path: keys.pdfPath,
      timestampUrls: config.timestampUrls,
      trust: trust.bytes,
      http: client.http,
      clock,
      log,
    }),
    log,
    fatal: context.fatal,
  });
  readiness.start();
  watch(metrics, notary, readiness, config);
  const { policy } = trust;
  const app = createApp({ notary, blobs: stores.blobs, policy, limits, space, authenticator, readiness, metrics, log });
  const close = async (): Promise<void> => {
    readiness.stop();
    await notary.close();
    client.close();
    await stores.close();
  };
  try {
    const server = await listen({ ...config.listen, handler: app.callback() });
    return {
      url: server.url,
      async close() {
        // Whoever waits for a certificate is answered now; uploads in flight may finish.
        notary.certifier.releaseWaiting();
        await server.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function readTrust(dir: string): { policy: Policy; bytes: Uint8Array } {
  const path = join(dir, TRUST_FILE);
  try {
    const bytes = new Uint8Array(readFileSync(path));
    return { policy: parseTrustBundle(bytes).policy, bytes };
  } catch (cause) {
    throw new StartError('config-malformed', `${path} is not a trust bundle: ${(cause as Error).message}`, { cause });
  }
}

interface Keys {
  readonly log: Signer;
  readonly receipt: Signer;
  readonly pdf: SignBytes;
  readonly pdfPath: readonly X509[];
}

/** The origin is the name of the log's key in the policy: what the courts and the judge know it by. */
function readKeys(dir: string, policy: Policy): Keys {
  const known = policy.logs.map(({ key }) => key);
  const origin = known[0]?.name ?? '';
  const path = join(dir, KEY_FILES.log);
  const log = readSigner(path, origin, 0x01);
  if (!known.some((key) => formatVkey(key) === formatVkey(log.key))) {
    throw new StartError('key-malformed', `${path} is not the key that the policy names for ${origin}`);
  }
  const pdfKey = readP256Key(join(dir, KEY_FILES.pdf));
  return {
    log,
    receipt: readSigner(join(dir, KEY_FILES.receipt), `${origin}/receipt`, 0x01),
    pdf: (bytes) => new Uint8Array(sign('sha256', bytes, pdfKey)),
    pdfPath: readChain(join(dir, KEY_FILES.pdfChain)).map(parseCertificate),
  };
}

function cosignersOf(config: PlatformConfig, policy: Policy, http: Http, index: IndexStore): Cosigner[] {
  const logKey = policy.logs[0]?.key;
  if (logKey === undefined) throw new Error('invariant: a trust bundle names a log');
  return config.members.map(({ member, kind, url }) => {
    const keys = witnessesUnder(policy, member).map(({ key }) => key);
    if (keys.length === 0) throw new StartError('config-malformed', `the policy has no member ${member}`);
    const options = { name: member, url, keys, logKey, http, index };
    return kind === 'court' ? witnessCosigner(options) : mirrorCosigner(options);
  });
}

function factsOf({ platform, members }: PlatformConfig, policy: Policy): PlatformFacts {
  return {
    build: buildId(),
    platform,
    members: members.map(({ member, kind, keyName, name, nameEn }) => ({ member, kind, keyName, name, nameEn })),
    origin: policy.logs[0]?.key.name ?? '',
    policySha256: hexEncode(sha256(utf8Encode(policy.text))),
  };
}

function watch(metrics: Metrics, notary: Notary, readiness: Readiness, { members }: PlatformConfig): void {
  metrics.watch({
    outstanding: () => notary.outstanding,
    owed: () => notary.certifier.owed,
    headSize: () => notary.headSize,
    members: members.map(({ member }) => member),
    answering: () => readiness.answering(),
    readiness: () => readiness.state(),
  });
}
