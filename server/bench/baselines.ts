/**
 * What nothing can avoid, measured in the same run: an HTTP exchange, a durable write, signatures and hashes.
 */
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Koa from 'koa';
import { Level } from 'level';
import { openHttpClient } from '../http/client.ts';
import { readBody } from '../http/request.ts';
import { listen } from '../http/server.ts';
import { digestDeposit } from '../processes/testing.ts';
import { during, residentMegabytes, type Timed } from './measure.ts';

const SECONDS = 3;

/** Posts to a koa app in a process of its own that parses the JSON and answers 202; and how large that process is. */
export async function bareKoa(workers: number): Promise<Timed & { megabytes: number }> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'bare-koa'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const url = String((await lines.next()).value);
  const client = openHttpClient();
  const body = new Uint8Array(Buffer.from(digestDeposit()));
  const request = { method: 'POST' as const, url, body, headers: {}, timeoutMs: 10_000, responseBytesMax: 1000 };
  const result = await during(SECONDS, workers, () => client.http(request));
  const megabytes = residentMegabytes(child.pid ?? 0);
  client.close();
  child.kill();
  return { ...result, megabytes };
}

/** The other side of {@link bareKoa}. */
export async function serveBareKoa(): Promise<void> {
  const app = new Koa();
  app.use(async (ctx) => {
    const deposit = JSON.parse(Buffer.from(await readBody(ctx, 65_536)).toString());
    ctx.status = 202;
    ctx.body = { files: deposit.files.length };
  });
  const server = await listen({ host: '127.0.0.1', port: 0, handler: app.callback() });
  console.log(server.url);
}

/** Durable batches of so many values of 200 bytes, one after the other: `sync: true`, nothing else. */
export async function bareLevel(batchSize: number): Promise<Timed> {
  const dir = mkdtempSync(join(tmpdir(), 'probata-bench-'));
  const db = new Level<string, Uint8Array>(dir, { valueEncoding: 'view' });
  const value = randomBytes(200);
  let key = 0;
  const result = await during(SECONDS, 1, () =>
    db.batch(
      Array.from({ length: batchSize }, () => ({ type: 'put' as const, key: String(key++).padStart(12, '0'), value })),
      { sync: true },
    ),
  );
  await db.close();
  rmSync(dir, { recursive: true });
  return result;
}

/** ECDSA P-256 over the SHA-256 of a certificate's bytes, by node:crypto: what any signed PDF costs. */
export function bareSign(bytes: Uint8Array): Promise<Timed> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return during(1, 1, () => sign('sha256', bytes, privateKey));
}

/** SHA-256 of the bytes and `signatures` Ed25519 verifications by node:crypto: a verifier that checks nothing else. */
export function bareVerify(bytes: Uint8Array, signatures: number): Promise<Timed> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const message = randomBytes(200);
  const signature = sign(null, message, privateKey);
  return during(1, 1, () => {
    createHash('sha256').update(bytes).digest();
    for (let i = 0; i < signatures; i++) verify(null, message, publicKey, signature);
  });
}
