/**
 * What a submitter writes, checked: the declaration of an upload, and the JSON form of a deposit (digests only).
 * Read strictly (ledger/core/json.ts: no duplicate keys), then against a JSON Schema compiled once. Unknown fields are refused:
 * a misspelt field would otherwise be a fact that silently is not in the record.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Declared } from '../../certs/core/record.ts';
import { hasVisibleText } from '../../certs/core/visible.ts';
import { isWellFormed, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { type Json, parseJson } from '../../ledger/core/json.ts';
import { Refusal } from '../refusal.ts';
import { DECLARED_CHARACTERS_MAX, FILES_MAX, NAME_BYTES_MAX } from './limits.ts';
import type { SubmittedFile } from './submission.ts';

/** What the sender says the files are, in order, so that a changed byte on the way is noticed. */
export interface StatedFile {
  readonly name?: string;
  readonly size?: number;
  readonly sha256: string;
}

export interface Declaration {
  readonly declared: Declared;
  readonly files?: readonly StatedFile[];
}

/** A deposit of digests: the files stay with the submitter. */
export interface DigestDeposit {
  readonly declared: Declared;
  readonly files: readonly SubmittedFile[];
}

const NOT_DECLARED: Declared = {
  source: '',
  generation: '',
  storage: '',
  notarisation: '',
  witness: '',
  corroboration: '',
};

const DIGEST = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const SIZE = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const NAME = { type: 'string' };
const declaredFacts = Object.fromEntries(
  Object.keys(NOT_DECLARED).map((fact) => [fact, { type: 'string', maxLength: DECLARED_CHARACTERS_MAX }]),
);

const declarationSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...declaredFacts,
    files: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['sha256'],
        properties: { name: NAME, size: SIZE, sha256: DIGEST },
      },
    },
  },
};

const digestDepositSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['files'],
  properties: {
    declaration: { type: 'object', additionalProperties: false, properties: declaredFacts },
    files: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'size', 'sha256'],
        properties: {
          name: NAME,
          size: SIZE,
          sha256: DIGEST,
          sm3: DIGEST,
          mediaType: { type: 'string', maxLength: 255 },
        },
      },
    },
  },
};

const ajv = new Ajv2020({ strict: true });
const isDeclaration = ajv.compile(declarationSchema);
const isDigestDeposit = ajv.compile(digestDepositSchema);

interface DigestFile extends Omit<SubmittedFile, 'mediaType'> {
  readonly mediaType?: string;
}

/**
 * Reads the `declaration` part of an upload.
 * @throws Refusal utf8-invalid, json-malformed, unknown-field, declaration-invalid
 */
export function parseDeclaration(bytes: Uint8Array): Declaration {
  const value = readJson(bytes, isDeclaration);
  const { files, ...facts } = value as Partial<Declared> & { files?: StatedFile[] };
  return { declared: declaredOf(facts), ...(files === undefined ? {} : { files }) };
}

/** The declaration of an upload that has none: nothing is declared. */
export const EMPTY_DECLARATION: Declaration = { declared: NOT_DECLARED };

/**
 * Reads the JSON form of a deposit.
 * @throws Refusal utf8-invalid, json-malformed, unknown-field, declaration-invalid, file-missing, files-too-many, file-empty, name-…,
 *   media-type-invalid
 */
export function parseDigestDeposit(bytes: Uint8Array): DigestDeposit {
  const value = readJson(bytes, isDigestDeposit);
  const deposit = value as unknown as { declaration?: Partial<Declared>; files: DigestFile[] };
  if (deposit.files.length === 0) throw new Refusal('file-missing');
  if (deposit.files.length > FILES_MAX) throw new Refusal('files-too-many', { limit: FILES_MAX });
  const files = deposit.files.map(({ mediaType, ...file }, i) => {
    if (file.size === 0) throw new Refusal('file-empty', { file: i + 1 });
    checkFileName(file.name, i + 1);
    return { ...file, mediaType: checkedMediaType(mediaType, i + 1) };
  });
  return { declared: declaredOf(deposit.declaration ?? {}), files };
}

/** A fact that nobody can see is not declared: a judge would be told that it is stated. */
function declaredOf(facts: Partial<Declared>): Declared {
  const visible = Object.entries(facts).filter(([, text]) => hasVisibleText(text));
  return { ...NOT_DECLARED, ...Object.fromEntries(visible) };
}

// Control characters would break the lines of listings and headers; U+FFFD is what a lost character leaves.
const NAME_FORBIDDEN = /[\p{Cc}\u2028\u2029\uFFFD]/u;

/**
 * A file name is what the submitter calls the file, as given; it is never used as a path.
 * @param file 1-based number, for the answer
 * @throws Refusal name-missing, name-too-long, name-invalid
 */
export function checkFileName(name: string, file: number): void {
  if (name === '') throw new Refusal('name-missing', { file });
  // First: what is not well-formed has no length in UTF-8.
  if (!isWellFormed(name)) throw new Refusal('name-invalid', { file });
  if (utf8Encode(name).length > NAME_BYTES_MAX) throw new Refusal('name-too-long', { file, limit: NAME_BYTES_MAX });
  if (NAME_FORBIDDEN.test(name)) throw new Refusal('name-invalid', { file });
}

// RFC 6838 section 4.2: type and subtype, each a restricted name.
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/**
 * The media type as declared, without its parameters; of a file without one, the type that says nothing.
 * @param file 1-based number, for the answer
 * @throws Refusal media-type-invalid
 */
export function checkedMediaType(mediaType: string | undefined, file: number): string {
  if (mediaType === undefined || mediaType === '') return 'application/octet-stream';
  const type = mediaType.split(';', 1).join('').trim().toLowerCase();
  if (!MEDIA_TYPE.test(type)) throw new Refusal('media-type-invalid', { file });
  return type;
}

/**
 * Compares what the sender stated with what came.
 * @throws Refusal digest-mismatch
 */
export function checkStated(stated: readonly StatedFile[], files: readonly SubmittedFile[]): void {
  if (stated.length !== files.length) {
    throw new Refusal('digest-mismatch', { reason: `${stated.length} files are stated, ${files.length} came` });
  }
  stated.forEach(({ name, size, sha256 }, i) => {
    const came = files[i];
    const same = sha256 === came?.sha256 && (name ?? came.name) === came.name && (size ?? came.size) === came.size;
    if (!same) throw new Refusal('digest-mismatch', { file: i + 1 });
  });
}

function readJson(bytes: Uint8Array, isValid: ValidateFunction): Json {
  const text = utf8Decode(bytes);
  if (text === undefined) throw new Refusal('utf8-invalid');
  const value = parse(text);
  if (!isValid(value)) throw schemaRefusal(isValid.errors);
  // The only numbers are sizes. A reader of JSON rounds 9007199254740990.6 to a whole one, and so to a size that nobody stated.
  if (/\d[.eE]/.test(text.replaceAll(STRING, '""'))) {
    throw new Refusal('declaration-invalid', { pointer: '', reason: 'a size must be written in digits alone' });
  }
  return value;
}

/** Of a text that is JSON. */
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/g;

function parse(text: string): Json {
  try {
    return parseJson(text);
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw new Refusal('json-malformed', { reason: cause.message }, { cause });
  }
}

function schemaRefusal(errors: ErrorObject[] | null | undefined): Refusal {
  const error = errors?.[0];
  if (error === undefined) throw new Error('invariant: a failed validation has an error');
  const { instancePath: pointer, keyword, params, message = '' } = error;
  if (keyword === 'additionalProperties') {
    return new Refusal('unknown-field', { pointer, field: String(params['additionalProperty']) });
  }
  return new Refusal('declaration-invalid', { pointer, reason: message });
}
