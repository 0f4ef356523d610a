/** What the routes may use: the notary and the facts around it. Opened by roles/platform.ts, passed in, never global. */
import type { Policy } from '../../ledger/core/policy.ts';
import type { BlobStore } from '../../ledger/log/ports.ts';
import type { Authenticator } from '../auth.ts';
import type { Readiness } from '../health.ts';
import type { Limits } from '../intake/limits.ts';
import type { DiskSpace } from '../intake/space.ts';
import type { EventLog } from '../logging.ts';
import type { Metrics } from '../metrics.ts';
import type { Notary } from '../notarize.ts';

export interface Platform {
  readonly notary: Notary;
  readonly blobs: BlobStore;
  readonly policy: Policy;
  readonly limits: Limits;
  readonly space: DiskSpace;
  readonly authenticator: Authenticator;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly log: EventLog;
}
