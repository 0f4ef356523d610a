/**
 * `probata check-report`: does this file prove misbehaviour to someone who has nothing but a trust bundle, or the log's key?
 * Exit 0 it does, 1 it does not, 64 when it cannot be asked: a file that cannot be read, no keys, an omission report without a trust bundle.
 */
import { readFileSync, statSync } from 'node:fs';
import { utf8Decode } from '../../ledger/core/bytes.ts';
import { openHeld } from '../../ledger/core/epoch.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { checkForkReport, FORK_KIND, type ProvenFork } from '../../ledger/core/fork-report.ts';
import { parseVkey, type VerifierKey } from '../../ledger/core/note.ts';
import { checkOmissionReport, OMISSION_KIND } from '../../ledger/core/omission-report.ts';
import { kindOf, malformed } from '../../ledger/core/report.ts';
import type { Text } from '../../verifier/core/messages.ts';
import type { Trust } from '../../verifier/core/trust.ts';
import { StartError } from '../start-error.ts';
import type { Terminal } from './context.ts';
import { forkText, omissionText, refusalText } from './report-words.ts';
import { logKeysOf, readTrust } from './trust.ts';

const EXIT_PROVEN = 0;
const EXIT_UNPROVEN = 1;
const EXIT_USAGE = 64;

/** Above every report that our own limits let anybody write. */
const FILE_BYTES_MAX = 67_108_864;

/** Whose signatures count. */
interface Believed {
  readonly logKeys: readonly VerifierKey[];
  readonly trust: Trust | undefined;
}

/**
 * Checks one report and says what it proves.
 * @returns the exit code
 */
export function checkReport(
  file: string,
  options: { readonly trust?: string; readonly vkey?: readonly string[] },
  terminal: Terminal,
): number {
  try {
    const report = readReport(file);
    const text = proven(report, readBelieved(options));
    terminal.out(text.zh);
    terminal.out(text.en);
    return EXIT_PROVEN;
  } catch (error) {
    if (error instanceof StartError) {
      terminal.err(`probata: ${error.message}`);
      return EXIT_USAGE;
    }
    if (!(error instanceof LedgerError)) throw error;
    const text = refusalText(error);
    terminal.out(text.zh);
    terminal.out(text.en);
    return EXIT_UNPROVEN;
  }
}

/** @throws LedgerError when it proves nothing */
function proven(report: string, { logKeys, trust }: Believed): Text {
  switch (kindOf(report)) {
    case FORK_KIND:
      return forkText(provenFork(report, { logKeys, trust }), trust);
    case OMISSION_KIND:
      if (trust === undefined)
        throw new StartError(
          'input-missing',
          'an omission report is checked with a trust bundle: name it with --trust',
        );
      return omissionText(checkOmissionReport(report, trust), trust);
    default:
      throw malformed('no kind of report that this program knows');
  }
}

/** A bundle knows up to which size each key was the log's: beyond it, whoever signs with the key accuses nobody. */
function provenFork(report: string, { logKeys, trust }: Believed): ProvenFork {
  const fork = checkForkReport(report, logKeys);
  if (trust !== undefined) for (const { note } of [fork.newer, fork.older]) openHeld(note, trust.epochs);
  return fork;
}

function readBelieved({ trust, vkey }: { trust?: string; vkey?: readonly string[] }): Believed {
  if (trust !== undefined) {
    const read = readTrust(trust);
    return { logKeys: logKeysOf(read), trust: read };
  }
  if (vkey === undefined)
    throw new StartError('input-missing', 'name the trust bundle with --trust, or the log’s key with --vkey');
  return { logKeys: vkey.map(readVkey), trust: undefined };
}

function readVkey(text: string): VerifierKey {
  try {
    return parseVkey(text);
  } catch (cause) {
    throw new StartError('input-malformed', `${JSON.stringify(text.slice(0, 80))} is not a vkey`, { cause });
  }
}

/** The text of a file; a file that is no text is no report. */
function readReport(path: string): string {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw malformed(`larger than ${FILE_BYTES_MAX} bytes`);
    return utf8Decode(new Uint8Array(readFileSync(path))) ?? '';
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw new StartError('input-missing', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
  }
}
