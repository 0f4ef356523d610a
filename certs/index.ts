// The public surface of the certificate layer: reading records and certificates, drawing them again, building and issuing them.

export { type CertCode, CertError } from './core/errors.ts';
export { type CertificatePdf, readCertificatePdf } from './core/pdf-read.ts';
export {
  checkCommitment,
  commitmentOf,
  type Declared,
  type FilePart,
  files,
  formatRecord,
  header,
  parseRecord,
  partLeaf,
  type RecordHeader,
  type RecordMember,
  type ShownPart,
  type ShownRecord,
} from './core/record.ts';
export { buildCommitment, type Commitment } from './issue/bundle-tree.ts';
export { type IssueOptions, issueCertificate } from './issue/issue.ts';
export {
  type BuiltRecord,
  buildRecord,
  type DepositFacts,
  type FileFacts,
  showFiles,
} from './issue/record-builder.ts';
export { type PdfSigner, signPdf } from './issue/sign.ts';
export { FONT_FILES, type FontName, type Fonts, loadFonts } from './render/fonts.ts';
export { nodeFonts } from './render/fonts-node.ts';
export { type RenderedPdf, type RenderInput, renderCertificate, rendererId } from './render/render.ts';
