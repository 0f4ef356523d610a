/**
 * Bearer tokens (RFC 6750): who is asking. A token is 256 random bits in hex between a prefix and a checksum:
 *
 *   probata_<64 hex><8 hex: first 4 bytes of SHA-256 of what stands before>
 *
 * so that a leaked one is found by scanners and a mistyped one is told from an unknown one without a search. `tokens.json`
 * (mode 0600) holds the SHA-256 of each token with the party it stands for: who reads the file cannot act as anyone.
 * The file is looked at on every request, so a token taken out of it is refused from the next request on.
 * Tokens are never logged and never leave this file except to their owner.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type BigIntStats, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { NAME_CHARACTERS_MAX } from '../certs/core/record.ts';
import { isUtcMilliseconds } from '../ledger/core/entry.ts';
import type { Clock } from '../ledger/log/ports.ts';
import { Refusal } from './refusal.ts';
import { StartError } from './start-error.ts';

const PREFIX = 'probata_';
const TOKEN = /^probata_([0-9a-f]{64})([0-9a-f]{8})$/;
/** Longest party name, in characters. */
const PARTY_CHARACTERS_MAX = 64;

/** The file in the platform's folder. */
export const TOKENS_FILE = 'tokens.json';

/** Whom a token stands for; name, identification and relation are printed in every record of theirs. */
export interface Party {
  /** Stable name of the account: letters, digits, dot, hyphen, underscore. */
  readonly party: string;
  readonly name: string;
  /** How the platform knows who this is. */
  readonly identified: string;
  /** What else ties the party to the platform. */
  readonly relation: string;
}

interface TokenRow extends Party {
  readonly sha256: string;
  /** ISO time; null = never. */
  readonly expires: string | null;
}

interface TokensFile {
  readonly v: 1;
  readonly tokens: readonly TokenRow[];
}

const text = { type: 'string', maxLength: NAME_CHARACTERS_MAX };
const isTokensFile = new Ajv2020().compile<TokensFile>({
  type: 'object',
  additionalProperties: false,
  required: ['v', 'tokens'],
  properties: {
    v: { const: 1 },
    tokens: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['sha256', 'party', 'name', 'identified', 'relation', 'expires'],
        properties: {
          sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
          party: { type: 'string', pattern: `^[A-Za-z0-9._-]{1,${PARTY_CHARACTERS_MAX}}$` },
          name: { ...text, minLength: 1 },
          identified: text,
          relation: text,
          expires: { type: ['string', 'null'], pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{3})?Z$' },
        },
      },
    },
  },
});

/** Who asks, from the Authorization header. */
export interface Authenticator {
  /** @throws Refusal token-missing, token-unknown, token-expired, tokens-unreadable */
  authenticate(authorization: string | undefined): Promise<Party>;
  /** Whether anybody can be let in at all. @throws Refusal tokens-unreadable */
  check(): Promise<void>;
}

/**
 * Opens the token file.
 * @throws StartError config-missing, config-malformed, key-exposed
 */
export async function openAuthenticator(path: string, clock: Clock): Promise<Authenticator> {
  const state = await stat(path, { bigint: true }).catch((cause) => {
    throw new StartError('config-missing', `${path} cannot be read; make a token with "probata token"`, { cause });
  });
  if ((Number(state.mode) & 0o077) !== 0)
    throw new StartError('key-exposed', `${path} must have mode 0600: chmod 600 it`);
  const tokens = new TokenFile(path);
  try {
    await tokens.rows();
  } catch (cause) {
    throw new StartError('config-malformed', `${path} is not a list of tokens`, { cause });
  }
  return {
    authenticate: (authorization) => authenticate(tokens, clock, authorization),
    check: async () => {
      await tokens.rows();
    },
  };
}

async function authenticate(tokens: TokenFile, clock: Clock, authorization: string | undefined): Promise<Party> {
  if (authorization === undefined) throw new Refusal('token-missing');
  const [scheme, token, ...rest] = authorization.split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || token === undefined || rest.length > 0) throw new Refusal('token-missing');
  if (!isToken(token)) throw new Refusal('token-unknown');
  const wanted = digestOf(token);
  let found: TokenRow | undefined;
  // Every row is compared, and each in constant time: the time taken says nothing about the rows.
  for (const row of await tokens.rows()) {
    if (timingSafeEqual(Buffer.from(row.sha256, 'hex'), wanted)) found = row;
  }
  if (found === undefined) throw new Refusal('token-unknown');
  const { party, name, identified, relation, expires } = found;
  // Written this way round a date that does not exist is in the past.
  if (expires !== null && !(expiryMs(expires) > clock())) throw new Refusal('token-expired');
  return { party, name, identified, relation };
}

/** The file as it is now; read again only when it has changed. */
class TokenFile {
  readonly #path: string;
  #version = '';
  #rows: readonly TokenRow[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Fails closed: a file that cannot be read lets nobody in, also not those it let in before. */
  async rows(): Promise<readonly TokenRow[]> {
    try {
      const version = versionOf(await stat(this.#path, { bigint: true }));
      if (version !== this.#version) {
        this.#rows = parseTokens(await readFile(this.#path, 'utf8')).tokens;
        this.#version = version;
      }
      return this.#rows;
    } catch (cause) {
      throw new Refusal('tokens-unreadable', {}, { cause });
    }
  }
}

function versionOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}/${size}/${mtimeNs}`;
}

function parseTokens(content: string): TokensFile {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    // The parser's own words quote the file, which names people, and what led to a refusal is logged.
    throw new Error('it is not JSON');
  }
  if (!isTokensFile(value)) throw new Error(`${isTokensFile.errors?.[0]?.instancePath} is not as a token row must be`);
  return value;
}

/**
 * Makes a token for a party and adds it to the file, which is made when it does not exist. A running platform knows the token
 * from its next request on.
 * @param path the platform's tokens.json
 * @param party whom it stands for
 * @param expires ISO time, or null for never
 * @returns the token: the only time it can be seen
 * @throws StartError config-malformed | input-malformed
 */
export function createToken(path: string, party: Party, expires: string | null): string {
  const secret = PREFIX + randomBytes(32).toString('hex');
  const token = secret + checksum(secret);
  const row: TokenRow = {
    sha256: digestOf(token).toString('hex'),
    party: party.party,
    name: party.name,
    identified: party.identified,
    relation: party.relation,
    expires,
  };
  const file: TokensFile = { v: 1, tokens: [...existingRows(path), row] };
  if (!isTokensFile(file)) throw new StartError('config-malformed', `this party cannot be written to ${path}`);
  // It would let nobody in, and its owner would not know why.
  if (expires !== null && Number.isNaN(expiryMs(expires)))
    throw new StartError('input-malformed', `"${expires}" is not a date that exists`);
  replaceFile(path, `${JSON.stringify(file, undefined, 2)}\n`);
  return token;
}

/** NaN for a date that does not exist: Date.parse alone rolls 30 February over into March. */
function expiryMs(expires: string): number {
  const withMs = expires.includes('.') ? expires : expires.replace('Z', '.000Z');
  return isUtcMilliseconds(withMs) ? Date.parse(withMs) : Number.NaN;
}

function existingRows(path: string): readonly TokenRow[] {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return parseTokens(content).tokens;
  } catch (cause) {
    throw new StartError('config-malformed', `${path} is not a list of tokens`, { cause });
  }
}

/** The file is whole at every moment, also after a power cut. */
function replaceFile(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

function isToken(token: string): boolean {
  const [, secret, sum] = TOKEN.exec(token) ?? [];
  return secret !== undefined && sum === checksum(PREFIX + secret);
}

function checksum(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8);
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
