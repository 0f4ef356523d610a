// What a simulation may do differently from the product: how a planted bug gets in without a hook in the product's code.

import type { DepositStore, NewDeposit } from '../../server/intake/deposit-store.ts';
import type { Log } from '../log/log.ts';
import type { Cosigner } from '../log/ports.ts';
import type { KeyedStores } from '../store/key-value.ts';
import type { SimDisk } from './disk.ts';

/** Every part that is given replaces the product's way; `{}` is the product. */
export interface Variant {
  /** The stores of one life of a process, on its disk. */
  stores?(process: string, stores: KeyedStores, disk: SimDisk): KeyedStores;
  /** How the log reaches a cosigner. */
  cosigner?(cosigner: Cosigner): Cosigner;
  /** How the owner of the ledger puts an entry on it. */
  append?(log: Log, entry: Uint8Array): Promise<number>;
  /** How the owner makes deposits durable before it sends receipts. */
  take?(store: DepositStore, deposits: readonly NewDeposit[]): Promise<void>;
  /** How the owner notes what the ledger has sequenced. */
  sequenced?(store: DepositStore, stores: KeyedStores, first: number, entries: readonly Uint8Array[]): Promise<void>;
}
