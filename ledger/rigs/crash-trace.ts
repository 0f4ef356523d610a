// Test support: the file effects of a process, as `strace` wrote them down: what it did to the files below one folder, in order.

import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { utf8Decode } from '../core/bytes.ts';

/** One effect that succeeded. Paths are absolute; descriptors are those of the process. */
export type Effect =
  | {
      readonly kind: 'open';
      readonly path: string;
      readonly fd: number;
      readonly creates: boolean;
      readonly truncates: boolean;
    }
  | { readonly kind: 'write'; readonly fd: number; readonly bytes: Uint8Array; readonly at: number | undefined }
  | { readonly kind: 'sync'; readonly fd: number; readonly path: string }
  | { readonly kind: 'close'; readonly fd: number }
  | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'unlink' | 'mkdir'; readonly path: string };

const CALLS = 'openat,open,creat,write,pwrite64,fsync,fdatasync,rename,link,unlink,mkdir,rmdir,close';
/** Calls that would change files and that nothing here expects: traced, so that they are not overlooked. */
const UNEXPECTED = 'writev,pwritev,ftruncate,truncate,linkat,renameat,renameat2,unlinkat,mkdirat,fallocate';

/** Runs a program under strace. @returns its effects; it must end with code 0, or by SIGKILL */
export async function trace(program: string, args: readonly string[], folder: string): Promise<Effect[]> {
  const out = `${folder}.trace`;
  const strace = [
    '-f',
    '-qq',
    '-xx',
    '-s',
    '2000000',
    '-e',
    `trace=${CALLS},${UNEXPECTED}`,
    '-e',
    'signal=none',
    '-o',
    out,
  ];
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
  const child = spawn('strace', [...strace, process.execPath, program, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...how) => resolve(how));
  });
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the traced program ended with ${code ?? signal}`);
  const effects = parseTrace(await readFile(out, 'latin1'), folder);
  await rm(out);
  return effects;
}

/** Reads strace's lines. Calls that another thread interrupted in the output are put together; a call happens where it returns. */
function parseTrace(text: string, folder: string): Effect[] {
  const begun = new Map<string, string>();
  const effects: Effect[] = [];
  /** Standard output, and what is open below the folder. */
  const open = new Map([[1, '']]);
  for (const line of text.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const start = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (start !== undefined) {
      begun.set(thread, start);
      continue;
    }
    const end = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const call = end === undefined ? rest : `${begun.get(thread)}${end}`;
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/.exec(call) ?? [];
    const effect = name === '' || result.startsWith('-') ? undefined : effectOf(name, args, Number(result), folder);
    if (effect === undefined || ('fd' in effect && effect.kind !== 'open' && !open.has(effect.fd))) continue;
    if (effect.kind === 'open') open.set(effect.fd, effect.path);
    if (effect.kind === 'close') open.delete(effect.fd);
    effects.push(effect.kind === 'sync' ? { ...effect, path: open.get(effect.fd) ?? '' } : effect);
  }
  return effects;
}

function effectOf(name: string, args: string, result: number, folder: string): Effect | undefined {
  const [text = '', second = ''] = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => match[1] ?? '');
  const fd = Number.parseInt(args, 10);
  const path = utf8Decode(unescaped(text)) ?? '';
  if (name === 'write' || name === 'pwrite64') {
    const at = name === 'pwrite64' ? Number(args.slice(args.lastIndexOf(',') + 1)) : undefined;
    return { kind: 'write', fd, bytes: unescaped(text).slice(0, result), at };
  }
  if (name === 'fsync' || name === 'fdatasync') return { kind: 'sync', fd, path: '' };
  if (name === 'close') return { kind: 'close', fd };
  if (!path.startsWith(folder)) return undefined;
  if (name === 'openat' || name === 'open') {
    return { kind: 'open', path, fd: result, creates: args.includes('O_CREAT'), truncates: args.includes('O_TRUNC') };
  }
  if (name === 'rename' || name === 'link') return { kind: name, path, to: utf8Decode(unescaped(second)) ?? '' };
  if (name === 'unlink' || name === 'rmdir') return { kind: 'unlink', path };
  if (name === 'mkdir') return { kind: 'mkdir', path };
  throw new Error(`the trace holds a call that nobody replays: ${name}(${args.slice(0, 200)})`);
}

function unescaped(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll('\\x', ''), 'hex'));
}
