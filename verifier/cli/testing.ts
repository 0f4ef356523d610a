// Runs the built program as a user does.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { comparable, type Vector } from '../conformance.ts';
import type { Report } from '../core/report.ts';
import { verify } from '../core/verify.ts';
import { evidenceOf, NOW_MS, rerender } from '../testing.ts';

/** The program as built by `npm run build`. */
export const PROGRAM = new URL('../../dist/probata-verify.js', import.meta.url);

export interface Ended {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Prints the largest memory use of a process at its end, in MiB. Linux counts that of the process that started it into `maxRSS`, its `VmHWM`
 * alone is its own; where there is none, `maxRSS` has to do.
 */
const PRINTING = `import { existsSync, readFileSync } from 'node:fs';
  const own = () => /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1];
  process.on('exit', () =>
    process.stderr.write(String((existsSync('/proc/self/status') ? own() : process.resourceUsage().maxRSS) >> 10)));`;

/** Node options that make the program end with its largest memory use in MiB on standard error. */
export const PRINT_MEMORY = ['--import', `data:text/javascript,${encodeURIComponent(PRINTING)}`];

/**
 * @param nodeOptions for node itself, before the program
 * @param cwd the folder it is started in; this process's own when absent
 */
export function runProgram(args: readonly string[], nodeOptions: readonly string[] = [], cwd?: string): Promise<Ended> {
  const program = fileURLToPath(PROGRAM);
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NO_COLOR: '1' }, cwd };
    const child = execFile(process.execPath, [...nodeOptions, program, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const EXIT = { consistent: 0, inconsistent: 1, unverifiable: 2 };

/** What the library says of a conformance vector. */
export function byLibrary({ certificate, trust, files, certificateOnly = false }: Vector): Promise<Report> {
  return verify({ certificate, trust, evidence: files.map(evidenceOf), certificateOnly, nowMs: NOW_MS, rerender });
}

/** Runs the built program on a conformance vector: its report is the library's, its exit code that of the verdict. */
export async function expectSameInProgram(vector: Vector): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'probata-conformance-'));
  const at = (name: string): string => join(folder, name);
  await writeFile(at('certificate.pdf'), vector.certificate);
  await writeFile(at('trust.json'), vector.trust);
  for (const { name, bytes } of vector.files) await writeFile(at(name), bytes);
  const only = vector.certificateOnly ? ['--certificate-only'] : [];
  const files = vector.files.map(({ name }) => at(name));
  const args = [at('certificate.pdf'), ...files, '--trust', at('trust.json'), '--json', ...only];
  const { code, stdout, stderr } = await runProgram(args).finally(() => rm(folder, { recursive: true }));
  expect(code, `${vector.name}: ${stderr}`).to.equal(EXIT[vector.outcome]);
  expect(comparable(JSON.parse(stdout)), vector.name).to.deep.equal(comparable(await byLibrary(vector)));
}
