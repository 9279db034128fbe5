import { join } from 'node:path';

/** Folder of the checkout. */
export const ROOT = join(__dirname, '..', '..', '..');
