/**
 * Whether records can say what the configuration has every record say. Asked of the record's own rules, by writing one: a limit of the
 * configuration's own, wider than theirs, let a platform start and then refuse every deposit.
 */
import { CertError } from '../certs/core/errors.ts';
import { formatRecord, type RecordHeader } from '../certs/core/record.ts';

const HEX_32 = '0'.repeat(64);

/** The least that a record says beside it. */
const HEADER: RecordHeader = {
  v: 1,
  salt: HEX_32,
  id: '00000000-0000-7000-8000-000000000000',
  received: '1970-01-01T00:00:00.000Z',
  files: 1,
  submitter: { name: '-', identified: '', relation: '' },
  capture: { how: 'digest', transport: '', build: '' },
  declared: { source: '', generation: '', storage: '', notarisation: '', witness: '', corroboration: '' },
  platform: { name: '-', nameEn: '', statement: '', statementEn: '' },
  members: [],
  origin: '-',
  policySha256: HEX_32,
  renderer: HEX_32,
};
const FILE = { v: 1, salt: HEX_32, index: 1, name: '-', size: 1, mediaType: 'a/b', sha256: HEX_32 } as const;

/** Why no record can say this about the platform and its members; undefined when one can. */
export function whyNotRecordable(facts: Pick<RecordHeader, 'platform' | 'members'>): string | undefined {
  const header = { ...HEADER, ...facts };
  const shown = [header, FILE].map((content, part) => ({ part, content }));
  try {
    formatRecord({ v: 1, parts: shown.length, shown });
    return undefined;
  } catch (error) {
    if (error instanceof CertError) return error.message;
    throw error;
  }
}
