// T18: N and N + K, from the same old size, at the same time, to two processes of one court on one head store. c2sp.org/tlog-witness,
// "add-checkpoint": checking the old size and persisting the new checkpoint are one step, or the court rolls back.

import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import type { HeadStore } from '../log/ports.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { memoryStores } from '../store/memory.ts';
import { COURT, goesBack, headSizes, WitnessBench } from './testing.ts';

const PAIRS = 1000;
/** Enough for the control: most of its pairs go back. */
const CONTROL_PAIRS = 20;
const ED25519_ONLY = COURT.slice(0, 1);

/** The stores of a court whose head store forgot to compare: whoever comes second writes on top. */
function withoutCompareAndSwap(stores: KeyedStores): KeyedStores {
  return { ...stores, heads: (prefix) => overwriting(stores.heads(prefix)) };
}

function overwriting(heads: HeadStore): HeadStore {
  return {
    ...heads,
    async create(number, bytes) {
      for (let next = number; ; next++) if (await heads.create(next, bytes)) return true;
    },
  };
}

/** Pairs that rolled the court back, or of which not exactly one was accepted. */
async function race(pairs: number, wrap: (stores: KeyedStores) => KeyedStores): Promise<Tally> {
  const failures: string[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const bench = await WitnessBench.open(wrap(memoryStores()), ED25519_ONLY);
    const other = await bench.another(ED25519_ONLY);
    const size = 2 + (pair % 30);
    const requests = [await bench.log.request(0, size + 7), await bench.log.request(0, size)] as const;
    const [first, second] = pair % 2 === 0 ? [bench.witness, other] : [other, bench.witness];
    const answers = await Promise.all([first.addCheckpoint(requests[0]), second.addCheckpoint(requests[1])]);
    const accepted = answers.filter(({ status }) => status === 200).length;
    const found = await headSizes(bench.stores);
    if (goesBack(found)) failures.push(`pair ${pair}: the heads are ${found.join(', ')}`);
    else if (accepted !== 1 || found.length !== 1) failures.push(`pair ${pair}: ${accepted} were accepted`);
  }
  return { n: pairs, failures };
}

defineRig({
  id: 'T18',
  name: 'pairs (N, N + K) at once to two processes of one court: none rolls back, one of each is accepted',
  run: () => race(rounds(PAIRS), (stores) => stores),
  without: 'compare-and-swap of the head',
  control: () => race(CONTROL_PAIRS, withoutCompareAndSwap),
});
