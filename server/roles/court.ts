/**
 * A court: tlog-witness and an RFC 3161 authority over one folder.
 */
import { join } from 'node:path';
import { parseCertificate, type X509 } from '../../certs/core/x509.ts';
import { Tsa } from '../../certs/issue/tsa.ts';
import type { VerifierKey } from '../../ledger/core/note.ts';
import type { Monitor } from '../../ledger/monitor/watch.ts';
import { Witness } from '../../ledger/witness/service.ts';
import { openAlarms } from '../alarms.ts';
import { KEY_FILES, readConfig } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { courtApp } from '../http/court-routes.ts';
import { Keyring, readChain } from '../keys.ts';
import { Metrics } from '../metrics.ts';
import { catchUp } from '../recovery/catch-up.ts';
import { courtDoor } from '../recovery/front-door.ts';
import { openCourtStores } from '../wiring.ts';
import { cosignerEvents } from './cosigner-events.ts';
import { closingOnError, cosignerSigners, once, serve, trustedLogs } from './cosigner-setup.ts';
import type { OpenRole } from './process.ts';
import { openSerials } from './serials.ts';
import { openMonitor, peersOf, shownBy } from './watching.ts';

/** Opens a court. @throws StartError */
export const openCourt: OpenRole = async (dir, context) => {
  const config = readConfig(dir, 'court');
  const metrics = new Metrics();
  const log = metrics.counting(context.log);
  const keyring = await Keyring.open(dir, config.hsm, context.env);
  const signers = cosignerSigners(dir, keyring, config);
  const path = readChain(join(dir, KEY_FILES.tsaChain)).map(parseCertificate);
  const sign = await keyring.p256('tsa', path[0] as X509);
  const stores = await openCourtStores(dir, context.fatal);
  context.onHeld?.();
  const clock = Date.now;
  const logs = trustedLogs(dir, config);
  const alarm = openAlarms(dir, log, metrics);
  const client = openHttpClient();
  const { heads, cosigned } = stores;
  // While a restored court catches up, nobody watches yet.
  let monitor: Monitor | undefined;
  const onEvent = cosignerEvents(log, alarm, logs, (note) => monitor?.suspect(note));
  const open = once(() => Witness.open({ logs, signers, heads, cosigned, clock, onEvent }));
  const keys = signers.map(({ key }) => key);
  const door = (logKey: VerifierKey) => courtDoor(open, keys, logKey);
  const peers = peersOf(dir, config);
  await closingOnError(stores, catchUp({ dir, log, logs, peers, accepted: heads, cosigned: heads, door }));
  const witness = await open();
  monitor = openMonitor(shownBy(witness, logs), peers, client.http, log, alarm);
  const serial = await openSerials(stores.serials, clock());
  const tsa = new Tsa({ sign, path, clock, serial });
  return serve(courtApp({ witness, tsa, log, metrics, fatal: context.fatal }), config, stores, monitor, client);
};
