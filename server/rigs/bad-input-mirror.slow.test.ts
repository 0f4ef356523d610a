/** Bad input at a mirror's endpoints. */
import { defineBadInput } from './bad-input-rig.ts';

defineBadInput('arbitration-1', ['add-checkpoint', 'sign-subtree', 'add-entries', 'checkpoint and tiles']);
