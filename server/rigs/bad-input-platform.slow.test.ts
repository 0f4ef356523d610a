/** Bad input at the platform's endpoints. */
import { defineBadInput } from './bad-input-rig.ts';

defineBadInput('platform', [
  'deposits (JSON)',
  'deposits (multipart)',
  'batch',
  'deposit reads',
  'lookup',
  'ledger',
  'operations',
]);
