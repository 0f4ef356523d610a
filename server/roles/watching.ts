/**
 * How a node watches the others (ledger/monitor): whom it reads, what it stands by itself, and how its operator hears of what it finds.
 */
import { utf8Encode } from '../../ledger/core/bytes.ts';
import type { VerifierKey } from '../../ledger/core/note.ts';
import { formatTilePath, type Tile } from '../../ledger/core/tile.ts';
import type { FetchTile } from '../../ledger/core/tile-reader.ts';
import { LogError } from '../../ledger/log/errors.ts';
import type { Log } from '../../ledger/log/log.ts';
import { everyKey } from '../../ledger/log/past-epoch.ts';
import { witnessesUnder } from '../../ledger/log/policy-members.ts';
import type { Http } from '../../ledger/log/ports.ts';
import type { MonitorEvent } from '../../ledger/monitor/events.ts';
import type { Peer } from '../../ledger/monitor/peer.ts';
import { Monitor, type WatchedLog } from '../../ledger/monitor/watch.ts';
import type { ProtocolAnswer } from '../../ledger/witness/answer.ts';
import { originHash } from '../../ledger/witness/request.ts';
import type { Alarm } from '../alarms.ts';
import type { CourtConfig, MirrorConfig, PlatformConfig } from '../config.ts';
import type { EventFields, EventLog } from '../logging.ts';
import { readVkey } from './cosigner-setup.ts';
import type { PlatformTrust } from './platform-setup.ts';

/** Opens a monitor that has not begun yet. */
export function openMonitor(
  logs: readonly WatchedLog[],
  peers: readonly Peer[],
  http: Http,
  log: EventLog,
  alarm: Alarm,
): Monitor {
  return new Monitor({ logs, peers, http, clock: Date.now, onEvent: monitorEvents(log, alarm) });
}

/** Whom a court or a mirror watches. @throws StartError `config-malformed` */
export function peersOf(dir: string, { peers = [] }: CourtConfig | MirrorConfig): Peer[] {
  return peers.map(({ name, url, vkeys }) => ({ name, url, keys: vkeys.map((vkey) => readVkey(dir, vkey)) }));
}

/** Whom the platform watches: its members, with the keys that the policy has for them; not those of whom all keys are revoked. */
export function membersAsPeers({ members }: PlatformConfig, { policy, logKey }: PlatformTrust): Peer[] {
  return members
    .map(({ member, url, monitoringUrl = url }) => ({
      name: member,
      url: `${monitoringUrl}/${originHash(logKey.name)}`,
      keys: witnessesUnder(policy, member).map(({ key }) => key),
    }))
    .filter(({ keys }) => keys.length > 0);
}

/** What a court or mirror stands by: the note that it shows to monitors itself. */
export function shownBy(
  service: { checkpoint(hash: string): Promise<ProtocolAnswer> },
  logs: readonly { readonly origin: string; readonly keys: readonly VerifierKey[] }[],
): WatchedLog[] {
  return logs.map(({ origin, keys }) => ({
    origin,
    keys,
    async own() {
      const { status, body } = await service.checkpoint(originHash(origin));
      return status === 200 ? new Uint8Array(Buffer.from(body)) : undefined;
    },
  }));
}

/** What the platform stands by: its newest head, also while no quorum has cosigned it. */
export function platformLedger(ledger: Log, { logKey, past }: PlatformTrust): WatchedLog {
  return {
    origin: logKey.name,
    keys: everyKey({ logKey, past }),
    async own() {
      try {
        return utf8Encode(ledger.head().note);
      } catch (error) {
        if (error instanceof LogError && error.code === 'not-published') return undefined;
        throw error;
      }
    },
    tiles: heldTiles((tile) => ledger.readTile(tile)),
  };
}

/** Tiles that this node holds itself, as a reader asks for them. */
export function heldTiles(read: (tile: Tile) => Promise<Uint8Array | undefined>): FetchTile {
  return async (tile) => {
    const bytes = await read(tile);
    if (bytes === undefined) throw new Error(`this node does not hold ${formatTilePath(tile)}`);
    return bytes;
  };
}

function monitorEvents(log: EventLog, alarm: Alarm): (event: MonitorEvent) => void {
  return (event) => {
    switch (event.kind) {
      case 'fork': {
        const { origin, peer: member, subject, report } = event;
        const reason = 'the log signed two checkpoints that contradict each other';
        return alarm('fork', 'monitor-fork', { origin, member, reason }, { subject, report });
      }
      case 'withheld':
        return alarm('withheld', 'monitor-withheld', openFields(event));
      case 'unanswered':
        return log('warn', 'monitor-unanswered', openFields(event));
      case 'failed':
        return log('alarm', 'monitor-failed', { member: event.about, count: event.failures, reason: event.reason });
      case 'peer-failed':
      case 'peer-unsigned':
        return log('warn', `monitor-${event.kind}`, {
          member: event.peer,
          count: event.failures,
          reason: event.reason,
        });
    }
  };
}

function openFields(event: Extract<MonitorEvent, { kind: 'withheld' | 'unanswered' }>): EventFields {
  const { origin, peer: member, size, openMs: ms, silent } = event;
  const reason = silent.length === 0 ? event.reason : `${event.reason}; no answer from ${silent.join(', ')}`;
  return { origin, member, size, ms, reason };
}
