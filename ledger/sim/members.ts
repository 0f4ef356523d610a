// The cosigners of the simulation: the real court and the real mirror behind the simulated network.

import type { Signer } from '../core/signature.ts';
import { Mirror } from '../mirror/service.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { type ProtocolAnswer, textAnswer } from '../witness/answer.ts';
import { originHash } from '../witness/request.ts';
import { Witness } from '../witness/service.ts';
import { LOG_SIGNER, ORIGIN } from './keys.ts';
import type { Life } from './life.ts';
import { type Host, type Request, wholeBody } from './network.ts';
import { SimNode } from './node.ts';

type Fatal = (error: Error) => never;

abstract class MemberNode<Service> extends SimNode implements Host {
  #service: { readonly service: Service; readonly life: Life; readonly fatal: Fatal } | undefined;

  protected abstract openService(stores: KeyedStores, signers: readonly Signer[]): Promise<Service>;
  protected abstract handle(service: Service, request: Request): Promise<ProtocolAnswer>;

  get listening(): Life | undefined {
    return this.#service?.life;
  }

  async answer(request: Request): Promise<ProtocolAnswer> {
    const running = this.#service;
    if (running === undefined) throw new Error('invariant: only a listening host is asked');
    const { service, life, fatal } = running;
    // As server/http/cosigner-app.ts: a service that rejects ends its process.
    return life.fence(this.handle(service, request).catch(fatal));
  }

  protected override async open(stores: KeyedStores, life: Life, fatal: Fatal): Promise<void> {
    const watched = this.signers.map(({ key, sign }) => ({
      key,
      sign: (message: Uint8Array) => {
        if (key.type === 0x04) this.world.oracle.cosigns(this.name, message);
        return sign(message);
      },
    }));
    const service = await this.openService(stores, watched);
    if (life.alive) this.#service = { service, life, fatal };
  }

  protected override forget(): void {
    this.#service = undefined;
  }

  override async recover(stores: KeyedStores): Promise<void> {
    await this.openService(stores, this.signers);
  }

  private get signers(): readonly Signer[] {
    return this.world.consortium.signers.get(this.name) ?? [];
  }

  protected readonly logs = [{ origin: ORIGIN, keys: [LOG_SIGNER.key] }];
}

const HASH = originHash(ORIGIN);
const NOT_FOUND = textAnswer(404, 'no such path\n');

/** A court. */
export class CourtNode extends MemberNode<Witness> {
  protected override openService(stores: KeyedStores, signers: readonly Signer[]): Promise<Witness> {
    return Witness.open({
      logs: this.logs,
      signers,
      heads: (hash) => stores.heads(hash),
      cosigned: stores.index('cosigned'),
      clock: this.clock,
      onEvent: () => undefined,
    });
  }

  protected override async handle(witness: Witness, { method, path, body }: Request): Promise<ProtocolAnswer> {
    switch (`${method} ${path}`) {
      case 'POST /add-checkpoint':
        return witness.addCheckpoint(await wholeBody(body));
      case `GET /${HASH}/checkpoint`:
        return witness.checkpoint(HASH);
      default:
        return NOT_FOUND;
    }
  }
}

/** An arbitration mirror. */
export class MirrorNode extends MemberNode<Mirror> {
  protected override openService(stores: KeyedStores, signers: readonly Signer[]): Promise<Mirror> {
    return Mirror.open({
      logs: this.logs,
      signers,
      pending: (hash) => stores.heads(`pending-${hash}`),
      heads: (hash) => stores.heads(`mirrored-${hash}`),
      tiles: (hash) => stores.tiles(hash),
      cosigned: stores.index('cosigned'),
      clock: this.clock,
      onEvent: () => undefined,
    });
  }

  protected override async handle(mirror: Mirror, { method, path, body }: Request): Promise<ProtocolAnswer> {
    switch (`${method} ${path}`) {
      case 'POST /add-checkpoint':
        return mirror.addCheckpoint(await wholeBody(body));
      case 'POST /add-entries':
        return mirror.addEntries(body);
      case `GET /${HASH}/checkpoint`:
        return mirror.checkpoint(HASH);
      default:
        return NOT_FOUND;
    }
  }
}
