/**
 * The command line of `probata`: its commands, options and exit codes. Each command loads its code only when it runs, so that a role of
 * seven starts without the weight of the others.
 * Exit codes: 0 done, 1 it failed (one sentence on stderr, and its code), 64 usage; a command that says otherwise in its help, otherwise.
 * Not here: what the commands do.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { fileReadAsOption, notAnOption } from '../verifier/cli/option-files.ts';
import { type Context, countOf, type Terminal } from './commands/context.ts';
import { epochCommands, tellUnwatched } from './commands/epoch-commands.ts';
import type { HammerCommand } from './commands/hammer.ts';
import { keyCommands } from './commands/key-commands.ts';
import { recoveryCommands } from './commands/recovery-commands.ts';
import { reportCommands } from './commands/report-commands.ts';
import type { NewParty } from './commands/token.ts';
import { printable } from './progress.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const PORT_DEFAULT = 8600;
const TOKEN_TEXT =
  'API token, which other users of this machine can see when it is given here; $PROBATA_TOKEN or $PROBATA_DATA/token by default';
/** Leaves room for the members above the platform's port. */
const PORT_MAX = 65_000;

/**
 * Runs one command.
 * @param args what stands after the program's name
 * @returns the exit code; the roles do not return, they exit when they are told to stop
 */
export async function runProgram(args: readonly string[], outside: Terminal): Promise<number> {
  const terminal = printing(outside);
  try {
    let code = 0;
    const ambiguous = await fileReadAsOption(args);
    if (ambiguous !== undefined) {
      terminal.err(`probata: ${notAnOption(ambiguous)}`);
      return EXIT_USAGE;
    }
    const program = createProgram(terminal, (result) => {
      code = result;
    });
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (!isOurs(error)) throw error;
    terminal.err(`probata: ${error.message} (${error.code})`);
    return EXIT_FAILED;
  }
}

/** What commands say holds what strangers wrote: it steers no terminal, and makes no line of its own. */
function printing({ env, out, err }: Terminal): Terminal {
  return { env, out: (line) => out(printable(line)), err: (line) => err(printable(line)) };
}

/** Of texts that commander lays out. */
function eachLine(text: string, say: (line: string) => void): void {
  for (const line of text.trimEnd().split('\n')) say(line);
}

/** Errors of ours carry a code in lower case, and their message is a sentence for people. Anything else is a defect, shown with its stack. */
function isOurs(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && /^[a-z0-9-]+$/.test(String(error.code));
}

function createProgram(terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command('probata')
    .description('Electronic-evidence notarization that a court can check offline.')
    .version(version(), '-V, --version')
    .showHelpAfterError('(probata --help lists the commands)')
    .configureOutput({
      writeOut: (text) => eachLine(text, terminal.out),
      writeErr: (text) => eachLine(text, terminal.err),
    })
    .exitOverride();
  const context: Context = { ...terminal, exit, port: portFromEnvironment(program, terminal.env['PROBATA_PORT']) };
  consortiumCommands(program, context);
  roleCommands(program, context);
  litigantCommands(program, context);
  operatorCommands(program, context);
  reportCommands(program, context);
  keyCommands(program, context);
  recoveryCommands(program, context);
  epochCommands(program, context);
  tokenCommands(program.command('token').description('tokens of those who may deposit at a platform'), context);
  return program;
}

interface InitCommand {
  readonly data: string;
  readonly port: number;
  readonly courts: number;
  readonly mirrors: number;
  readonly name: string;
  readonly member?: string;
  readonly trust?: string;
}

function consortiumCommands(root: Command, { env, port, out, err, exit }: Context): void {
  root
    .command('start')
    .description('run a whole consortium on this machine, one process each; makes it first when the folder is empty')
    .option('--data <dir>', 'data folder (PROBATA_DATA)', env['PROBATA_DATA'] ?? 'data')
    .option('--port <n>', 'platform; the members take the ports after it (PROBATA_PORT)', portOf, port)
    .action(async (options: { data: string; port: number }) => {
      const { startConsortium } = await import('./roles/consortium.ts');
      exit(await startConsortium({ ...options, env }));
    });
  root
    .command('init')
    .description('make keys, configuration, trust bundle and a demonstration token of a whole consortium')
    .requiredOption('--data <dir>', 'data folder to make it in')
    .option('--port <n>', 'platform; the members take the ports after it', portOf, port)
    .option('--courts <n>', 'how many courts', countOf(1, 10), 4)
    .option('--mirrors <n>', 'how many arbitration mirrors', countOf(1, 10), 2)
    .option('--name <name>', 'name of the consortium, part of every key name', nameOf, 'demo')
    .option(
      '--member <name>',
      'only this body, court-5, which is to join the consortium of --trust; --port is its own then',
    )
    .option('--trust <file>', 'trust bundle of the consortium that a member is to join')
    .action(async (options: InitCommand) => {
      const { member, trust } = options;
      const [{ openPassphrase }, { PASSPHRASE }] = await Promise.all([
        import('./keys/keyring.ts'),
        import('./keys/secrets.ts'),
      ]);
      const passphrase = openPassphrase(env, PASSPHRASE);
      if (member !== undefined && trust !== undefined) {
        const { makeMemberFolder } = await import('./epochs/new-member.ts');
        const { file, unwatched } = await makeMemberFolder({ ...options, member, trust }, Date.now(), passphrase);
        tellUnwatched(unwatched, err);
        return out(file);
      }
      if (member !== undefined || trust !== undefined)
        throw new InvalidArgumentError('--member and --trust go together');
      const { initConsortium } = await import('./roles/init.ts');
      const outcome = await initConsortium({ ...options, nowMs: Date.now(), passphrase });
      err(
        outcome === 'made'
          ? `made a consortium in ${options.data}`
          : `${options.data} holds one already; nothing changed`,
      );
    });
}

function roleCommands(root: Command, { env }: Context): void {
  root
    .command('platform')
    .argument('<dir>', 'its folder, data/platform')
    .description('run the platform: intake, ledger, certificates')
    .action(async (dir: string) => {
      const [{ runRole }, { openPlatform }] = await Promise.all([
        import('./roles/process.ts'),
        import('./roles/platform.ts'),
      ]);
      await runRole(dir, openPlatform, env);
    });
  root
    .command('court')
    .argument('<dir>', 'its folder, data/court-1')
    .description('run a court: tlog-witness and RFC 3161')
    .action(async (dir: string) => {
      const [{ runRole }, { openCourt }] = await Promise.all([
        import('./roles/process.ts'),
        import('./roles/court.ts'),
      ]);
      await runRole(dir, openCourt, env);
    });
  root
    .command('mirror')
    .argument('<dir>', 'its folder, data/arbitration-1')
    .description('run an arbitration mirror: tlog-mirror')
    .action(async (dir: string) => {
      const [{ runRole }, { openMirror }] = await Promise.all([
        import('./roles/process.ts'),
        import('./roles/mirror.ts'),
      ]);
      await runRole(dir, openMirror, env);
    });
}

function litigantCommands(root: Command, { env, out, exit }: Context): void {
  root
    .command('deposit')
    .description('deposit files, wait for the certificate, write it and the proof')
    .argument('<file...>', 'files of one deposit')
    .option('--url <url>', 'the platform; http://127.0.0.1:$PROBATA_PORT by default')
    .option('--token <token>', TOKEN_TEXT)
    .option('--out <dir>', 'where certificate.pdf and deposit.tlog-proof go; ./<deposit id> by default')
    .option(
      '--key <text>',
      'Idempotency-Key; made of names, sizes and digests by default, so that the same files again are the same deposit: give another for a second one',
    )
    .action(async (files: string[], options: { url?: string; token?: string; out?: string; key?: string }) => {
      const { deposit } = await import('./deposit.ts');
      exit(await deposit({ files, ...options, env, stderr: process.stderr }));
    });
  root
    .command('inspect')
    .description(
      'say what is in a file: certificate, record, trust bundle, proof, checkpoint, note, policy, entry bundle; verifies nothing',
    )
    .argument('<file>')
    .action(async (file: string) => {
      const { inspect } = await import('./commands/inspect.ts');
      for (const line of inspect(file)) out(line);
    });
}

function operatorCommands(root: Command, context: Context): void {
  root
    .command('fsck')
    .description('derive a whole ledger again from its entries and compare everything; exit 1 when something differs')
    .argument('<url-or-dir>', 'http://127.0.0.1:8600/ledger, a mirror’s prefix, or the folder of a platform or mirror')
    .option(
      '--trust <file>',
      'trust bundle that names the log’s keys, replaced ones too; what a folder trusts itself by default',
    )
    .option('--opaque', 'a log that others wrote: say nothing about what its entries hold')
    .option('--no-evidence', 'of a platform’s folder, leave out the evidence and the certificates, which may be large')
    .action(async (target: string, options: { trust?: string; opaque?: boolean; evidence: boolean }) => {
      const { runFsck } = await import('./commands/fsck.ts');
      context.exit(await runFsck(target, options, context));
    });
  root
    .command('hammer')
    .description('load with verification of every answer; exit 1 when one does not verify or the goal is missed')
    .option('--token <token>', TOKEN_TEXT)
    .requiredOption('--trust <file>', 'trust bundle')
    .option('--url <url>', 'the platform', `http://127.0.0.1:${context.port}`)
    .option('--writers <n>', 'deposits under way at once', countOf(1, 1000), 16)
    .option('--readers <n>', 'readers that check inclusion and proofs', countOf(0, 1000), 2)
    .option('--rate <n>', 'deposits per second', countOf(1, 100_000), 100)
    .option('--full-speed', 'as many deposits as the platform takes, whatever the rate')
    .option('--batch <n>', 'deposits of one request; more than one go through the batch route', countOf(1, 10_000), 1)
    .option('--seconds <n>', 'how long', countOf(1, 86_400), 10)
    .option('--grace-seconds <n>', 'how long the last deposits may take to appear', countOf(0, 3600), 20)
    .option(
      '--goal <n>',
      'stop when this many deposits are on the cosigned ledger; fail when the time ends before',
      countOf(1, 1e9),
    )
    .action(async (options: HammerCommand) => {
      const { runHammer } = await import('./commands/hammer.ts');
      context.exit(await runHammer(options, context));
    });
}

function tokenCommands(token: Command, { out, err, exit }: Context): void {
  const dir = '<dir>';
  const dirText = 'the platform’s folder, data/platform';
  token
    .command('add')
    .description('make a token and print it, once')
    .argument(dir, dirText)
    .requiredOption('--party <id>', 'stable name of the account')
    .requiredOption('--name <name>', 'the party’s name, printed in every record')
    .option('--identified <how>', 'how the platform knows who this is, printed in every record', '')
    .option('--relation <text>', 'what else ties the party to the platform, printed in every record', '')
    .option('--expires <time>', 'UTC, 2027-01-01T00:00:00Z; never by default')
    .action(async (folder: string, options: NewParty) => {
      const { addToken } = await import('./commands/token.ts');
      out(addToken(folder, options));
    });
  token
    .command('list')
    .description('one line a token; the tokens themselves are not known')
    .argument(dir, dirText)
    .action(async (folder: string) => {
      const { listTokens } = await import('./commands/token.ts');
      for (const line of await listTokens(folder)) out(line);
    });
  token
    .command('revoke')
    .description('take out every token of a party, from the next request on')
    .argument(dir, dirText)
    .argument('<party>')
    .action(async (folder: string, party: string) => {
      const { revokeTokens } = await import('./commands/token.ts');
      const revoked = await revokeTokens(folder, party);
      err(`${revoked} tokens of ${party} revoked`);
      exit(revoked > 0 ? 0 : EXIT_FAILED);
    });
}

function portOf(text: string): number {
  return countOf(1, PORT_MAX)(text);
}

function portFromEnvironment(program: Command, text: string | undefined): number {
  if (text === undefined || text === '') return PORT_DEFAULT;
  try {
    return portOf(text);
  } catch {
    return program.error(`PROBATA_PORT is "${text}", which is no port from 1 to ${PORT_MAX}`);
  }
}

function nameOf(text: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/.test(text))
    throw new InvalidArgumentError('lower-case letters, digits and hyphens.');
  return text;
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
