// Runs the built program as a user does.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The program as built by `npm run build`. */
export const PROGRAM = new URL('../../dist/probata-verify.js', import.meta.url);

export interface Ended {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Node options that make the program end with its largest memory use in MiB on standard error. */
export const PRINT_MEMORY = [
  '--import',
  'data:text/javascript,process.on("exit",()=>process.stderr.write(String(process.resourceUsage().maxRSS>>10)))',
];

/** @param nodeOptions for node itself, before the program */
export function runProgram(args: readonly string[], nodeOptions: readonly string[] = []): Promise<Ended> {
  const program = fileURLToPath(PROGRAM);
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NO_COLOR: '1' } };
    const child = execFile(process.execPath, [...nodeOptions, program, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
