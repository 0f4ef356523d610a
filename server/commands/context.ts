/** What every command of `probata` is defined with. Not here: what the commands do, and which there are (program.ts). */
import { InvalidArgumentError } from 'commander';

/** What a program has of the outside. Lines come without their newline. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  out(line: string): void;
  err(line: string): void;
}

export interface Context extends Terminal {
  /** The platform's port when no option says otherwise. */
  readonly port: number;
  /** The program's exit code, once the command has ended. */
  exit(code: number): void;
}

/** Reads an option that is a whole number. */
export function countOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`a whole number from ${min} to ${max}.`);
    return value;
  };
}
