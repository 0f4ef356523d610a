#!/usr/bin/env node
/**
 * `probata`: every command of the system, from running a consortium to reading one file of it (program.ts).
 * The verifier is a program of its own (verifier/cli): it must not load any of this.
 */
import { takeSecrets } from './keys/secrets.ts';
import { runProgram } from './program.ts';

process.exitCode = await runProgram(process.argv.slice(2), {
  env: takeSecrets(process.env),
  out: (line) => console.log(line),
  err: (line) => console.error(line),
});
