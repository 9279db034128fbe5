// `npm run key-store`: gets the checkout ready, then hands over to the compiled program.
import { prepare } from '../../tools/prepare.mjs';

prepare();
await import('./dist/main.js');
