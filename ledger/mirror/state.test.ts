// Conformance of add-entries, first half: what a mirror answers from its state. Each case names a sentence of c2sp.org/tlog-mirror.

import { utf8Encode } from '../core/bytes.ts';
import { EXCESS_ENTRIES_MAX, PENDING_KEPT } from './state.ts';
import { describeCases, type MirrorBench, type MirrorCase } from './testing.ts';

const CASES: MirrorCase[] = [
  {
    name: 'the whole log at once',
    spec: 'Otherwise, the mirror MUST respond with a "200 Success"',
    status: 200,
    serves: 600,
    act: (bench) => bench.mirrorTo(0, 600),
  },
  {
    name: 'the empty log',
    spec: 'If `upload_start` is equal to `upload_end`, the canonical sequence is empty',
    status: 200,
    serves: 0,
    act: (bench) => bench.mirrorTo(0, 0),
  },
  {
    name: 'growth from the empty log',
    spec: 'update the mirror checkpoint to the pending checkpoint of size `upload_end`',
    status: 200,
    serves: 3,
    act: async (bench) => {
      await bench.mirrorTo(0, 0);
      return bench.mirrorTo(0, 3);
    },
  },
  {
    name: 'growth inside a bundle',
    spec: 'start = max(upload_start, rounded_start + i * 256)',
    status: 200,
    serves: 300,
    act: async (bench) => {
      await bench.mirrorTo(0, 290);
      return bench.mirrorTo(290, 300);
    },
  },
  {
    name: 'growth over bundle and tile borders',
    spec: 'aligned at multiples of 256',
    status: 200,
    serves: 1100,
    act: async (bench) => {
      await bench.mirrorTo(0, 256);
      await bench.mirrorTo(256, 513);
      return bench.mirrorTo(513, 1100);
    },
  },
  {
    name: 'unknown log',
    spec: 'If `log_origin` is not a known log, the mirror MUST respond with a "404 Not Found"',
    status: 404,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 600, { origin: 'other.example' });
    },
  },
  {
    name: 'no pending checkpoint yet',
    spec: 'If the mirror has never received a pending checkpoint signed by the log, the mirror MUST respond with a "422"',
    status: 422,
    act: (bench) => bench.upload(0, 600),
  },
  {
    name: 'an end that was never pending',
    spec: 'If `upload_end` is neither a known pending checkpoint value nor the mirror checkpoint’s tree size … 409',
    status: 409,
    info: [600, 0],
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 500);
    },
  },
  {
    name: 'asking with [0, 0) before anything is mirrored',
    spec: 'Otherwise, the first line SHOULD be the tree size of the current pending checkpoint',
    status: 409,
    info: [600, 0],
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 0);
    },
  },
  {
    name: 'an end below the mirror checkpoint',
    spec: 'If `upload_end` is less than the mirror checkpoint’s tree size, the mirror MUST respond with a "409"',
    status: 409,
    info: [600, 600],
    serves: 600,
    act: async (bench) => {
      await bench.pend(0, 300);
      await bench.mirrorTo(300, 600);
      await bench.upload(0, 600);
      return bench.upload(300, 300);
    },
  },
  {
    name: 'a start after the next entry',
    spec: 'If `upload_start` is greater than the mirror’s next entry, the mirror MUST respond with a "409"',
    status: 409,
    info: [600, 0],
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(256, 600);
    },
  },
  {
    name: 'a ticket that claims a pending checkpoint',
    spec: 'storing the signed checkpoint in the ticket: not believed',
    status: 409,
    info: [600, 0],
    act: async (bench) => {
      await bench.pend(0, 600);
      const { note } = await bench.log.head(500);
      return bench.upload(0, 500, { ticket: utf8Encode(note) });
    },
  },
  {
    name: 'an upload towards a past pending checkpoint',
    spec: 'mirrors SHOULD accept any of the last several pending checkpoint values as `upload_end`',
    status: 200,
    serves: 600,
    act: async (bench) => {
      await bench.pend(0, 600);
      await bench.pend(600, 700);
      return bench.upload(0, 600);
    },
  },
  {
    name: `the oldest of the last ${PENDING_KEPT}`,
    spec: 'the mirror can maintain state … to determine known pending checkpoint values',
    status: 200,
    serves: 1,
    act: async (bench) => {
      await pendMany(bench, PENDING_KEPT);
      return bench.upload(0, 1);
    },
  },
  {
    name: `one older than the last ${PENDING_KEPT}`,
    spec: 'neither a known pending checkpoint value …',
    status: 409,
    info: [PENDING_KEPT + 1, 0],
    act: async (bench) => {
      await pendMany(bench, PENDING_KEPT + 1);
      return bench.upload(0, 1);
    },
  },
  {
    name: 'the mirror checkpoint’s size, long after it was pending',
    spec: 'nor the mirror checkpoint’s tree size',
    status: 200,
    serves: 1,
    act: async (bench) => {
      await bench.mirrorTo(0, 1);
      await pendMany(bench, PENDING_KEPT + 1, 1);
      return bench.upload(1, 1);
    },
  },
  {
    name: 'a commit behind the next entry',
    spec: 'Once all expected entry packages are successfully validated and committed, the next entry will be greater or equal to `upload_end`',
    status: 200,
    serves: 300,
    act: async (bench) => {
      await bench.pend(0, 300);
      await bench.pend(300, 900);
      await bench.upload(0, 900, { packages: 3 });
      return bench.upload(300, 300);
    },
  },
  {
    name: 'the rest after a commit behind the next entry',
    spec: 'the mirror MUST act on some valid copy of its pending checkpoint and next index state',
    status: 200,
    serves: 900,
    act: async (bench) => {
      await bench.pend(0, 300);
      await bench.pend(300, 900);
      await bench.upload(0, 900, { packages: 3 });
      await bench.upload(300, 300);
      return bench.upload(768, 900);
    },
  },
  {
    name: 'a start too early, with the next entry beyond the end',
    spec: 'a next entry ahead of the first line would have the client come back with a start after its end',
    status: 409,
    info: [9500, 9472],
    act: async (bench) => {
      await bench.pend(0, 8500);
      await bench.pend(8500, 9500);
      await bench.upload(0, 9500, { packages: 37 });
      return bench.upload(0, 8500, { packages: 1 });
    },
  },
  {
    name: 'one excess entry too many',
    spec: 'If `excess_entries` is too large … 409; the first line SHOULD contain `upload_end`',
    status: 409,
    info: [9500, 9472],
    act: async (bench) => {
      await bench.pend(0, 9500);
      await bench.pend(9500, 9600);
      await bench.upload(0, 9500, { packages: 37 });
      return bench.upload(9472 - EXCESS_ENTRIES_MAX - 1, 9500, { packages: 1 });
    },
  },
  {
    name: 'as many excess entries as allowed',
    spec: 'Let `excess_entries = min(upload_end, next_entry) - upload_start`',
    status: 202,
    info: [9500, 9472],
    act: async (bench) => {
      await bench.pend(0, 9500);
      await bench.upload(0, 9500, { packages: 37 });
      return bench.upload(9472 - EXCESS_ENTRIES_MAX, 9500, { packages: 1 });
    },
  },
];

/** Pending checkpoints of sizes from + 1, from + 2, … */
async function pendMany(bench: MirrorBench, count: number, from = 0): Promise<void> {
  for (let size = from + 1; size <= from + count; size++) await bench.pend(size - 1, size);
}

describeCases('mirror: add-entries and its state', CASES);
