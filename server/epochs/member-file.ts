/**
 * What a court or an arbitration body tells the platform's operator of itself, one JSON file: who it is, where it answers, and its public
 * keys. Made in its folder by `probata init --member` and `probata member rotate`; nothing in it is secret.
 */
import { readFileSync } from 'node:fs';
import { LedgerError } from '../../ledger/core/errors.ts';
import { parseVkey } from '../../ledger/core/note.ts';
import type { MemberConfig } from '../config.ts';
import { StartError } from '../start-error.ts';

export const MEMBER_FILE = 'member.json';

export interface MemberFile extends MemberConfig {
  /** vkeys. */
  readonly ed25519: string;
  readonly mlDsa44: string;
  /** Of a court: PEM of its timestamp root, and where it stamps. */
  readonly timestampRoot?: string;
  readonly timestampUrl?: string;
}

const TEXTS = ['member', 'kind', 'keyName', 'name', 'nameEn', 'url', 'ed25519', 'mlDsa44'];
const OPTIONAL = ['timestampRoot', 'timestampUrl'];

/** @throws StartError input-missing, input-malformed */
export function readMemberFile(path: string): MemberFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new StartError('input-missing', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
  }
  const refuse = (why: string, cause?: unknown): never => {
    throw new StartError('input-malformed', `${path} is not what a member says of itself: ${why}`, { cause });
  };
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    for (const name of TEXTS) if (typeof value[name] !== 'string') refuse(`"${name}" is not text`);
    for (const name of Object.keys(value)) {
      if (!TEXTS.includes(name) && !OPTIONAL.includes(name)) refuse(`unknown field "${name}"`);
    }
    const file = value as unknown as MemberFile;
    if (file.kind !== 'court' && file.kind !== 'arbitration') refuse('"kind" is neither court nor arbitration');
    if (parseVkey(file.ed25519).type !== 0x04 || parseVkey(file.mlDsa44).type !== 0x06)
      refuse('keys of the wrong type');
    return file;
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof LedgerError) return refuse(cause.message, cause);
    throw cause;
  }
}
