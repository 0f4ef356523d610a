/** Every effect of a platform's life fails once, having happened or not; then a restart must have kept every promise. */
import { countEffects, crashAndRecover } from './testing.ts';

describe('server/notarize under every fault', () => {
  it('keeps every promise when any single effect fails, with or without having happened', async () => {
    const effects = await countEffects();
    for (let at = 0; at < effects; at += 1) {
      for (const happened of [false, true]) await crashAndRecover({ at, happened });
    }
  });
});
