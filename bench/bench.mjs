// `npm run bench`: gets the checkout ready, then hands over to the compiled programs.
import { prepare } from '../tools/prepare.mjs';

prepare();
await import('./dist/main.js');
