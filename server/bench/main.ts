/**
 * `npm run bench`: how fast and how large a consortium on this machine is, each figure beside a baseline of the same run.
 * All seven processes and the client share the machine: these are floors, to compare commits with, not promises.
 */
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { ProcessConsortium } from '../processes/testing.ts';
import { bareKoa, bareLevel, bareSign, bareVerify, serveBareKoa } from './baselines.ts';
import {
  batchEntries,
  certificates,
  quorumLatency,
  type Rate,
  singleDeposits,
  verifications,
  WRITERS,
} from './figures.ts';
import { formatTable, latencies, perSecond, type Row, residentMegabytes, type Timed } from './measure.ts';

/** Ed25519 signatures on a checkpoint that all members have cosigned, and the log's. */
const SIGNATURES = 7;
const LEVEL_BATCH = 256;

if (process.argv[2] === 'bare-koa') await serveBareKoa();
else await bench();

async function bench(): Promise<void> {
  const startMs = performance.now();
  const consortium = await ProcessConsortium.start();
  const readySeconds = secondsSince(startMs);
  try {
    const certificate = await certifiedDeposit(consortium);
    const trust = new Uint8Array(readFileSync(join(consortium.data, 'trust.json')));
    const koa = await bareKoa(WRITERS);
    const online = [...(await ledgerRows(consortium, koa)), await certificateRow(consortium, certificate)];
    const memory = memoryRows(consortium, koa.megabytes);
    await consortium.end();
    const rows = [startRow(readySeconds), ...online, ...(await verifierRows(certificate, trust)), ...memory];
    console.log(`${machine()}\n\n${formatTable(rows)}\n\nwhole run ${secondsSince(startMs).toFixed(0)} s`);
  } finally {
    await consortium.remove();
  }
}

function secondsSince(startMs: number): number {
  return (performance.now() - startMs) / 1000;
}

function machine(): string {
  const [processor] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${processor?.model.trim() ?? 'unknown processor'} x ${cpus().length}, ${memory} GB, Node ${process.version}, ${process.platform}`;
}

/** In this order: what is owed certificates comes last, because drawing them uses the processors. */
async function ledgerRows(consortium: ProcessConsortium, koa: Timed): Promise<Row[]> {
  const [latency, commit] = [await quorumLatency(consortium), await bareLevel(1)];
  const [batch, level] = [await batchEntries(consortium), await bareLevel(LEVEL_BATCH)];
  const single = await singleDeposits(consortium);
  return [
    {
      figure: 'request to quorum, idle',
      measured: latencies(latency),
      baseline: `${latencies(commit)} for one level sync write`,
      n: latency.n,
      seconds: latency.seconds,
    },
    {
      figure: 'one batch of digests until published, entries',
      ...rate(batch),
      baseline: `${perSecond(level.rate * LEVEL_BATCH)} values in level sync batches of ${LEVEL_BATCH}`,
    },
    {
      figure: `single deposits until published, ${WRITERS} at a time`,
      ...rate(single),
      baseline: `${perSecond(koa.rate)} POSTs to a bare koa`,
    },
  ];
}

async function certificateRow(consortium: ProcessConsortium, certificate: Uint8Array): Promise<Row> {
  const drawn = await certificates(consortium);
  const signed = await bareSign(certificate);
  const baseline = `${perSecond(signed.rate)} P-256 signatures over its bytes, node:crypto`;
  return { figure: 'certificates issued and verified', ...rate(drawn), baseline };
}

async function verifierRows(certificate: Uint8Array, trust: Uint8Array): Promise<Row[]> {
  const { whole, withoutPages } = await verifications(certificate, trust);
  const bare = await bareVerify(certificate, SIGNATURES);
  const baseline = `${perSecond(bare.rate)} SHA-256 of it and ${SIGNATURES} Ed25519 checks, node:crypto`;
  return [
    { figure: 'verifications, pages drawn again', ...rate(whole), baseline },
    { figure: 'verifications without the pages', ...rate(withoutPages), baseline },
  ];
}

function rate({ n, seconds }: Rate): { measured: string; n: number; seconds: number } {
  return { measured: perSecond(n / seconds), n, seconds };
}

/** A certificate to verify; drawing it also warms the platform up. */
async function certifiedDeposit(consortium: ProcessConsortium): Promise<Uint8Array> {
  const id = await consortium.deposit();
  if (typeof id !== 'string') throw new Error(`the deposit was answered with ${id}`);
  await consortium.reaches(id, 'certified');
  const answer = await consortium.api(`/api/v1/deposits/${id}/certificate`);
  if (answer?.status !== 200) throw new Error('there is no certificate');
  return answer.body;
}

function startRow(seconds: number): Row {
  const measured = `${seconds.toFixed(1)} s`;
  return { figure: 'empty folder to ready, seven processes', measured, baseline: '-', n: 1, seconds };
}

function memoryRows(consortium: ProcessConsortium, bareMegabytes: number): Row[] {
  return ['platform', 'court-1', 'arbitration-1'].map((name) => ({
    figure: `resident memory after the load, ${name}`,
    measured: `${residentMegabytes(consortium.pid(name)).toFixed(0)} MB`,
    baseline: `${bareMegabytes.toFixed(0)} MB a bare koa, from source`,
    n: 1,
    seconds: 0,
  }));
}
