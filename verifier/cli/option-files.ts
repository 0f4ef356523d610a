// Names of files that would be taken for options. A shell puts the names of a folder on the command line as they are (`*`), and whoever
// made the files chose the names: `--trust=mine.json`. Shared by both programs. Not here: what options mean.

import { lstat } from 'node:fs/promises';

/**
 * The first argument that reads as an option although a file has this very name: it cannot be told what it is meant to be.
 * @param args what stands after the program's name; behind `--` nothing reads as an option
 */
export async function fileReadAsOption(args: readonly string[]): Promise<string | undefined> {
  const end = args.indexOf('--');
  const options = (end < 0 ? args : args.slice(0, end + 1)).filter((arg) => arg.startsWith('-'));
  for (const option of options) {
    // A link to nowhere has a name too. What the file system refuses to look up is no name that a shell found.
    if (await lstat(option).then(Boolean, () => false)) return option;
  }
  return undefined;
}

/** What to tell the person who typed it. */
export function notAnOption(name: string): string {
  return `${name}: 此处有同名文件，请将文件写作 ./${name}（或 ./*） a file here has this name: write files as ./${name} (or ./*)`;
}
