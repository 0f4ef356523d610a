// The renderer as a browser runs it: bundled for one, without anything of Node, and the same bytes.

import { createContext, runInContext } from 'node:vm';
import { expect } from 'chai';
import { build } from 'esbuild';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { proofBytes, sampleFile, sampleProof, sampleRecord } from '../testing.ts';
import { nodeFonts, readFontFile } from './fonts-node.ts';
import { type RenderInput, renderCertificate } from './render.ts';

async function bundle(): Promise<string> {
  const contents = `
    import { renderCertificate } from './render.ts';
    import { loadFonts } from './fonts.ts';
    globalThis.draw = async (input, read) =>
      (await renderCertificate({ ...input, record: new Uint8Array(input.record), proof: new Uint8Array(input.proof) },
        loadFonts((name) => new Uint8Array(read(name))))).bytes;`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    // pdfkit names its colour profile by a URL beside its own file; any base will do, the profile is in the bundle.
    define: { 'import.meta.url': '"file:///"' },
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

/** What every browser has and a bare JavaScript context lacks; arrays must be of the context's own kind. */
const PLATFORM = `
  globalThis.TextEncoder = class { encode(text) { return new Uint8Array(outer.encode(text)); } };
  globalThis.TextDecoder = class {
    constructor(label, options) { this.inner = outer.decoder(label, options); }
    decode(bytes) { return this.inner.decode(bytes); }
  };`;

describe('certs/render in a browser', () => {
  it('draws the same bytes without Node', async () => {
    const built = sampleRecord([sampleFile('张喆 𠮷 عقد חוזה 👍🏽.pdf')]);
    const proof = proofBytes(await sampleProof(built));
    const input: RenderInput = { record: built.bytes, proof, signedAt: '2026-11-22T07:52:36Z', contentsBytes: 4_096 };
    const here = await renderCertificate(input, nodeFonts());

    const outer = {
      encode: (text: string) => new TextEncoder().encode(text),
      decoder: (label: string, options: object) => new TextDecoder(label, options),
    };
    const context = createContext({ outer, input, read: readFontFile, atob, URL });
    runInContext(PLATFORM, context);
    runInContext(await bundle(), context);
    const there: Uint8Array = await runInContext('draw(input, read)', context);
    expect(hexEncode(sha256(new Uint8Array(there)))).to.equal(hexEncode(sha256(here.bytes)));
  }).timeout(120_000);
});
