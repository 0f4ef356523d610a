/**
 * `probata init`: makes a whole consortium in a data folder that holds none (make-consortium.ts).
 * Everything is made in `<data>/.init`, marked complete, then moved into place with trust.json last. So there is never a consortium that
 * is partly new: after a crash an unmarked `.init` is made again (nothing of it was in use), a marked one is moved on.
 * An existing consortium is never touched.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TRUST_FILE } from '../config.ts';
import type { Passphrase } from '../keys/encryption.ts';
import { StartError } from '../start-error.ts';
import { PLATFORM } from './layout.ts';
import { MEMBERS_MAX } from './names.ts';

export interface InitOptions {
  /** Data folder; made when it does not exist. */
  readonly data: string;
  /** The platform's port; the members take the ones after it. */
  readonly port: number;
  readonly courts: number;
  readonly mirrors: number;
  /** Name of the consortium, part of every key name. */
  readonly name: string;
  /** ms since the epoch: when the certificates begin to hold. */
  readonly nowMs: number;
  /** Encrypts every private key; without it they are in the clear. */
  readonly passphrase?: Passphrase | undefined;
}

/** The demonstration litigant's token, in the data folder. */
export const TOKEN_FILE = 'token';

const STAGE = '.init';
const COMPLETE = 'complete';

/**
 * Makes a consortium unless the folder holds one.
 * @returns `made`, or `kept` when there was one
 * @throws StartError `data-incomplete` when the folder holds members but no trust bundle
 */
export async function initConsortium(options: InitOptions): Promise<'made' | 'kept'> {
  const data = resolve(options.data);
  const stage = join(data, STAGE);
  if (existsSync(join(stage, COMPLETE))) {
    moveIntoPlace(stage, data);
    return 'made';
  }
  if (existsSync(join(data, TRUST_FILE))) return 'kept';
  const names = ['court', 'arbitration'].flatMap((kind) =>
    Array.from({ length: MEMBERS_MAX }, (_, i) => `${kind}-${i + 1}`),
  );
  const stray = [PLATFORM, ...names].find((name) => existsSync(join(data, name)));
  if (stray !== undefined) {
    const path = join(data, stray);
    throw new StartError(
      'data-incomplete',
      `${path} exists but ${join(data, TRUST_FILE)} does not: put it back, or use another folder`,
    );
  }
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  // Loaded only when it is needed: issuing certificates is heavy, and every later start can do without.
  const { makeConsortium } = await import('./make-consortium.ts');
  await makeConsortium(stage, options);
  writeFileSync(join(stage, COMPLETE), '');
  moveIntoPlace(stage, data);
  return 'made';
}

/** Moves what is not moved yet; trust.json is the last, because its presence says that all is there. */
function moveIntoPlace(stage: string, data: string): void {
  const names = readdirSync(stage).filter((name) => name !== COMPLETE && name !== TRUST_FILE);
  for (const name of [...names, TRUST_FILE]) {
    if (existsSync(join(stage, name))) renameSync(join(stage, name), join(data, name));
  }
  rmSync(stage, { recursive: true });
}
