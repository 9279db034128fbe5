import { addressOf, Complaint, tokenOf } from '@past-tense/local';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { USAGE } from './usage';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 1_000;

/** What orders knows of a customer. */
interface Known {
  readonly customerId: string;
  readonly orders: number;
  readonly unsettled: readonly { readonly orderId: string; readonly status: 'placed' | 'cancelled'; readonly placedAt: string }[];
  readonly askedAt?: string;
  readonly forgottenAt?: string;
}

async function main(): Promise<void> {
  const { values, positionals } = parse(process.argv.slice(2));
  if (values.help || positionals[0] === 'help' || process.argv.length === 2) return void process.stdout.write(USAGE);
  if (positionals.length > 0 || !UUID.test(values.customer ?? ''))
    throw new Complaint('Name one customer by their id, --customer <UUID>; see npm run forget -- help.');
  const customer = values.customer!.toLowerCase();
  const orders = Orders.find(process.env);
  if (!values.look && !values.yes && !(await isWanted(customer))) throw new Complaint('Nobody was forgotten.');
  let known = await (values.look ? orders.see(customer) : orders.forget(customer));
  while (values.wait && known.askedAt && !known.forgottenAt) {
    await sleep(LOOK_EVERY_MS);
    known = await orders.see(customer);
  }
  process.stdout.write(values.json ? `${JSON.stringify(known)}\n` : describe(known));
}

/** What a person reads. */
function describe({ customerId, orders, unsettled, askedAt, forgottenAt }: Known): string {
  if (forgottenAt)
    return `${customerId} was forgotten at ${forgottenAt}. Services that have a key in memory lose it within seconds, and erase their rows when they hear customer-forgotten.\n`;
  const open = unsettled.map(
    ({ orderId, status, placedAt }) =>
      `  ${orderId}  ${status.padEnd(9)}  placed at ${placedAt}: ${status === 'placed' ? 'its parcel has neither left nor been called off' : 'what was paid is not returned yet'}\n`,
  );
  const first = askedAt
    ? `${customerId} is forgotten as soon as these orders are settled, without being asked for again; new ones are refused since ${askedAt}:`
    : `${customerId} has placed ${orders} ${orders === 1 ? 'order' : 'orders'} and is not to be forgotten. Not settled:`;
  return `${first}${open.length === 0 ? ' none' : ''}\n${open.join('')}`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        customer: { type: 'string' },
        look: { type: 'boolean' },
        wait: { type: 'boolean' },
        yes: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
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

/** The API of orders. */
class Orders {
  private constructor(
    private readonly url: string,
    /** A fresh one for each request: whoever waits may wait for longer than a token lasts. */
    private readonly token: () => Promise<string>,
  ) {}

  static find(env: NodeJS.ProcessEnv): Orders {
    const url = (env['ORDERS_URL'] || `http://${addressOf('orders', env)}`).replace(/\/$/, '');
    return new Orders(url, async () => env['FORGET_TOKEN'] || (await tokenOf(`http://${addressOf('issuer', env)}`, 'data-protection')));
  }

  see = (customer: string) => this.#ask('GET', customer, 'so nothing is known; start the stack (npm start) or set ORDERS_URL.');
  forget = (customer: string) =>
    this.#ask('POST', customer, 'so it may or may not be done; start the stack (npm start) or set ORDERS_URL, and run this again.');

  /** @throws Complaint with what orders says against it, or that it does not answer */
  async #ask(method: string, customer: string, remedy: string): Promise<Known> {
    const request = { method, headers: { authorization: `Bearer ${await this.token()}` }, signal: AbortSignal.timeout(TIMEOUT_MS) };
    const answer = await fetch(`${this.url}/customers/${customer}/erasure`, request).catch((error: unknown) => {
      const { cause, message } = error as Error & { cause?: Error & { code?: string } };
      throw new Complaint(`orders at ${this.url} does not answer (${cause?.code ?? cause?.message ?? message}), ${remedy}`);
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as Known;
    const scope = [401, 403].includes(answer.status) ? ' Set FORGET_TOKEN to a token with the scope customers:forget.' : '';
    throw new Complaint(`${detailIn(text) ?? `orders at ${this.url} answers ${answer.status}.`}${scope}`);
  }
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
