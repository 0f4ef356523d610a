/** The commands of `probata` with which an operator brings a member back. */
import type { Command } from 'commander';
import { INDEX_MAX } from '../../ledger/core/limits.ts';
import { orDiskRefused } from '../disk-refusal.ts';
import { type Context, countOf } from './context.ts';

/** Defines `backup`, `restore` and `refill`. */
export function recoveryCommands(root: Command, { err }: Context): void {
  root
    .command('backup')
    .description('write a stopped member’s folder to one file, keys and store included, and check the file')
    .argument('<dir>', 'the folder of a platform, court or mirror')
    .requiredOption('--out <file>', 'the backup; must not exist')
    .option('--no-evidence', 'leave out a platform’s evidence and certificates (store/blobs): copy them while it runs')
    .action(async (dir: string, options: { out: string; evidence: boolean }) => {
      const { backup } = await import('../recovery/backup.ts');
      const work = backup({ dir, ...options, nowMs: Date.now() });
      const { role, files, rows, bytes, sha256 } = await orDiskRefused(`${dir} was not backed up`, work);
      err(`backed up a ${role}: ${files} files, ${rows} rows, ${bytes} bytes`);
      err(`sha256 ${sha256}`);
    });
  root
    .command('restore')
    .description('make a member’s folder out of a backup; it signs nothing before it has caught up')
    .argument('<file>', 'the backup')
    .argument('<dir>', 'where the member is to live; missing or empty')
    .option(
      '--ask <url...>',
      'a court or a mirror: whom to ask what the log has signed since, instead of the peers of its config.json; a platform’s …/ledger, others’ …/witness and …/mirror',
      [],
    )
    .action(async (file: string, dir: string, { ask }: { ask: string[] }) => {
      const { restore } = await import('../recovery/restore.ts');
      const work = restore({ file, dir, ask, nowMs: Date.now() });
      const { role, taken } = await orDiskRefused('nothing was restored', work);
      err(`restored a ${role} as it was at ${taken}; it catches up when it is started`);
    });
  root
    .command('refill')
    .description(
      'rebuild a stopped platform’s ledger, or what is damaged of it, from one arbitration mirror; signs nothing',
    )
    .argument('<dir>', 'the platform’s folder, data/platform')
    .requiredOption('--from <url-or-dir>', 'the mirror: http://127.0.0.1:8605/mirror, or the folder of one')
    .option(
      '--withdrawn <entry>',
      'a change of policy on the ledger that was withdrawn, as the refusal names it; may be repeated',
      (text: string, others: readonly number[]) => [...others, countOf(0, INDEX_MAX)(text)],
      [],
    )
    .action(async (dir: string, { from, withdrawn }: { from: string; withdrawn: number[] }) => {
      const { refill } = await import('../recovery/refill.ts');
      const work = refill(dir, from, err, withdrawn);
      const { size, root, added, lost, mended } = await orDiskRefused('the refill did not end', work);
      err(`size ${size}, root ${root}, ${added} entries added, ${mended} rows mended`);
      if (lost > 0)
        err(`${lost} entries have no deposit here: their records and salts live in their certificates alone`);
    });
}
