/**
 * What the system refuses a command, or a role that starts, on an operator's folders and files: no such file, no space left, no permission.
 * It is no defect of ours, so it is told in one sentence. Not for a running role: there a failed write ends the process (roles/process.ts).
 */
import { StoreError } from '../ledger/log/ports.ts';
import { StartError } from './start-error.ts';

/**
 * Waits for a command's work.
 * @param undone what was not done, as the beginning of a sentence: `nothing was restored`
 * @throws StartError `disk-refused`; everything else as it was
 */
export async function orDiskRefused<T>(undone: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error && isOfTheDisk(error))) throw error;
    throw new StartError('disk-refused', `${undone}: ${reasons(error).join(': ')}`, { cause: error });
  }
}

/** Codes of system calls (ENOSPC) and of LevelDB (LEVEL_DATABASE_NOT_OPEN) are in capitals; a store says `failed` of either. */
function isOfTheDisk(error: Error): boolean {
  if (error instanceof StoreError) return error.code === 'failed';
  const code = 'code' in error ? String(error.code) : '';
  return 'syscall' in error || code.startsWith('LEVEL_');
}

/** What each error in a chain of causes says: the last one names the file and why. */
function reasons(error: Error): string[] {
  return error.cause instanceof Error ? [error.message, ...reasons(error.cause)] : [error.message];
}
