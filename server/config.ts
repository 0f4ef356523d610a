/**
 * config.json of one member's folder: what a role needs to know, checked against a schema before anything starts.
 *
 * A folder holds everything of one process:
 *   config.json   this file's subject
 *   trust.json    platform only: the judge's trust bundle, and with it the policy text
 *   keys/         private keys, mode 0600 (keys.ts)
 *   store/        what the role persists
 *
 * Addresses: `listen` and the `url`s say where a process is now; `probata start` rewrites them when it is given another
 * port. The policy text never changes after `init`, because its digest stands in every certificate: its URLs are the
 * ones of the day it was made, and no program of ours dials them.
 * Not here: reading keys (keys.ts), making a consortium (roles/init.ts).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import type { RecordMember } from '../certs/core/record.ts';
import { whyNotRecordable } from './recordable.ts';
import { StartError } from './start-error.ts';

export type Role = 'platform' | 'court' | 'mirror';

/** Where a process listens. Port 0 asks the system for a free one (tests). */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Someone who cosigns the ledger, as the platform knows it. */
export interface MemberConfig {
  /** Name of the policy group, `court-1`. */
  readonly member: string;
  readonly kind: 'court' | 'arbitration';
  /** Key name of its cosignatures (tlog-cosignature). */
  readonly keyName: string;
  readonly name: string;
  readonly nameEn: string;
  /** Submission prefix: `http://host:port/witness` of a court, `…/mirror` of an arbitration body. */
  readonly url: string;
  /** Monitoring prefix, of a member whose program has another one; `url` when absent. */
  readonly monitoringUrl?: string;
}

/** A member's token, and the labels of the keys in it; those without a label are files. ML-DSA-44 is always a file. */
export interface HsmConfig {
  /** The maker's PKCS#11 library, an absolute path. */
  readonly module: string;
  /** Label of the token. */
  readonly token: string;
  readonly keys: { readonly [key in (typeof HSM_KEYS)[number]]?: string };
}

/** Keys that may be in a token, by their names in KEY_FILES. */
const HSM_KEYS = ['log', 'receipt', 'pdf', 'ed25519', 'tsa'] as const;

export interface PlatformConfig {
  readonly v: 1;
  readonly role: 'platform';
  readonly name: string;
  readonly listen: Listen;
  /** Name of the consortium: part of every key name. */
  readonly consortium: string;
  /** Who the platform is, and the statement of Online Litigation Rules Art. 17 in force: printed in every record. */
  readonly platform: {
    readonly name: string;
    readonly nameEn: string;
    readonly statement: string;
    readonly statementEn: string;
  };
  readonly members: readonly MemberConfig[];
  /** RFC 3161 services, in the order they are asked. */
  readonly timestampUrls: readonly string[];
  readonly hsm?: HsmConfig;
}

interface CosignerConfig {
  readonly v: 1;
  readonly name: string;
  readonly listen: Listen;
  /** Key name of its cosignatures. */
  readonly keyName: string;
  readonly displayName: string;
  readonly displayNameEn: string;
  /** The logs it accepts checkpoints of, each with the vkeys it trusts for that origin. */
  readonly logs: readonly { readonly origin: string; readonly vkeys: readonly string[] }[];
  /** The vkeys by which the others know this member; a key that is none of them is refused. */
  readonly vkeys?: readonly string[];
  readonly hsm?: HsmConfig;
  /** Whom it watches; nobody when not given, as in folders made before there was watching. */
  readonly peers?: readonly PeerConfig[];
}

/** Another node that this one watches, as `<url>/checkpoint` shows it. */
export interface PeerConfig {
  readonly name: string;
  /** Where its checkpoints of one log are read: `http://host:port/ledger`, or a monitoring prefix with the hash of the origin. */
  readonly url: string;
  /** vkeys of its cosignatures; none for the log itself. */
  readonly vkeys: readonly string[];
}

export interface CourtConfig extends CosignerConfig {
  readonly role: 'court';
}

export interface MirrorConfig extends CosignerConfig {
  readonly role: 'mirror';
}

export interface RoleConfig {
  readonly platform: PlatformConfig;
  readonly court: CourtConfig;
  readonly mirror: MirrorConfig;
}

/** File names inside a folder, in one place because init writes them and the roles read them. */
export const CONFIG_FILE = 'config.json';
export const TRUST_FILE = 'trust.json';
export const STORE_FOLDER = 'store';
export const REPORTS_FOLDER = 'reports';
export const KEY_FILES = {
  log: join('keys', 'log.pem'),
  receipt: join('keys', 'receipt.pem'),
  pdf: join('keys', 'pdf.pem'),
  pdfChain: join('keys', 'pdf-chain.pem'),
  ed25519: join('keys', 'ed25519.pem'),
  mlDsa44: join('keys', 'ml-dsa-44.pem'),
  tsa: join('keys', 'tsa.pem'),
  tsaChain: join('keys', 'tsa-chain.pem'),
} as const;

const text = { type: 'string', minLength: 1, maxLength: 4000 };
const url = { type: 'string', pattern: '^https?://[!-~]{1,2000}$' };
const listen = {
  type: 'object',
  additionalProperties: false,
  required: ['host', 'port'],
  properties: { host: text, port: { type: 'integer', minimum: 0, maximum: 65_535 } },
};

function objectOf(required: Record<string, object>, optional: Record<string, object> = {}): object {
  const properties = { ...required, ...optional };
  return { type: 'object', additionalProperties: false, required: Object.keys(required), properties };
}

const hsm = objectOf({
  module: { type: 'string', pattern: '^/', maxLength: 4000 },
  token: { type: 'string', minLength: 1, maxLength: 32 },
  keys: objectOf({}, Object.fromEntries(HSM_KEYS.map((key) => [key, text]))),
});

const member = objectOf(
  { member: text, kind: { enum: ['court', 'arbitration'] }, keyName: text, name: text, nameEn: text, url },
  { monitoringUrl: url },
);

const platformSchema = objectOf(
  {
    v: { const: 1 },
    role: { const: 'platform' },
    name: text,
    listen,
    consortium: text,
    platform: objectOf({ name: text, nameEn: text, statement: text, statementEn: text }),
    members: { type: 'array', items: member, maxItems: 256 },
    timestampUrls: { type: 'array', items: url, minItems: 1, maxItems: 256 },
  },
  { hsm },
);

function cosignerSchema(role: 'court' | 'mirror'): object {
  const log = objectOf({ origin: text, vkeys: { type: 'array', items: text, minItems: 1, maxItems: 16 } });
  const peer = objectOf({ name: text, url, vkeys: { type: 'array', items: text, maxItems: 16 } });
  const fields = {
    v: { const: 1 },
    role: { const: role },
    name: text,
    listen,
    keyName: text,
    displayName: text,
    displayNameEn: text,
    logs: { type: 'array', items: log, minItems: 1, maxItems: 256 },
  };
  const vkeys = { type: 'array', items: text, minItems: 1, maxItems: 16 };
  return objectOf(fields, { peers: { type: 'array', items: peer, maxItems: 256 }, vkeys, hsm });
}

const SCHEMAS: Record<Role, object> = {
  platform: platformSchema,
  court: cosignerSchema('court'),
  mirror: cosignerSchema('mirror'),
};

/**
 * Reads and checks the configuration in a member's folder.
 * @param dir the folder
 * @param role which role is being started; a folder of another role is refused
 * @throws StartError `config-missing`, `config-malformed`
 */
export function readConfig<R extends Role>(dir: string, role: R): RoleConfig[R] {
  const path = join(dir, CONFIG_FILE);
  const value = readJsonFile(path);
  checkConfig(value, role, path);
  return value as RoleConfig[R];
}

/**
 * The text of a config.json. Whoever writes one must not leave a folder that nothing can start from, nor any command mend.
 * @throws StartError `config-malformed` when no start would take it
 */
export function formatConfig(config: RoleConfig[Role]): string {
  checkConfig(config, config.role, 'the configuration to be written');
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** @param where what to call it */
function checkConfig(value: unknown, role: Role, where: string): void {
  // Without checking the schema itself, which costs more than everything else here in each of seven processes; init.test.ts reads all three.
  const validate = new Ajv({ meta: false, validateSchema: false }).compile(SCHEMAS[role]);
  if (!validate(value)) throw new StartError('config-malformed', `${where}: ${describe(validate.errors?.[0], role)}`);
  if (role !== 'platform') return;
  const { platform, members } = value as unknown as PlatformConfig;
  const why = whyNotRecordable({ platform, members: members.map(recordMember) });
  if (why !== undefined) throw new StartError('config-malformed', `${where}: no record can say this: ${why}`);
}

/** A member as records name it. */
export function recordMember({ member, kind, keyName, name, nameEn }: MemberConfig): RecordMember {
  return { member, kind, keyName, name, nameEn };
}

/**
 * Which role a folder belongs to, for commands that take any folder.
 * @throws StartError `config-missing`, `config-malformed`
 */
export function readRole(dir: string): Role {
  const path = join(dir, CONFIG_FILE);
  const value = readJsonFile(path) as { role?: unknown } | null;
  const role = value?.role;
  if (role === 'platform' || role === 'court' || role === 'mirror') return role;
  throw new StartError('config-malformed', `${path}: "role" must be platform, court or mirror`);
}

function readJsonFile(path: string): unknown {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new StartError('config-missing', `${path} cannot be read; make it with "probata init"`, { cause });
  }
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new StartError('config-malformed', `${path} is not JSON`, { cause });
  }
}

function describe(error: ErrorObject | undefined, role: Role): string {
  if (error === undefined) throw new Error('invariant: a failed validation has an error');
  if (error.instancePath === '/role') return `this folder does not belong to a ${role}`;
  const extra = error.keyword === 'additionalProperties' ? ` "${error.params['additionalProperty']}"` : '';
  return `${error.instancePath === '' ? 'the file' : error.instancePath} ${error.message}${extra}`;
}
