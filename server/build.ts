/** Which build this is: the package's name and version, for the record and for people. The same from source and from dist/. */
import { readFileSync } from 'node:fs';

/** `probata 0.1.0` */
export function buildId(): string {
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return `${name} ${version}`;
}
