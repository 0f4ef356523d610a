// The digest of this program: SHA-256 over the lines `<sha256>  <file name>\n` of its own files, sorted by name.
// Its own files are the program's entry and everything it imports by a relative path, as built into dist/; so
// `sha256sum` over those files, sorted by name, gives the same lines and the same digest. The npm packages it also loads
// are pinned by the digests in package-lock.json and are not part of this number.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

// What a bundler writes: `from"./x.js"`, `import"./x.js"`, `import("./x.js")`, with or without spaces.
const RELATIVE_IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*["'](\.\.?\/[^"']+)["']/g;

/**
 * @param entry URL of the program's entry
 * @returns lower-case hex
 */
export function toolDigest(entry: string): string {
  const lines = ownFiles(entry)
    .map((url) => `${sha256(readFileSync(fileURLToPath(url)))}  ${basename(fileURLToPath(url))}\n`)
    .sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1));
  return sha256(lines.join(''));
}

/** URLs of the entry and of all files it imports by a relative path, directly or not. */
export function ownFiles(entry: string): string[] {
  const found = new Set([entry]);
  for (const url of found) {
    for (const [, specifier = ''] of readFileSync(fileURLToPath(url), 'utf8').matchAll(RELATIVE_IMPORT)) {
      found.add(new URL(specifier, url).href);
    }
  }
  return [...found];
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
