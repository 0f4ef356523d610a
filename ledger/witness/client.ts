// The log's side of a court: brings it to a head and returns its cosignatures. c2sp.org/tlog-witness.

import type { Cosigner } from '../log/ports.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';

/** A court as a cosigner. Rejects with CosignerError or an error of the Http port; keeps no connection and no queue. */
export function witnessCosigner(options: GatewayOptions): Cosigner {
  const gateway = new Gateway(options);
  return {
    name: options.name,
    cosign: async (head, source) => gateway.cosignatures(await gateway.addCheckpoint(head, source)),
    latest: (own) => gateway.latest(own),
  };
}
