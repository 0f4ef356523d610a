/**
 * An arbitration body: tlog-mirror over one folder, with its own copy of the ledger.
 */
import type { VerifierKey } from '../../ledger/core/note.ts';
import { Mirror } from '../../ledger/mirror/service.ts';
import type { Monitor } from '../../ledger/monitor/watch.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { openAlarms } from '../alarms.ts';
import { readConfig } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { mirrorApp } from '../http/mirror-routes.ts';
import { Keyring } from '../keys.ts';
import { Metrics } from '../metrics.ts';
import { catchUp } from '../recovery/catch-up.ts';
import { mirrorDoor } from '../recovery/front-door.ts';
import { openMirrorStores } from '../wiring.ts';
import { cosignerEvents } from './cosigner-events.ts';
import { closingOnError, cosignerSigners, once, serve, trustedLogs } from './cosigner-setup.ts';
import type { OpenRole } from './process.ts';
import { heldTiles, openMonitor, peersOf, shownBy } from './watching.ts';

/** Opens a mirror. @throws StartError */
export const openMirror: OpenRole = async (dir, context) => {
  const config = readConfig(dir, 'mirror');
  const metrics = new Metrics();
  const log = metrics.counting(context.log);
  const signers = cosignerSigners(dir, await Keyring.open(dir, config.hsm, context.env), config);
  const stores = await openMirrorStores(dir, context.fatal);
  context.onHeld?.();
  const logs = trustedLogs(dir, config);
  const alarm = openAlarms(dir, log, metrics);
  const client = openHttpClient();
  const { pending, heads, tiles, cosigned } = stores;
  // While a restored mirror catches up, nobody watches yet.
  let monitor: Monitor | undefined;
  const onEvent = cosignerEvents(log, alarm, logs, (note) => monitor?.suspect(note));
  const options = { logs, signers, pending, heads, tiles, cosigned, clock: Date.now, onEvent };
  const open = once(() => Mirror.open(options));
  const keys = signers.map(({ key }) => key);
  const door = (logKey: VerifierKey) => mirrorDoor(open, keys, logKey);
  const peers = peersOf(dir, config);
  await closingOnError(stores, catchUp({ dir, log, logs, peers, accepted: pending, cosigned: heads, door }));
  const mirror = await open();
  const watched = shownBy(mirror, logs).map((each) => ({
    ...each,
    tiles: heldTiles((tile) => mirror.readTile(originHash(each.origin), tile)),
  }));
  monitor = openMonitor(watched, peers, client.http, log, alarm);
  return serve(mirrorApp({ mirror, log, metrics, fatal: context.fatal }), config, stores, monitor, client);
};
