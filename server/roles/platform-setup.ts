/**
 * What the platform reads from its folder before it opens anything: the judge's trust bundle, its keys, its members.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificate, type X509 } from '../../certs/core/x509.ts';
import type { SignBytes } from '../../certs/issue/sign-cms.ts';
import { hexEncode, utf8Encode } from '../../ledger/core/bytes.ts';
import { withoutRevoked } from '../../ledger/core/cosigned.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import type { VerifierKey } from '../../ledger/core/note.ts';
import type { Policy } from '../../ledger/core/policy.ts';
import { receiptKeyName } from '../../ledger/core/receipt.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import { everyKey, type PastEpoch } from '../../ledger/log/past-epoch.ts';
import { witnessesUnder } from '../../ledger/log/policy-members.ts';
import type { Cosigner, Http, IndexStore } from '../../ledger/log/ports.ts';
import { mirrorCosigner } from '../../ledger/mirror/client.ts';
import { witnessCosigner } from '../../ledger/witness/client.ts';
import type { Epoch } from '../../verifier/core/epochs.ts';
import { parseTrustBundle } from '../../verifier/core/trust.ts';
import { buildId } from '../build.ts';
import { KEY_FILES, type PlatformConfig, recordMember, TRUST_FILE } from '../config.ts';
import type { PlatformFacts } from '../intake/submission.ts';
import { type Keyring, readChain } from '../keys.ts';
import { StartError } from '../start-error.ts';
import type { TimestampService } from '../timestamps.ts';
import { timestampUrlBeside } from './layout.ts';

export interface PlatformTrust {
  /** The policy in force, without the keys that are revoked: a verifier does not count what they sign from now on. */
  readonly policy: Policy;
  /** The log's key in the policy; its name is the origin. */
  readonly logKey: VerifierKey;
  /** Its key, and those it had in earlier epochs. */
  readonly logKeys: readonly VerifierKey[];
  readonly receiptKeys: readonly VerifierKey[];
  /** Policies that have ended, for the ledger. */
  readonly past: readonly PastEpoch[];
  /** Number of the epoch now in force, and the digest of its statement. */
  readonly epoch: number;
  readonly statement: string;
  /** The bundle as the file is, for the verifier. */
  readonly bytes: Uint8Array;
}

/** @throws StartError config-malformed */
export function readTrust(dir: string): PlatformTrust {
  const path = join(dir, TRUST_FILE);
  try {
    const bytes = new Uint8Array(readFileSync(path));
    const { policy: stated, revoked, receiptKeys, epochs, number: epoch, digest: statement } = parseTrustBundle(bytes);
    const policy = withoutRevoked(stated, revoked);
    const logKey = policy.logs[0]?.key;
    if (logKey === undefined) throw new Error('invariant: a trust bundle names a log');
    const past = epochs.flatMap(pastEpoch);
    const logKeys = everyKey({ logKey, past });
    return { policy, logKey, logKeys, receiptKeys, past, epoch, statement, bytes };
  } catch (cause) {
    throw new StartError('config-malformed', `${path} is not a trust bundle: ${(cause as Error).message}`, { cause });
  }
}

function pastEpoch({ policy, upTo, lastNote }: Epoch): PastEpoch[] {
  return lastNote === undefined ? [] : [{ policy, upTo, note: lastNote, logKeys: policy.logs.map(({ key }) => key) }];
}

export interface PlatformKeys {
  readonly log: Signer;
  readonly receipt: Signer;
  /** Signs certificates. */
  readonly pdf: SignBytes;
  readonly pdfPath: readonly [X509, ...X509[]];
}

/**
 * The keys: those that the policy, the trust bundle and the certificate name, or no court and no judge would know them.
 * @throws StartError `key-*`, `passphrase-*`
 */
export async function readKeys(
  dir: string,
  keyring: Pick<Keyring, 'signer' | 'p256'>,
  { logKey, receiptKeys }: Pick<PlatformTrust, 'logKey' | 'receiptKeys'>,
): Promise<PlatformKeys> {
  const origin = logKey.name;
  const [certificate, ...above] = readChain(join(dir, KEY_FILES.pdfChain)).map(parseCertificate);
  if (certificate === undefined) throw new Error('invariant: a chain is not empty');
  const receiptName = receiptKeyName(origin);
  return {
    log: keyring.signer('log', origin, 0x01, [logKey]),
    // Those behind the first are listed for what was promised earlier: nothing that they sign now would be owed.
    receipt: keyring.signer(
      'receipt',
      receiptName,
      0x01,
      receiptKeys.filter(({ name }) => name === receiptName).slice(0, 1),
    ),
    pdf: await keyring.p256('pdf', certificate),
    pdfPath: [certificate, ...above],
  };
}

/** The timestamp services, each with the court that it is of. */
export function timestampServicesOf({ timestampUrls, members }: PlatformConfig): TimestampService[] {
  return timestampUrls.map((url) => {
    const court = members.find((member) => member.kind === 'court' && timestampUrlBeside(member.url) === url);
    return { url, ...(court && { member: court.member }) };
  });
}

/**
 * Everyone whose cosignatures count, as the ledger reaches them.
 * @param onWentBack hears of a member that has forgotten what it cosigned
 * @throws StartError config-malformed when the policy does not know a member of the configuration
 */
export function cosignersOf(
  { members }: PlatformConfig,
  { policy, logKey, past }: PlatformTrust,
  http: Http,
  index: IndexStore,
  onWentBack: (member: string, was: number, is: number) => void = () => undefined,
): Cosigner[] {
  const earlierLogKeys = past.flatMap((epoch) => epoch.logKeys);
  const named = new Set([...policy.groups.values()].flatMap((group) => group.members));
  return members.flatMap(({ member, kind, url, monitoringUrl = url }) => {
    if (!named.has(member)) throw new StartError('config-malformed', `the policy has no member ${member}`);
    const keys = witnessesUnder(policy, member).map(({ key }) => key);
    // All its keys are revoked: nothing that it says counts.
    if (keys.length === 0) return [];
    const back = (was: number, is: number): void => onWentBack(member, was, is);
    const options = { name: member, url, monitoringUrl, keys, logKey, earlierLogKeys, http, index, onWentBack: back };
    return [kind === 'court' ? witnessCosigner(options) : mirrorCosigner(options)];
  });
}

/** What every record of this platform says. */
export function factsOf({ platform, members }: PlatformConfig, { policy, logKey }: PlatformTrust): PlatformFacts {
  return {
    build: buildId(),
    platform,
    members: members.map(recordMember),
    origin: logKey.name,
    policySha256: hexEncode(sha256(utf8Encode(policy.text))),
  };
}
