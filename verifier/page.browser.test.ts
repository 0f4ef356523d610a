// The verifier in a real browser: core and renderer bundled into one HTML file, opened from disk in headless Chromium under a
// policy that forbids every request. It must give the very report that the library gives in Node, for every vector.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { build } from 'esbuild';
import { FONT_FILES } from '../certs/render/fonts.ts';
import { comparable, conformanceVectors, type Vector } from './conformance.ts';
import type { Report } from './core/report.ts';
import { verify } from './core/verify.ts';
import { evidenceOf, NOW_MS, rerender } from './testing.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? 'chromium';
// No proxy, no component updates, no lookups: whatever the browser itself would ask the network for is switched off too.
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** What runs in the page: it finds its input in the document, and leaves the reports there. */
const PAGE = `
  import { loadFonts } from '../certs/render/fonts.ts';
  import { renderCertificate } from '../certs/render/render.ts';
  import { verify } from './core/verify.ts';
  const { fonts, vectors } = JSON.parse(document.getElementById('input').textContent);
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const loaded = loadFonts((name) => bytes(fonts[name]));
  const rerender = async (source) => (await renderCertificate(source, loaded)).bytes;
  const inputs = vectors.map((v) => ({ ...v, certificate: bytes(v.certificate), trust: bytes(v.trust), rerender }));
  Promise.all(inputs.map(verify))
    .then((reports) => JSON.stringify({ reports, node: ['process', 'Buffer', 'require'].filter((name) => name in globalThis) }))
    .catch((error) => JSON.stringify({ error: String(error.stack) }))
    .then((text) => {
      document.body.textContent = 'OUT:' + btoa(String.fromCharCode(...new TextEncoder().encode(text))) + ':OUT';
    });
`;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function pageOf(inputs: readonly object[]): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    write: false,
    // pdfkit names its built-in colour profile by a URL beside itself; in one file any base does.
    define: { 'import.meta.url': '"file:///"' },
  });
  const { resolve } = createRequire(import.meta.url);
  const fonts = Object.fromEntries(
    Object.entries(FONT_FILES).map(([name, { path }]) => [name, base64(readFileSync(resolve(path)))]),
  );
  const input = JSON.stringify({ fonts, vectors: inputs }).replaceAll('<', '\\u003c');
  const script = (outputFiles[0]?.text ?? '').replaceAll('</script', '<\\/script');
  return `<!doctype html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'">
<body><script type="application/json" id="input">${input}</script><script>${script}</script></body>`;
}

describe('verifier in a browser', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'probata-browser-'));
    await promisify(execFile)(CHROMIUM, ['--version']).catch((cause) => {
      console.error(`\n!!! ${CHROMIUM} is missing: the verifier has NOT been tested in a browser !!!\n`);
      throw cause;
    });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('gives every vector the report that the library gives in Node', async () => {
    const vectors = await conformanceVectors();
    const inputs = vectors.map(({ certificate, trust, files, certificateOnly = false }: Vector) => ({
      certificate,
      trust,
      evidence: files.map(evidenceOf),
      certificateOnly,
      nowMs: NOW_MS,
    }));
    const page = join(folder, 'page.html');
    await writeFile(
      page,
      await pageOf(inputs.map((v) => ({ ...v, certificate: base64(v.certificate), trust: base64(v.trust) }))),
    );
    const args = [...FLAGS.split(' '), `--user-data-dir=${join(folder, 'profile')}`, '--virtual-time-budget=100000'];
    const options = { maxBuffer: 1 << 28, timeout: 110_000 };
    const { stdout } = await promisify(execFile)(CHROMIUM, [...args, '--dump-dom', pathToFileURL(page).href], options);
    const out = /OUT:([A-Za-z0-9+/=]*):OUT/.exec(stdout)?.[1] ?? '';
    const { reports, error, node } = JSON.parse(Buffer.from(out, 'base64').toString() || '{"error":"no answer"}');
    expect(error).to.equal(undefined);
    expect(node, 'nothing of Node in the page').to.deep.equal([]);
    for (const [i, input] of inputs.entries()) {
      const expected: Report = await verify({ ...input, rerender });
      expect(comparable(reports[i]), vectors[i]?.name).to.deep.equal(comparable(expected));
      expect(reports[i].outcome, vectors[i]?.name).to.equal(vectors[i]?.outcome);
    }
  });
});
