/**
 * `probata keygen` and `probata key`: making keys, and how those of a member lie on disk. Passphrases and PINs come from the environment or
 * from files (keys/secrets.ts), never from the command line.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from './context.ts';

interface KeygenOptions {
  readonly type: string;
  readonly name: string;
  readonly out?: string;
  readonly module?: string;
  readonly token?: string;
  readonly label?: string;
}

export function keyCommands(root: Command, context: Context): void {
  keygenCommand(root, context);
  const key = root
    .command('key')
    .description('private key files of a member, by passphrase ($PROBATA_PASSPHRASE_FILE)');
  const rewrites = [
    ['encrypt', 'encrypt every private key of a member under the passphrase'],
    ['decrypt', 'write every private key of a member in the clear'],
    ['passphrase', 'encrypt every private key of a member under the passphrase of $PROBATA_NEW_PASSPHRASE_FILE'],
  ] as const;
  for (const [name, description] of rewrites) {
    key
      .command(name)
      .description(description)
      .argument('<dir>', 'the member’s folder, data/court-1')
      .action(async (dir: string) => {
        const commands = await import('./key.ts');
        const names = commands[`${name}Keys`](dir, context.env);
        context.err(`${names.length} keys of ${dir} rewritten: ${names.join(', ')}`);
      });
  }
}

function keygenCommand(root: Command, context: Context): void {
  root
    .command('keygen')
    .description('make one key, in a file or in a token, and print what others must know it by')
    .addOption(
      new Option('--type <type>', 'what it signs; p256 (PDF, timestamps) only in a token, ml-dsa-44 only in a file')
        .choices(['log', 'ed25519', 'ml-dsa-44', 'p256'])
        .makeOptionMandatory(),
    )
    .requiredOption('--name <name>', 'key name: the log’s origin, or the cosigner’s name')
    .option('--out <file>', 'file for the private key; must not exist')
    .option('--module <file>', 'PKCS#11 library of a token, instead of a file')
    .option('--token <label>', 'label of the token')
    .option('--label <label>', 'label of the key in the token; must not exist')
    .action(async (options: KeygenOptions) => {
      const { keygen, tokenKeygen } = await import('./keygen.ts');
      const { type, name, out, module, token, label } = options;
      if (out !== undefined && module === undefined && token === undefined && label === undefined)
        return context.out(keygen({ type, name, out }, context.env));
      if (out === undefined && module !== undefined && token !== undefined && label !== undefined)
        return context.out(await tokenKeygen({ type, name, module, token, label }, context.env));
      throw new InvalidArgumentError('give --out, or --module, --token and --label');
    });
}
