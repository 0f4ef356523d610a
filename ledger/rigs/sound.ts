// What must hold after a life, whatever was done to it: the folders open, recovery succeeds, everything acknowledged is there, once and
// in its place, the heads are one chain of one growing tree, and the court and the mirror remember nothing else and nothing less.

import { join } from 'node:path';
import { expect } from 'chai';
import { untilPublished } from '../log/testing.ts';
import { expectSoundAfterRecovery, noFatal, startOwned } from '../store/testing.ts';
import type { Said } from './child.ts';
import { Consortium } from './members.ts';
import type { RigStore } from './unsafe-store.ts';
import { openStore, type Without } from './unsafe-store.ts';

/**
 * Recovers the folders as a clean start would, and checks everything against what the lives on them said.
 * @returns what is wrong, in one line; undefined when nothing is
 */
export async function harmDone(dir: string, said: readonly Said[], without?: Without): Promise<string | undefined> {
  const closing: { close(): Promise<void> }[] = [];
  try {
    const world = await Consortium.open(dir, noFatal, without);
    closing.push(world);
    const store = await openStore(join(dir, 'ledger'), noFatal, without);
    closing.push(store);
    world.acknowledged.push(...said.flatMap(({ acknowledged }) => acknowledged));
    await goOn(world, store);
    await expectSoundAfterRecovery(store, world);
    const published = Math.max(0, ...said.map((life) => life.published));
    for (const size of await world.cosignedSizes()) expect(size, 'a cosigner forgot').to.be.at.least(published);
    if (published > 0) expect((await world.fsckMirror()).problems).to.deep.equal([]);
    return undefined;
  } catch (error) {
    return describe(error);
  } finally {
    for (const part of closing) await part.close();
  }
}

/** The log takes in one more entry, and both cosigners follow. */
async function goOn(world: Consortium, store: RigStore): Promise<void> {
  const session = await startOwned(world, store);
  const ended = session.fatal.then((error) => {
    throw error;
  });
  ended.catch(() => undefined);
  const work = async () => {
    await untilPublished(session, 0);
    world.clock.ms = Date.now();
    world.continueAt(session.log.head().checkpoint.size);
    await untilPublished(session, ((await session.append()) ?? Number.NaN) + 1);
  };
  await Promise.race([work(), ended]);
  await session.log.close();
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${describe(error.cause)})` : '';
  return `${error.message.slice(0, 300)}${cause}`;
}
