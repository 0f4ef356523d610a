/**
 * A rig for each endpoint of one member: 100,000 mutated messages, sent to running processes over kept connections on loopback. Nothing ends,
 * changes, grows or is answered as it should not be. The control puts a proxy before the process that answers one refusal in six as a careless
 * server would: with 500, with 200, or by taking it in. Each member's endpoints are a test file of their own, so that two can run at once.
 */
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { noteRow } from '../../fixtures/tables.ts';
import { type Endpoint, type Target, throwMutants } from './bad-input.ts';
import { cosignerEndpoints } from './cosigner-endpoints.ts';
import { platformEndpoints } from './platform-endpoints.ts';
import { Scene } from './scene.ts';

const SEED = 20261125;
/** At each of fifteen endpoints in a full run; a share of a run takes the square of the share, or it would be most of it. */
const MUTANTS = 100_000;
const CONTROL_MUTANTS = 300;

let started: Promise<Scene> | undefined;

function scene(): Promise<Scene> {
  started ??= Scene.start();
  return started;
}

export type Victim = 'court-1' | 'arbitration-1' | 'platform';

/** Defines the rigs of a member's endpoints, at a consortium that the test file starts and ends. */
export function defineBadInput(member: Victim, endpoints: readonly string[]): void {
  after(async function () {
    this.timeout(300_000);
    const scene = await started;
    // Another file may come next in the same process.
    started = undefined;
    await scene?.end();
  });
  for (const name of endpoints.map((what) => `${member} ${what}`)) {
    defineRig({
      id: 'bad input',
      name,
      seed: SEED,
      run: async () => {
        const { endpoint, target } = await find(member, name);
        const outcome = await throwMutants(endpoint, target, rounds(rounds(MUTANTS)), SEED);
        const [middle, end] = outcome.rssKiB;
        noteRow('bad input: resident memory, KiB', name, { endpoint: name, mutants: outcome.n, middle, end });
        return outcome;
      },
      without: 'refusals (a proxy answers 500 or 200, or takes the message in)',
      control: () => careless(member, name),
    });
  }
}

async function find(member: Victim, name: string): Promise<{ endpoint: Endpoint; target: Target }> {
  const at = await scene();
  const endpoints = await (member === 'platform' ? platformEndpoints(at) : cosignerEndpoints(at, member));
  const endpoint = endpoints.find((one) => one.name === name);
  if (endpoint === undefined) throw new Error(`no endpoint ${name}`);
  return { endpoint, target: at.target(member) };
}

/** The same mutants through a careless server. Each of its three faults must be seen. */
async function careless(member: Victim, name: string): Promise<Tally> {
  const at = await scene();
  const { endpoint, target } = await find(member, name);
  const proxy = await openProxy(target.port, () => at.harm());
  try {
    const port = (proxy.address() as AddressInfo).port;
    const outcome = await throwMutants(endpoint, { ...target, port }, CONTROL_MUTANTS, SEED);
    for (const seen of [/: 500 /, /: 200 /, /state changed/])
      if (!outcome.failures.some((failure) => seen.test(failure))) throw new Error(`the rig does not see ${seen}`);
    return outcome;
  } finally {
    proxy.close();
    proxy.closeAllConnections();
  }
}

/** @param harm takes in what the process refused */
function openProxy(port: number, harm: () => Promise<void>): Promise<Server> {
  let refusals = 0;
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const forward = request({ port, host: '127.0.0.1', method, path: url, headers }, async (answer) => {
      const refused = (answer.statusCode ?? 0) >= 400;
      if (refused) refusals++;
      const fault = refused && refusals % 6 === 0 ? (refusals / 6) % 2 : undefined;
      if (refused && refusals === 10) await harm();
      const status = fault === undefined ? answer.statusCode : fault === 0 ? 500 : 200;
      outgoing.writeHead(status ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forward.on('error', () => outgoing.destroy());
    incoming.on('error', () => forward.destroy());
    incoming.pipe(forward);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
