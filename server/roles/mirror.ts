/**
 * An arbitration body: tlog-mirror over one folder, with its own copy of the ledger.
 */
import { Mirror } from '../../ledger/mirror/service.ts';
import { readConfig } from '../config.ts';
import { mirrorApp } from '../http/mirror-routes.ts';
import { Metrics } from '../metrics.ts';
import { openMirrorStores } from '../wiring.ts';
import { cosignerEvents } from './cosigner-events.ts';
import { cosignerSigners, serve, trustedLogs } from './cosigner-setup.ts';
import type { OpenRole } from './process.ts';

/** Opens a mirror. @throws StartError */
export const openMirror: OpenRole = async (dir, context) => {
  const config = readConfig(dir, 'mirror');
  const metrics = new Metrics();
  const log = metrics.counting(context.log);
  const signers = cosignerSigners(dir, config);
  const stores = await openMirrorStores(dir, context.fatal);
  const mirror = await Mirror.open({
    logs: trustedLogs(dir, config),
    signers,
    pending: stores.pending,
    heads: stores.heads,
    tiles: stores.tiles,
    cosigned: stores.cosigned,
    clock: Date.now,
    onEvent: cosignerEvents(log, dir, config.logs),
  });
  return serve(mirrorApp({ mirror, log, metrics, fatal: context.fatal }), config, stores);
};
