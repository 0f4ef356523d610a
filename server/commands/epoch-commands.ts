/** `probata epoch …` and `probata member …`: how a consortium changes keys and bodies. The steps are in OPERATIONS.md. */
import { type Command, Option } from 'commander';
import type { PlatformKey } from '../epochs/propose.ts';
import { type Context, countOf } from './context.ts';

interface ProposeOptions {
  readonly member: string[];
  readonly leave: string[];
  readonly newKey: PlatformKey[];
  readonly revoke: string[];
  readonly courtsNeeded?: number;
}

export function epochCommands(root: Command, { out, err, env }: Context): void {
  const passphrase = async () => {
    const [{ openPassphrase }, { PASSPHRASE }] = await Promise.all([
      import('../keys.ts'),
      import('../keys/secrets.ts'),
    ]);
    return openPassphrase(env, PASSPHRASE);
  };
  const epoch = root.command('epoch').description('changes of policy: what the platform and its judges believe next');
  epoch
    .command('propose')
    .description('prepare a change; the platform makes it at its next start, once the present policy has cosigned it')
    .argument('<dir>', 'the platform’s folder, data/platform')
    .option('--member <file...>', 'member.json of a body that joins, or has other keys from then on', [])
    .option('--leave <name...>', 'member that leaves', [])
    .addOption(
      new Option('--new-key <key...>', 'key of the platform to make anew')
        .choices(['log', 'receipt', 'pdf'])
        .default([]),
    )
    .option('--revoke <what=time...>', 'member, vkey or SHA-256 of a certificate, =2027-01-01T00:00:00Z', [])
    .option('--courts-needed <n>', 'how many courts must cosign', countOf(1, 256))
    .action(async (dir: string, options: ProposeOptions) => {
      const { propose } = await import('../epochs/propose.ts');
      for (const line of await propose(dir, options, Date.now(), await passphrase())) out(line);
      err('prepared; it is in force once the platform has been started again');
    });
  const member = root.command('member').description('a court’s or mirror’s side of a change');
  const dir = '<dir>';
  const dirText = 'its folder, data/court-1';
  member
    .command('rotate')
    .description(
      'make new keys beside those in use, and member.json for the platform; signs with both from its next start',
    )
    .argument(dir, dirText)
    .option('--timestamps', 'a new timestamp key too', false)
    .option(
      '--trust <file>',
      'newest trust bundle: in the place of the new keys of an old backup, which it has outlived',
    )
    .action(async (folder: string, options: { timestamps: boolean; trust?: string }) => {
      const { rotate } = await import('../epochs/member.ts');
      out(await rotate(folder, options, Date.now(), env));
    });
  member
    .command('settle')
    .description('put the new keys in the place of the old ones, which are destroyed')
    .argument(dir, dirText)
    .requiredOption('--trust <file>', 'trust bundle that names the new keys')
    .action(async (folder: string, options: { trust: string }) => {
      const { settle } = await import('../epochs/member.ts');
      await settle(folder, options.trust, env);
      err('settled; start it again');
    });
  member
    .command('watch')
    .description('watch the bodies of a bundle, by the keys it has for them, from its next start on')
    .argument(dir, dirText)
    .requiredOption('--trust <file>', 'trust bundle')
    .action(async (folder: string, options: { trust: string }) => {
      const { watchMembers } = await import('../epochs/member.ts');
      tellUnwatched(watchMembers(folder, options.trust), err);
    });
  member
    .command('trust-log')
    .description('accept one more key of a log, from its next start on')
    .argument(dir, dirText)
    .argument('<vkey>', 'as "probata epoch propose" prints it')
    .action(async (folder: string, vkey: string) => {
      const { trustLog } = await import('../epochs/member.ts');
      trustLog(folder, vkey);
    });
  member
    .command('distrust-log')
    .description('accept no key of a log but the one that a bundle names, from its next start on')
    .argument(dir, dirText)
    .requiredOption('--trust <file>', 'trust bundle that names the new key')
    .action(async (folder: string, options: { trust: string }) => {
      const { distrustLog } = await import('../epochs/member.ts');
      distrustLog(folder, options.trust);
    });
}

/** A policy need not say where its bodies are. */
export function tellUnwatched(names: readonly string[], err: Context['err']): void {
  if (names.length > 0) err(`not watched, because the bundle has no address of them: ${names.join(', ')}`);
}
