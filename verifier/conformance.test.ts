// The conformance vectors through the library and through the built program. In a browser: page.browser.test.ts.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runProgram } from './cli/testing.ts';
import { comparable, conformanceVectors, type Vector } from './conformance.ts';
import type { Report } from './core/report.ts';
import { verify } from './core/verify.ts';
import { evidenceOf, NOW_MS, rerender } from './testing.ts';

const EXIT = { consistent: 0, inconsistent: 1, unverifiable: 2 };

describe('verifier conformance', function () {
  this.timeout(120_000);
  let folder: string;
  let vectors: readonly Vector[];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'probata-conformance-'));
    vectors = await conformanceVectors();
  });
  after(() => rm(folder, { recursive: true }));

  const byLibrary = ({ certificate, trust, files, certificateOnly = false }: Vector): Promise<Report> =>
    verify({ certificate, trust, evidence: files.map(evidenceOf), certificateOnly, nowMs: NOW_MS, rerender });

  it('gives every vector its verdict in the library', async () => {
    for (const vector of vectors) {
      const { outcome, reason } = await byLibrary(vector);
      expect(outcome, `${vector.name}: ${reason?.check} ${reason?.code}`).to.equal(vector.outcome);
      if (vector.check !== undefined)
        expect(reason, vector.name).to.deep.equal({ check: vector.check, code: vector.code });
    }
  });

  it('gives the same report in the program, and the exit code of the verdict', async () => {
    for (const [i, vector] of vectors.entries()) {
      const place = join(folder, String(i));
      await mkdir(place);
      await writeFile(join(place, 'certificate.pdf'), vector.certificate);
      await writeFile(join(place, 'trust.json'), vector.trust);
      for (const { name, bytes } of vector.files) await writeFile(join(place, name), bytes);
      const paths = vector.files.map(({ name }) => join(place, name));
      const only = vector.certificateOnly ? ['--certificate-only'] : [];
      const args = [join(place, 'certificate.pdf'), ...paths, '--trust', join(place, 'trust.json'), '--json', ...only];
      const { code, stdout, stderr } = await runProgram(args);
      expect(code, `${vector.name}: ${stderr}`).to.equal(EXIT[vector.outcome]);
      expect(comparable(JSON.parse(stdout)), vector.name).to.deep.equal(comparable(await byLibrary(vector)));
    }
  });
});
