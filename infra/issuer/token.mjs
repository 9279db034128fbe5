// `npm run token -- --as customer-1`: prints a token of the development issuer. Nothing but Node is needed for it.
import { parseArgs } from 'node:util';

const USAGE = `npm run --silent token -- --as customer-1        a token for a customer (customer-1, customer-2, …, or a UUID)
npm run --silent token -- --as support           for somebody who may see and change every customer's orders
npm run --silent token -- --as operator          for somebody who keeps the system running
  --scope "orders:read"                          only some of the scopes
The issuer starts with npm start and with docker compose; ISSUER_PORT tells where, if not at 3011.`;

async function main() {
  const { values } = parseArgs({ options: { as: { type: 'string' }, scope: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help || !values.as) throw new Error(USAGE);
  const url = `http://127.0.0.1:${process.env.ISSUER_PORT || 3011}/token`;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: values.as,
    ...(values.scope && { scope: values.scope }),
  });
  const answer = await fetch(url, { method: 'POST', body: form }).catch(() => {
    throw new Error(`Nothing answers at ${url}; start the stack with npm start, or say where the issuer is with ISSUER_PORT.`);
  });
  const { access_token: token, error_description: refusal } = await answer.json();
  if (!token) throw new Error(`There is no token for "${values.as}": ${refusal}`);
  console.log(token);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
