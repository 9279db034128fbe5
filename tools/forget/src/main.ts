import { addressOf, Complaint, tokenOf } from '@past-tense/local';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { USAGE } from './usage';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TIMEOUT_MS = 60_000;

interface Forgotten {
  readonly customerId: string;
  readonly forgottenAt: string;
}

async function main(): Promise<void> {
  const { values, positionals } = parse(process.argv.slice(2));
  const [customer, ...rest] = positionals;
  if (values.help || customer === undefined || customer === 'help') return void process.stdout.write(USAGE);
  if (rest.length > 0 || !UUID.test(customer)) throw new Complaint('Name one customer by their id, a UUID; see npm run forget -- help.');
  if (!values.yes && !(await isWanted(customer))) throw new Complaint('Nobody was forgotten.');
  const { forgottenAt, customerId } = await forget(customer.toLowerCase());
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ customerId, forgottenAt })}\n`
      : `${customerId} was forgotten at ${forgottenAt}. Services that have a key in memory lose it within seconds, and erase their rows when they hear customer-forgotten.\n`,
  );
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { yes: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new Complaint(`${(error as Error).message.split('. ')[0]}; see npm run forget -- help.`);
  }
}

async function isWanted(customer: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Complaint('There is nobody to ask here; say --yes if this is what you want.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`Forget ${customer}? This cannot be undone. [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** @throws Complaint with what orders says against it, or that it does not answer */
async function forget(customer: string): Promise<Forgotten> {
  const { env } = process;
  const url = (env['ORDERS_URL'] || `http://${addressOf('orders', env)}`).replace(/\/$/, '');
  const token = env['FORGET_TOKEN'] || (await tokenOf(`http://${addressOf('issuer', env)}`, 'data-protection'));
  const request = { method: 'POST', headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(TIMEOUT_MS) };
  const answer = await fetch(`${url}/customers/${customer}/erasure`, request).catch((error: unknown) => {
    const { cause, message } = error as Error & { cause?: Error & { code?: string } };
    throw new Complaint(
      `orders at ${url} does not answer (${cause?.code ?? cause?.message ?? message}), so it may or may not be done; start the stack (npm start) or set ORDERS_URL, and run this again.`,
    );
  });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as Forgotten;
  const remedy = [401, 403].includes(answer.status) ? ' Set FORGET_TOKEN to a token with the scope customers:forget.' : '';
  throw new Complaint(`${detailIn(text) ?? `orders at ${url} answers ${answer.status}.`}${remedy}`);
}

/** What a problem document says. */
function detailIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { detail?: string }).detail;
  } catch {
    return undefined; // Not from a service of ours.
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
});
