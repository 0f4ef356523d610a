// Test support: a folder for one rig. In memory where the system has such a place: these rigs make thousands, and no power is cut.

import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A new, empty folder. The caller removes it. */
export function scratch(name: string): Promise<string> {
  return mkdtemp(join(PLACE, `probata-${name}-`));
}
