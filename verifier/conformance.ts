// The verifier's conformance suite: one table of vectors, made here from a real consortium, and the verdict each must get.
// Every form of the verifier runs it and must give the same report: the library, the program, the page in a browser.
// A vector is bytes: certificate, trust bundle, files. What differs between two runs is only when and by which tool.

import { utf8Decode, utf8Encode } from '../ledger/core/bytes.ts';
import type { Code } from './core/errors.ts';
import type { CheckId, Outcome, Report } from './core/report.ts';
import { changeByte, randomOf } from './core/testing.ts';
import { createConsortium, FILES, type TestCertificate, type TestConsortium, type TestFile } from './testing.ts';

export interface Vector {
  readonly name: string;
  readonly certificate: Uint8Array;
  readonly trust: Uint8Array;
  readonly files: readonly TestFile[];
  readonly certificateOnly?: boolean;
  readonly outcome: Outcome;
  readonly check?: CheckId;
  readonly code?: Code;
}

/** What two runs of one vector must have in common: everything but the time and the tool. */
export function comparable(report: Report): Omit<Report, 'checkedAt' | 'toolDigest'> {
  const { checkedAt: _, toolDigest: __, ...rest } = report;
  return JSON.parse(JSON.stringify(rest));
}

type Case = Pick<Vector, 'name' | 'outcome' | 'check' | 'code'> & Partial<Vector>;

/** All vectors, the same kinds on every run; the keys of the PDF are new each time. */
export async function conformanceVectors(): Promise<Vector[]> {
  const consortium = await createConsortium('conformance');
  const certificate = await consortium.certify();
  const basis = { certificate: certificate.pdf, trust: consortium.trustBytes, files: certificate.files };
  const cases: Case[] = [
    ...consistent(certificate, await consortium.certify({ show: [2] })),
    ...wrongFiles(),
    ...changed(certificate),
    ...(await contradictory(consortium, certificate)),
    ...(await open(consortium, certificate)),
    ...noCertificates(certificate),
  ];
  return cases.map((each) => ({ ...basis, ...each }));
}

function consistent(certificate: TestCertificate, partial: TestCertificate): Case[] {
  const { files } = certificate;
  return [
    { name: 'with all its files', outcome: 'consistent' },
    { name: 'with one of its files', outcome: 'consistent', files: files.slice(0, 1) },
    { name: 'one file shown of two', outcome: 'consistent', certificate: partial.pdf, files: files.slice(1) },
    { name: 'certificate only', outcome: 'consistent', files: [], certificateOnly: true },
    { name: 'no file', outcome: 'unverifiable', files: [], check: 'evidence', code: 'no-file' },
  ];
}

function wrongFiles(): Case[] {
  const other = { name: FILES[0]!.name, bytes: utf8Encode('甲：货已发。乙：未收到。\n') };
  const refused = { outcome: 'inconsistent', check: 'evidence', code: 'file-not-in-record' } as const;
  return [
    { name: 'another file of the same name', files: [other], ...refused },
    { name: 'a right file and a wrong one', files: [FILES[1]!, other], ...refused },
  ];
}

function changed({ pdf, recordBytes, proofBytes }: TestCertificate): Case[] {
  const at = (bytes: Uint8Array): number => Buffer.from(pdf).indexOf(bytes) + 50;
  const refused = (name: string, place: number, code: Code): Case => ({
    name: `one byte changed: ${name}`,
    certificate: changeByte(pdf, place, randomOf(place)),
    outcome: 'inconsistent',
    check: 'pdf-structure',
    code,
  });
  return [
    refused('record', at(recordBytes), 'pdf-not-ours'),
    refused('proof', at(proofBytes), 'pdf-not-ours'),
    refused('last byte', pdf.length - 1, 'pdf-not-ours'),
    {
      name: 'one byte changed: signature',
      certificate: changeByte(pdf, at(utf8Encode('/Contents <')) + 400, () => 0),
      outcome: 'inconsistent',
    },
    {
      name: 'an update appended',
      certificate: Uint8Array.from([...pdf, ...utf8Encode('9 0 obj\n<<>>\nendobj\n%%EOF\n')]),
      outcome: 'inconsistent',
      check: 'pdf-structure',
      code: 'pdf-not-ours',
    },
  ];
}

async function contradictory(consortium: TestConsortium, certificate: TestCertificate): Promise<Case[]> {
  const other = await consortium.certify({ id: '019690f1-c123-7abc-8def-000000000000', index: 4 });
  return [
    {
      name: 'the record of another deposit',
      certificate: await consortium.splice(certificate, 'record.json', other.recordBytes),
      outcome: 'inconsistent',
      check: 'commitment',
      code: 'commitment-mismatch',
    },
    {
      name: 'the proof of another deposit',
      certificate: await consortium.splice(certificate, 'deposit.tlog-proof', other.proofBytes),
      outcome: 'inconsistent',
      check: 'commitment',
      code: 'commitment-mismatch',
    },
  ];
}

async function open(consortium: TestConsortium, certificate: TestCertificate): Promise<Case[]> {
  const short = await consortium.certify({ cosigners: (witness) => !/court-[12]/.test(witness) });
  const newer = utf8Encode(utf8Decode(certificate.recordBytes)!.replace(/"v":1}$/, '"v":2}'));
  return [
    {
      name: 'two courts of the three needed',
      certificate: short.pdf,
      outcome: 'unverifiable',
      check: 'quorum',
      code: 'quorum-short',
    },
    {
      name: 'a newer record',
      certificate: await consortium.splice(certificate, 'record.json', newer),
      outcome: 'unverifiable',
      check: 'record',
      code: 'record-newer-format',
    },
    {
      name: 'another consortium’s trust bundle',
      trust: (await createConsortium('elsewhere')).trustBytes,
      outcome: 'unverifiable',
      check: 'pdf-chain',
      code: 'x509-untrusted',
    },
    {
      name: 'no trust bundle',
      trust: utf8Encode('{}'),
      outcome: 'unverifiable',
      check: 'trust',
      code: 'trust-malformed',
    },
  ];
}

function noCertificates({ pdf }: TestCertificate): Case[] {
  const refused = (name: string, certificate: Uint8Array): Case => ({
    name,
    certificate,
    outcome: 'unverifiable',
    check: 'pdf-structure',
    code: 'not-a-certificate',
  });
  return [
    refused('nothing', new Uint8Array(0)),
    refused('text', utf8Encode('本院认为')),
    refused('the first kilobyte', pdf.slice(0, 1000)),
  ];
}
