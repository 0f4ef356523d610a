/** The PDF reader on real certificates, on other people's PDFs, on turned bytes, and on files made to exhaust it. */

import { expect } from 'chai';
import PDFDocument from 'pdfkit';
import { bytesOf, edit, setByteRange, textOf } from '../../fixtures/hostile/surgery.ts';
import { concat, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { createConsortium, type TestCertificate } from '../../verifier/testing.ts';
import { codeOf } from '../issue/testing.ts';
import { rendererId } from '../render/render.ts';
import { checkDocumentSignature } from './document-signature.ts';
import { ATTACHMENT_NAMES, PDF_BYTES_MAX, readCertificatePdf } from './pdf-read.ts';

describe('certificate PDF', () => {
  let certificate: TestCertificate;
  before(async () => {
    certificate = await (await createConsortium()).certify();
  });

  const read = (bytes: Uint8Array): string | undefined => codeOf(() => readCertificatePdf(bytes));
  const messageOf = (bytes: Uint8Array): string => {
    try {
      readCertificatePdf(bytes);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('gives the attachments byte for byte, the time of signing, and what is signed', () => {
    const { pdf, recordBytes, proofBytes } = certificate;
    const found = readCertificatePdf(pdf);
    expect(found.attachments['record.json']).to.deep.equal(recordBytes);
    expect(found.attachments['deposit.tlog-proof']).to.deep.equal(proofBytes);
    expect(found.signedAt).to.equal('2026-05-03T09:42:20Z');
    expect(found.renderer).to.equal(rendererId());
    const [, start, end, rest] = found.signatureByteRange;
    expect(utf8Decode(pdf.subarray(start, start + 1))).to.equal('<');
    expect(utf8Decode(pdf.subarray(end - 1, end))).to.equal('>');
    expect(end - start).to.equal(2 * found.contentsBytes + 2);
    expect(end + rest).to.equal(pdf.length);
    expect(concat(...found.signedBytes)).to.deep.equal(concat(pdf.subarray(0, start), pdf.subarray(end)));
  });

  it('is read the same when something stands before it in memory', () => {
    const { pdf } = certificate;
    const shifted = concat(new Uint8Array(7), pdf).subarray(7);
    expect(readCertificatePdf(shifted)).to.deep.equal(readCertificatePdf(pdf));
  });

  it('is refused with one bit turned, wherever: 80 places, and all of the last 30 bytes', () => {
    const { pdf } = certificate;
    const [, start, end] = readCertificatePdf(pdf).signatureByteRange;
    const behind = start + 1 + 2 * readCertificatePdf(pdf).cms.length;
    const step = Math.floor(pdf.length / 80);
    const spread = Array.from({ length: 80 }, (_, i) => i * step + (i % step));
    const last = Array.from({ length: 30 }, (_, i) => pdf.length - 1 - i);
    // Inside the signature value: document-signature.test.ts.
    for (const at of [...spread, ...last].filter((place) => place < start || place >= behind)) {
      const turned = pdf.slice();
      turned[at] = turned[at]! ^ (1 << (at % 8));
      const code = codeOf(() => {
        const found = readCertificatePdf(turned);
        // In the padding behind the signature value the signature sees nothing: the structure must.
        if (at < start || at >= end) checkDocumentSignature(found);
      });
      expect(code, `byte ${at}`).to.be.a('string');
    }
  });

  it('is refused cut off at any of 200 places, or longer', () => {
    const { pdf } = certificate;
    for (let i = 0; i < 200; i += 1)
      expect(read(pdf.subarray(0, Math.floor((i * pdf.length) / 200))), `${i}`).to.be.a('string');
    expect(read(concat(pdf, Uint8Array.of(0x0a)))).to.equal('pdf-not-ours');
    expect(read(concat(pdf, pdf))).to.equal('pdf-not-ours');
  });

  it('is altered, and not encrypted, when words of encryption are put into it', async () => {
    const said = utf8Encode('\n% /Encrypt 1 0 R\n');
    const { pdf } = certificate;
    expect(read(concat(pdf, said))).to.equal('pdf-not-ours');
    const renamed = bytesOf(textOf(pdf).replaceAll('record.json', 'record.jsom'));
    expect(read(concat(renamed, said))).to.equal('pdf-not-ours');
  });

  it('refuses dates that are in no calendar or in another form', () => {
    const file = textOf(certificate.pdf);
    for (const date of [
      '20260230094220Z',
      '20261303094220Z',
      '20260503244220Z',
      '20260503094260Z',
      '2026050309422Z',
      "20260503094220+08'00",
    ]) {
      expect(read(bytesOf(edit(file, '/M (D:20260503094220Z)', `/M (D:${date})`))), date).to.equal('pdf-not-ours');
    }
    expect(read(bytesOf(edit(file, '/M (D:20260503094220Z)', '/M (D:20280229000000Z)')))).to.equal(undefined);
  });

  it('takes the right ByteRange only', () => {
    const [, start, end, rest] = readCertificatePdf(certificate.pdf).signatureByteRange;
    const file = textOf(certificate.pdf);
    expect(read(bytesOf(setByteRange(file, `[0 ${start} ${end} ${rest}]`)))).to.equal(undefined);
    expect(read(bytesOf(setByteRange(file, `[0 ${start} ${end} ${rest - 1}]`)))).to.equal('pdf-not-ours');
  });

  describe('of somebody else', () => {
    const made = (
      options: PDFKit.PDFDocumentOptions,
      fill: (pdf: PDFKit.PDFDocument) => unknown = () => undefined,
    ): Promise<Uint8Array> =>
      new Promise((resolve) => {
        const other = new PDFDocument(options);
        fill(other);
        const chunks: Uint8Array[] = [];
        other.on('data', (chunk: Uint8Array) => chunks.push(chunk));
        other.on('end', () => resolve(concat(...chunks)));
        other.text('hello').end();
      });

    it('is not ours, and it is said what it lacks', async () => {
      const pdf = await made({});
      expect(read(pdf)).to.equal('pdf-not-ours');
      expect(messageOf(pdf)).to.equal('PDF: it lacks /SubFilter /ETSI.CAdES.detached, deposit.tlog-proof, record.json');
      expect(read(utf8Encode('%PDF-1.4\n%âãÏÓ\n1 0 obj\n<<>>\nendobj\n'))).to.equal('pdf-not-ours');
    });
    it('is encrypted, and that is said, also of one with the attachments of a certificate', async () => {
      const encrypted = { userPassword: 'x', pdfVersion: '1.7' } as const;
      expect(read(await made(encrypted))).to.equal('pdf-encrypted');
      const attached = (pdf: PDFKit.PDFDocument): unknown =>
        ATTACHMENT_NAMES.map((name) => pdf.file(Buffer.from('x'), { name }));
      expect(read(await made(encrypted, attached))).to.equal('pdf-encrypted');
      expect(messageOf(await made({}, attached))).to.equal('PDF: it lacks /SubFilter /ETSI.CAdES.detached');
    });
    it('is no PDF at all', () => {
      for (const bytes of [
        new Uint8Array(),
        utf8Encode('hello'),
        utf8Encode('\n%PDF-1.7'),
        Uint8Array.of(0x50, 0x4b, 3, 4),
      ]) {
        expect(read(bytes)).to.equal('pdf-malformed');
      }
    });
    it('is too large', () => {
      expect(read(new Uint8Array(PDF_BYTES_MAX + 1))).to.equal('pdf-too-large');
      expect(read(new Uint8Array(PDF_BYTES_MAX))).to.equal('pdf-malformed');
    });
  });

  describe('made to exhaust the reader', () => {
    const HEAD = concat(utf8Encode('%PDF-1.7\n%'), Uint8Array.of(255, 255, 255, 255, 10));
    const bombs: [what: string, unit: string, start: string][] = [
      ['millions of brackets', '[', '1 0 obj\n'],
      ['millions of dictionaries', '<</A', '1 0 obj\n'],
      ['millions of numbers', '1 ', '1 0 obj\n['],
      ['millions of references', '1 0 R ', '1 0 obj\n['],
      ['a string without end', 'a', '1 0 obj\n('],
      ['a string of escapes', '\\\\', '1 0 obj\n('],
      ['hexadecimal without end', '0', '1 0 obj\n<'],
      ['a name without end', 'a', '1 0 obj\n/'],
      ['a number without end', '1', '1 0 obj\n'],
      ['white space', ' ', '1 0 obj\n['],
      ['encryption that is none', '/Encrypt ', ''],
      ['almost a mark', 'record.jso', ''],
    ];
    for (const [what, unit, start] of bombs) {
      it(`${what}: 8 MiB refused`, () => {
        const bytes = concat(HEAD, utf8Encode(start + unit.repeat(Math.floor((8 * 1024 * 1024) / unit.length))));
        expect(read(bytes)).to.equal('pdf-not-ours');
      });
    }

    it('structure elements that lead to each other a hundred thousand times', () => {
      const file = textOf(certificate.pdf);
      const chain = Array.from(
        { length: 100_000 },
        (_, i) => `${i + 1000} 0 obj\n<<\n/S /P\n/P 9 0 R\n/K [${i + 1001} 0 R]\n>>\nendobj\n`,
      ).join('');
      expect(read(bytesOf(file.replace('xref\n0 ', `${chain}xref\n0 `)))).to.equal('pdf-not-ours');
    });
  });
});
