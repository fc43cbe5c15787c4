// Where things are. Debian's Node.js has no import.meta.dirname.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** This folder. */
export const here = path.dirname(fileURLToPath(import.meta.url));

/** The checkout. */
export const root = path.resolve(here, '../..');

/** The builds: asan, release, tsan. */
export const build = process.env.PLUMBLINE_BUILD ?? path.join(root, 'build');
