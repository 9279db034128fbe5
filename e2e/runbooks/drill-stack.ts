import { applyTopics, declaredTopics, KafkaProducer, type TopicSpec } from '@past-tense/messaging';
import { aRecord, eventually } from '@past-tense/testing';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartedStack } from './started-stack';

const SETTINGS = {
  // Quicker than in production, so that nobody waits for ten minutes.
  RETRY_FIRST_DELAY_MS: '20',
  RETRY_MAX_DELAY_MS: '200',
  RETRY_TIER_DELAYS_MS: '200,400,800',
  OUTBOX_LEASE_MS: '2000',
  CONSUMER_SESSION_TIMEOUT_MS: '6000',
  EARLY_LIMIT_MS: '5000',
  WEBHOOK_RETRY_DELAYS_MS: '50',
  WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
  // What is published in v1 only takes effect all the same.
  TRACKING_CONSUMED_VERSIONS: 'order.OrderPlaced=v2',
};

/** What `npm start` starts. */
export let stack: StartedStack;
/** Whoever is sent webhooks: where, and the status that they answer with. */
export const receiver = { url: '', status: 200 };
/** An order that is completed before the first drill. */
export let settled: string;
/** An order that shipping cannot plan, so that its payment waits until that is a gap. */
export let gapped: string;

/** Gives the suite that calls it the stack, once for all of its drills and walks. */
export function useStack(): void {
  let server: Server;
  beforeAll(async () => {
    server = createServer((request, response) => request.resume().on('end', () => response.writeHead(receiver.status).end()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    stack = await StartedStack.start(SETTINGS);
    // The country is the only part of an address that a row shows; no other order goes there.
    await refuse('shipping', 'shipments', `NEW.address->>'country' = 'NZ'`);
    gapped = await stack.place({ country: 'NZ' });
    settled = await stack.place();
    await stack.untilCompleted(settled);
  });
  afterAll(async () => {
    await stack?.end();
    server.close();
  });
}

/** Makes a database refuse certain rows, as a bug in a reaction would. */
export async function refuse(service: 'shipping' | 'tracking', table: string, rows: string): Promise<void> {
  await stack.query(
    service,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a bug'; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON ${table} FOR EACH ROW WHEN (${rows}) EXECUTE FUNCTION refuse()`,
  );
}

/** The bug is mended. */
export const mend = (service: 'shipping' | 'tracking') => stack.query(service, 'DROP FUNCTION refuse CASCADE');

/** Has something published that no service would publish. */
export async function publish(...records: ReturnType<typeof aRecord>[]): Promise<void> {
  const producer = new KafkaProducer(stack.kafka);
  await producer.publish(records);
  await producer.disconnect();
}

/** Changes settings of a topic, as somebody does who knows better than the contracts. */
export async function alter(name: string, change: Partial<TopicSpec>): Promise<void> {
  const declared = declaredTopics().find((topic) => topic.name === name)!;
  await applyTopics(stack.kafka, [{ ...declared, ...change }], 1);
}

/** Waits until a consumer has these dead letters and no others, whichever came first. */
export async function untilDead(consumer: 'orders' | 'payments' | 'shipping' | 'tracking', ...reasons: string[]): Promise<void> {
  await eventually(async () => expect((await stack.deadLetters(consumer)).map(({ reason }) => reason).sort()).toEqual(reasons.sort()));
}

/** The topics that tracking shows of an order. */
export async function timelineOf(orderId: string): Promise<string[]> {
  const { body } = await stack.get('tracking', `/orders/${orderId}/timeline`);
  return (body as { entries: { topic: string }[] }).entries.map(({ topic }) => topic).sort();
}

/** The id of the shipment of an order. */
export async function shipmentOf(orderId: string): Promise<string> {
  return (await stack.query<{ id: string }>('shipping', 'SELECT id FROM shipments WHERE order_id = $1', [orderId]))[0]!.id;
}

/** An order that the provider's nonsense has made a dead letter of payments; the provider makes sense again. */
export async function orderWithNonsense(): Promise<string> {
  const before = (await stack.deadLetters('payments')).length;
  await stack.behave('payments', { failure: 'nonsense' });
  const orderId = await stack.place();
  await eventually(async () => expect(await stack.deadLetters('payments')).toHaveLength(before + 1));
  await stack.behave('payments');
  return orderId;
}
