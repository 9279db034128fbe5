// `npm run compose:check`: gets the checkout ready, then hands over to the compiled check.
import { prepare } from '../tools/prepare.mjs';

prepare();
await import('./dist/compose/main.js');
