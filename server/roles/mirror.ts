/**
 * An arbitration body: tlog-mirror over one folder, with its own copy of the ledger.
 */
import { Mirror } from '../../ledger/mirror/service.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { openAlarms } from '../alarms.ts';
import { readConfig } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { mirrorApp } from '../http/mirror-routes.ts';
import { Keyring } from '../keys.ts';
import { Metrics } from '../metrics.ts';
import { openMirrorStores } from '../wiring.ts';
import { cosignerEvents } from './cosigner-events.ts';
import { cosignerSigners, serve, trustedLogs } from './cosigner-setup.ts';
import type { OpenRole } from './process.ts';
import { heldTiles, openMonitor, peersOf, shownBy } from './watching.ts';

/** Opens a mirror. @throws StartError */
export const openMirror: OpenRole = async (dir, context) => {
  const config = readConfig(dir, 'mirror');
  const metrics = new Metrics();
  const log = metrics.counting(context.log);
  const signers = cosignerSigners(dir, await Keyring.open(dir, config.hsm, context.env), config);
  const stores = await openMirrorStores(dir, context.fatal);
  const logs = trustedLogs(dir, config);
  const alarm = openAlarms(dir, log, metrics);
  const client = openHttpClient();
  const mirror = await Mirror.open({
    logs,
    signers,
    pending: stores.pending,
    heads: stores.heads,
    tiles: stores.tiles,
    cosigned: stores.cosigned,
    clock: Date.now,
    onEvent: cosignerEvents(log, alarm, logs, (note) => monitor.suspect(note)),
  });
  const watched = shownBy(mirror, logs).map((each) => ({
    ...each,
    tiles: heldTiles((tile) => mirror.readTile(originHash(each.origin), tile)),
  }));
  const monitor = openMonitor(watched, peersOf(dir, config), client.http, log, alarm);
  return serve(mirrorApp({ mirror, log, metrics, fatal: context.fatal }), config, stores, monitor, client);
};
