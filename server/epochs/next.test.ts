/** Moving a proven change into place: cut short after any step, the next attempt ends in the same folder. */
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { install, isProposed, isProven } from './next.ts';

const MOVED = ['keys/log.pem', 'keys/pdf.pem', 'config.json', 'trust.json'];

/** A platform's folder with a proven change of two keys. */
function proven(): string {
  const dir = mkdtempSync(join(tmpdir(), 'probata-next-'));
  for (const folder of ['keys', 'next/keys']) mkdirSync(join(dir, folder), { recursive: true });
  for (const file of [...MOVED, 'keys/receipt.pem']) writeFileSync(join(dir, file), `old ${file}`);
  for (const file of MOVED) writeFileSync(join(dir, 'next', file), `new ${file}`);
  for (const file of ['statement.json', 'follows']) writeFileSync(join(dir, 'next', file), '{}');
  return dir;
}

function contents(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((path) => [path.slice(dir.length + 1), readFileSync(path, 'utf8')]));
}

const DONE = {
  ...Object.fromEntries(
    MOVED.flatMap((file) => [
      [file, `new ${file}`],
      [`epochs/3/${file}`, `old ${file}`],
    ]),
  ),
  'keys/receipt.pem': 'old keys/receipt.pem',
};

/** The steps of an install, as a crash leaves them done or not. */
function steps(dir: string): (() => void)[] {
  return [
    () => rmSync(join(dir, 'next/statement.json')),
    () => rmSync(join(dir, 'next/follows')),
    ...MOVED.flatMap((file) => [
      () => {
        mkdirSync(join(dir, 'epochs/3/keys'), { recursive: true });
        linkSync(join(dir, file), join(dir, 'epochs/3', file));
      },
      () => renameSync(join(dir, 'next', file), join(dir, file)),
    ]),
  ];
}

describe('server/epochs next', () => {
  it('moves keys, configuration and bundle into place, keeps what was there, and leaves nothing to do', () => {
    const dir = proven();
    expect([isProposed(dir), isProven(dir)]).to.deep.equal([true, true]);
    install(dir, 3);
    expect(contents(dir)).to.deep.equal(DONE);
    expect([isProposed(dir), isProven(dir), existsSync(join(dir, 'next'))]).to.deep.equal([false, false, false]);
    rmSync(dir, { recursive: true });
  });

  it('ends in the same folder from wherever it was cut short, and has a bundle in place all the time', () => {
    for (let done = 0; done <= steps('').length; done++) {
      const dir = proven();
      for (const step of steps(dir).slice(0, done)) {
        step();
        expect(existsSync(join(dir, 'trust.json')), `after ${done} steps`).to.equal(true);
      }
      // Once the bundle itself is moved, nothing is proposed any more: what is left of `next` is empty.
      expect(isProven(dir), `after ${done} steps`).to.equal(done < steps('').length);
      if (isProven(dir)) {
        install(dir, 3);
        expect(contents(dir), `after ${done} steps`).to.deep.equal(DONE);
      }
      rmSync(dir, { recursive: true });
    }
  });
});
