/**
 * What opening a court and opening a mirror have in common: keys, the logs it trusts, and the service around its app.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type Koa from 'koa';
import { parseVkey, type VerifierKey } from '../../ledger/core/note.ts';
import type { Signer } from '../../ledger/core/signature.ts';
import type { Monitor } from '../../ledger/monitor/watch.ts';
import { type CourtConfig, KEY_FILES, type MirrorConfig } from '../config.ts';
import { nextDir } from '../epochs/next.ts';
import type { HttpClient } from '../http/client.ts';
import { listen } from '../http/server.ts';
import type { Keyring } from '../keys.ts';
import { StartError } from '../start-error.ts';
import type { RunningRole } from './process.ts';

type CosignerConfig = CourtConfig | MirrorConfig;

/**
 * The member's two cosignature keys, and those it is going over to.
 * @throws StartError `key-*`, `passphrase-*`, `config-malformed`
 */
export function cosignerSigners(dir: string, keyring: Keyring, { keyName, vkeys }: CosignerConfig): Signer[] {
  const expected = vkeys?.map((vkey) => readVkey(dir, vkey));
  return [
    keyring.signer('ed25519', keyName, 0x04, expected),
    keyring.signer('mlDsa44', keyName, 0x06, expected),
    ...nextSigners(dir, keyring, keyName),
  ];
}

/** The keys that a member is going over to (epochs/member.ts): until it has, it signs with both. */
function nextSigners(dir: string, keyring: Keyring, keyName: string): Signer[] {
  const next = keyring.of(nextDir(dir));
  const kinds = [
    ['ed25519', 0x04],
    ['mlDsa44', 0x06],
  ] as const;
  return kinds
    .filter(([id]) => existsSync(join(nextDir(dir), KEY_FILES[id])))
    .map(([id, type]) => next.signer(id, keyName, type));
}

/**
 * The logs whose checkpoints it accepts.
 * @throws StartError `config-malformed`
 */
export function trustedLogs(dir: string, { logs }: CosignerConfig): { origin: string; keys: VerifierKey[] }[] {
  return logs.map(({ origin, vkeys }) => {
    const keys = vkeys.map((vkey) => readVkey(dir, vkey));
    if (keys.some((key) => key.name !== origin || key.type !== 0x01)) {
      throw new StartError(
        'config-malformed',
        `${dir}: a log's keys are of type 0x01 and named like its origin, ${origin}`,
      );
    }
    return { origin, keys };
  });
}

/** @throws StartError `config-malformed` */
export function readVkey(dir: string, vkey: string): VerifierKey {
  try {
    return parseVkey(vkey);
  } catch (cause) {
    throw new StartError('config-malformed', `${dir}: "${vkey.slice(0, 80)}" is not a vkey`, { cause });
  }
}

/** Makes something when it is first asked for, and the same ever after. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Waits for a task of the start; the stores are closed when it fails. */
export async function closingOnError(stores: { close(): Promise<void> }, task: Promise<void>): Promise<void> {
  try {
    await task;
  } catch (error) {
    await stores.close();
    throw error;
  }
}

/**
 * Serves the app and watches the others until it is closed, then closes the stores.
 * @param client the monitor's connections
 * @throws StartError `port-in-use`, `listen-failed`; the stores are closed then
 */
export async function serve(
  app: Koa,
  config: CosignerConfig,
  stores: { close(): Promise<void> },
  monitor: Monitor,
  client: HttpClient,
): Promise<RunningRole> {
  const close = async (): Promise<void> => {
    monitor.close();
    client.close();
    await stores.close();
  };
  const server = await listen({ ...config.listen, handler: app.callback() }).catch(async (error) => {
    await close();
    throw error;
  });
  monitor.start();
  return {
    url: server.url,
    async close() {
      await server.close();
      await close();
    },
  };
}
