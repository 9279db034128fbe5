// `npm run demo`: gets the checkout ready, then hands over to the compiled demo.
import { prepare } from '../../tools/prepare.mjs';

prepare();
await import('./dist/demo.js');
