/**
 * A court: tlog-witness and an RFC 3161 authority over one folder.
 */
import { sign } from 'node:crypto';
import { join } from 'node:path';
import { parseCertificate } from '../../certs/core/x509.ts';
import { Tsa } from '../../certs/issue/tsa.ts';
import { Witness } from '../../ledger/witness/service.ts';
import { openAlarms } from '../alarms.ts';
import { KEY_FILES, readConfig } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { courtApp } from '../http/court-routes.ts';
import { readChain, readP256Key } from '../keys.ts';
import { Metrics } from '../metrics.ts';
import { openCourtStores } from '../wiring.ts';
import { cosignerEvents } from './cosigner-events.ts';
import { cosignerSigners, serve, trustedLogs } from './cosigner-setup.ts';
import type { OpenRole } from './process.ts';
import { openSerials } from './serials.ts';
import { openMonitor, peersOf, shownBy } from './watching.ts';

/** Opens a court. @throws StartError */
export const openCourt: OpenRole = async (dir, context) => {
  const config = readConfig(dir, 'court');
  const metrics = new Metrics();
  const log = metrics.counting(context.log);
  const signers = cosignerSigners(dir, config);
  const key = readP256Key(join(dir, KEY_FILES.tsa));
  const path = readChain(join(dir, KEY_FILES.tsaChain)).map(parseCertificate);
  const stores = await openCourtStores(dir, context.fatal);
  const clock = Date.now;
  const logs = trustedLogs(dir, config);
  const alarm = openAlarms(dir, log, metrics);
  const client = openHttpClient();
  const witness = await Witness.open({
    logs,
    signers,
    heads: stores.heads,
    cosigned: stores.cosigned,
    clock,
    onEvent: cosignerEvents(log, alarm, logs, (note) => monitor.suspect(note)),
  });
  const monitor = openMonitor(shownBy(witness, logs), peersOf(dir, config), client.http, log, alarm);
  const serial = await openSerials(stores.serials);
  const tsa = new Tsa({ sign: (bytes) => new Uint8Array(sign('sha256', bytes, key)), path, clock, serial });
  return serve(courtApp({ witness, tsa, log, metrics, fatal: context.fatal }), config, stores, monitor, client);
};
