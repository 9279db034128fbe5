// `npm run chaos`: gets the checkout ready, then hands over to the compiled suite.
import { prepare } from '../tools/prepare.mjs';

prepare();
await import('./dist/chaos/main.js');
