// `npm start`: gets the checkout ready, then hands over to the compiled start.
import { prepare } from '../../tools/prepare.mjs';

prepare();
await import('./dist/start.js');
