/** Bad input at a court's endpoints. */
import { defineBadInput } from './bad-input-rig.ts';

defineBadInput('court-1', ['add-checkpoint', 'sign-subtree', 'checkpoint', 'tsa']);
