// `npm run forget`: gets the checkout ready, then hands over to the compiled tool.
import { prepare } from '../prepare.mjs';

prepare();
await import('./dist/main.js');
