/** The commands for reports of misbehaviour and for receipts. Not here: what they do (check-report.ts, check-receipts.ts). */
import type { Command } from 'commander';
import type { Context } from './context.ts';

export function reportCommands(root: Command, context: Context): void {
  root
    .command('check-report')
    .description('does a report prove misbehaviour or a broken promise? exit 0 it does, 1 it does not, 64 usage')
    .argument('<file>', 'a file of a member’s reports/ folder')
    .option('--trust <file>', 'trust bundle: the keys of log, cosigners and receipts')
    .option('--vkey <vkey...>', 'the log’s key instead; enough for a fork report')
    .action(async (file: string, options: { trust?: string; vkey?: string[] }) => {
      const { checkReport } = await import('./check-report.ts');
      context.exit(checkReport(file, options, context));
    });
  root
    .command('check-receipts')
    .description(
      'are the entries of receipts on the ledger? exit 0 yes or not yet due, 1 an omission is proven, 2 undecided, 64 usage',
    )
    .argument('<receipt...>', 'files of receipts')
    .requiredOption(
      '--url <url...>',
      'where to read: …/ledger of the platform, …/mirror/<origin hash>, …/witness/<origin hash>; cosignatures are joined, and asked for again when none is late enough',
    )
    .requiredOption('--trust <file>', 'trust bundle')
    .option('--out <dir>', 'where reports go', '.')
    .action(async (receipts: string[], options: { url: string[]; trust: string; out: string }) => {
      const { checkReceipts } = await import('./check-receipts.ts');
      context.exit(await checkReceipts(receipts, options, context));
    });
}
