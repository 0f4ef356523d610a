import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { FONT_FILES, type FontName } from './fonts.ts';
import { readFontFile } from './fonts-node.ts';
import { LIBRARIES, rendererId } from './renderer-id.ts';

describe('certs/render/renderer-id', () => {
  it('names the versions that are installed', () => {
    for (const [name, version] of Object.entries(LIBRARIES)) {
      const manifest = readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8');
      expect((JSON.parse(manifest) as { version: string }).version, name).to.equal(version);
    }
  });

  it('names the fonts that are installed', () => {
    for (const name of Object.keys(FONT_FILES) as FontName[]) {
      const digest = createHash('sha256').update(readFontFile(name)).digest('hex');
      expect(digest, name).to.equal(FONT_FILES[name].sha256);
    }
  });

  it('is a digest', () => {
    expect(rendererId()).to.match(/^[0-9a-f]{64}$/);
  });
});
