import {
  allServices,
  allTeams,
  fact,
  OrderPlaced,
  OrderPlacedV2,
  ShipmentDelivered,
  ShipmentRejected,
  type ShipmentRejected_Reason,
  topicOf,
} from '@past-tense/contracts';
import { firstIdAt, newId } from '@past-tense/envelope';
import { ROOT } from '@past-tense/local';
import { applyTopics, declaredTopics, KafkaProducer, offsetsOf, readTopic, type TopicSpec } from '@past-tense/messaging';
import { aRecord, ask, eventually, kafkaBrokers, testDatabase } from '@past-tense/testing';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import {
  follow,
  HEADINGS,
  readDocument,
  readRunbook,
  runbookNames,
  type AfterBlocks,
  type Document,
  type Heading,
} from './runbooks/document';
import { StartedStack } from './runbooks/started-stack';

/** How one document is tried: the symptom comes about, if it is about one, and a person follows it. */
interface Drill<Headings extends string = string> {
  symptom?(): Promise<unknown>;
  /** Variables that the document leaves to whoever follows it. */
  env?(): NodeJS.ProcessEnv;
  /** What the commands must have said or done, and what happens in the world meanwhile: after each block of a section. */
  readonly after: AfterBlocks<Headings>;
}

const DAY_MS = 86_400_000;
const NO_LETTERS = 'There are no dead letters.';
const FOLLOWED = /^1 orders in /m;
const ONCE = ['capture 1', 'parcel 1'];

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

let stack: StartedStack;
let receiver: Server;
let receives: number;
/** An order that is completed before the first drill. */
let settled: string;
/** An order that shipping cannot plan, so that its payment waits until that is a gap. */
let gapped: string;

beforeAll(async () => {
  receives = 200;
  receiver = createServer((request, response) => request.resume().on('end', () => response.writeHead(receives).end()));
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  stack = await StartedStack.start(SETTINGS);
  // The country is the only part of an address that a row shows; no other order goes there.
  await refuse('shipping', 'shipments', `NEW.address->>'country' = 'NZ'`);
  gapped = await stack.place({ country: 'NZ' });
  settled = await stack.place();
  await stack.untilCompleted(settled);
});
afterAll(async () => {
  await stack?.end();
  receiver.close();
});

/** Makes a database refuse certain rows, as a bug in a reaction would. */
async function refuse(service: 'shipping' | 'tracking', table: string, rows: string): Promise<void> {
  await stack.query(
    service,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a bug'; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON ${table} FOR EACH ROW WHEN (${rows}) EXECUTE FUNCTION refuse()`,
  );
}
const mend = (service: 'shipping' | 'tracking') => stack.query(service, 'DROP FUNCTION refuse CASCADE');

/** Has something published that no service would publish. */
async function publish(...records: ReturnType<typeof aRecord>[]): Promise<void> {
  const producer = new KafkaProducer(stack.kafka);
  await producer.publish(records);
  await producer.disconnect();
}

/** Changes settings of a topic, as somebody does who knows better than the contracts. */
async function alter(name: string, change: Partial<TopicSpec>): Promise<void> {
  const declared = declaredTopics().find((topic) => topic.name === name)!;
  await applyTopics(stack.kafka, [{ ...declared, ...change }], 1);
}

async function untilDead(consumer: 'orders' | 'payments' | 'shipping' | 'tracking', ...reasons: string[]): Promise<void> {
  await eventually(async () => expect((await stack.deadLetters(consumer)).map(({ reason }) => reason).sort()).toEqual(reasons.sort()));
}

async function timelineOf(orderId: string): Promise<string[]> {
  const { body } = await stack.get('tracking', `/orders/${orderId}/timeline`);
  return (body as { entries: { topic: string }[] }).entries.map(({ topic }) => topic).sort();
}

async function shipmentOf(orderId: string): Promise<string> {
  return (await stack.query<{ id: string }>('shipping', 'SELECT id FROM shipments WHERE order_id = $1', [orderId]))[0]!.id;
}

/** An order that the provider's nonsense has made a dead letter of payments; the provider makes sense again. */
async function orderWithNonsense(): Promise<string> {
  const before = (await stack.deadLetters('payments')).length;
  await stack.behave('payments', { failure: 'nonsense' });
  const orderId = await stack.place();
  await eventually(async () => expect(await stack.deadLetters('payments')).toHaveLength(before + 1));
  await stack.behave('payments');
  return orderId;
}

let order: string;
let others: string[];
let leaver: string;

const drills: Record<string, Drill<Heading>> = {
  'breaking-change': {
    async symptom() {
      const unknown = fact(ShipmentRejected, {
        shipmentId: await shipmentOf(settled),
        orderId: settled,
        reason: 7 as ShipmentRejected_Reason,
      });
      await publish(aRecord(unknown, { aggregateVersion: 2, producer: { name: 'shipping', version: '9.9.9' } }));
      await untilDead('orders', 'UNKNOWN_VALUE');
    },
    after: {
      Look: [(said) => expect(said).toMatch(/^orders shipment\.v1\.ShipmentRejected of shipping\/9\.9\.9: UnknownValueError: /m)],
      Do: [
        async (said) => {
          expect(said).toContain('orders: 1 sent back');
          await untilDead('orders', 'UNKNOWN_VALUE');
        },
        (said) => expect(said).toContain('orders: 1 discarded'),
      ],
      Verify: [(said) => expect(said).toMatch(new RegExp(`^${NO_LETTERS}\n1 orders in `))],
    },
  },
  'dedup-window': {
    async symptom() {
      const eventId = newId().replace(/^.{13}/, firstIdAt(Date.now() - 200 * DAY_MS).slice(0, 13));
      const delivered = fact(ShipmentDelivered, { shipmentId: await shipmentOf(settled), orderId: settled });
      await publish(aRecord(delivered, { eventId, aggregateVersion: 3 }));
      await untilDead('tracking', 'INVALID');
    },
    after: {
      Look: [
        (said) => expect(said).toMatch(/OutsideDedupWindowError: the event is 200 days old, and tracking remembers[^]* order-completed$/m),
      ],
      Do: [(said) => expect(said).toContain('tracking: 1 discarded')],
      Verify: [(said) => expect(said).toContain(NO_LETTERS)],
    },
  },
  'version-left-alone': {
    async symptom() {
      await refuse('tracking', 'timeline', `NEW.event_type = 'order.v2.OrderPlaced'`);
      const eventId = newId();
      order = eventId;
      const address = { recipient: 'Ada', street: 'S', city: 'C', postalCode: '1', country: 'DE' };
      const same = { orderId: settled, customerId: newId(), paymentToken: 'tok_visa', deliveryAddress: address };
      const v1 = fact(OrderPlaced, {
        ...same,
        lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 1n, currency: 'EUR' } }],
        total: { minorUnits: 1n, currency: 'EUR' },
      });
      const v2 = fact(OrderPlacedV2, {
        ...same,
        lines: [{ sku: 'cup', quantity: 1, unitPriceMinorUnits: 1n }],
        totalMinorUnits: 1n,
        currency: 'EUR',
      });
      const [typeOf1, typeOf2] = [topicOf(OrderPlaced).eventType, topicOf(OrderPlacedV2).eventType];
      await publish(aRecord(v1, { eventId, alsoAs: [typeOf2] }), aRecord(v2, { eventId, alsoAs: [typeOf1] }));
      await untilDead('tracking', 'FAILED');
      await mend('tracking');
    },
    after: {
      Look: [
        (said) =>
          expect(said).toMatch(new RegExp(`^${order} order.v1.OrderPlaced .*\n[^]*^tracking +order.v2.OrderPlaced +FAILED +1 `, 'm')),
      ],
      Do: [(said) => expect(said).toContain('tracking: 1 sent back')],
      Verify: [
        async (said) => {
          expect(said).toContain(NO_LETTERS);
          expect(await stack.query('tracking', 'SELECT event_type FROM timeline WHERE event_id = $1', [order])).toEqual([
            { event_type: 'order.v2.OrderPlaced' },
          ]);
        },
      ],
    },
  },
  'gap-found': {
    async symptom() {
      await untilDead('shipping', 'FAILED', 'GAP');
      await mend('shipping');
    },
    after: {
      Look: [
        (said) =>
          expect(said).toMatch(
            new RegExp(
              `^shipping payment.v1.PaymentCaptured .* EarlyEventError: order ${gapped} has not been heard of yet\n[^]* FAILED `,
              'm',
            ),
          ),
      ],
      Do: [(said) => expect(said).toBe('shipping: 1 sent back\nshipping: 1 sent back\n')],
      Verify: [
        async (said) => {
          expect(said).toContain(NO_LETTERS);
          await stack.untilCompleted(gapped);
          expect(await stack.books(gapped)).toEqual(ONCE);
        },
      ],
    },
  },
  'breaker-open': {
    async symptom() {
      await stack.behave('payments', { failure: 'error' });
      others = await Promise.all(Array.from({ length: 6 }, () => stack.place()));
      await eventually(async () => expect(await stack.figures('payments', 'past_tense_breaker_state')).toHaveLength(1));
    },
    after: {
      Look: [
        (said) =>
          expect(said).toMatch(
            /^past_tense_breaker_state\{dependency="the payment provider".* [12]$[^]*^past_tense_outages.*OrderPlaced.* 1$/m,
          ),
      ],
      Verify: [
        async (said) => {
          expect(said).toContain('"totals"');
          for (const orderId of others) {
            await stack.untilCompleted(orderId);
            expect(await stack.books(orderId)).toEqual(ONCE);
          }
        },
      ],
    },
  },
  'consumer-lag': {
    async symptom() {
      await stack.behave('payments', { latencyMs: 1_500 });
      others = await Promise.all(Array.from({ length: 25 }, () => stack.place()));
    },
    after: {
      Look: [(said) => expect(said).toMatch(/^past_tense_consumer_lag\{.*"order-placed".*"payments".* [1-9]\d*$/m)],
      Verify: [
        async (said) => {
          expect(said.match(/is behind by 0 events/g)).toHaveLength(4);
          for (const orderId of others) expect(await stack.books(orderId)).toContain('capture 1');
        },
      ],
    },
  },
  'job-stuck': {
    async symptom() {
      order = await orderWithNonsense();
    },
    after: {
      Look: [
        (said) =>
          expect(said).toMatch(new RegExp(`^${order} [^]* order-placed by orders[^]*^[0-9a-f-]{36} payments: Error: .* with 418`, 'm')),
      ],
      Do: [(said) => expect(said).toContain('payments: 1 sent back')],
      Verify: [(said) => expect(said).toMatch(/"status":"completed"[^]*^past_tense_jobs_open.* 0$/m)],
    },
  },
  'dead-letters': {
    async symptom() {
      order = await stack.place({ paymentToken: 'tok_nonsense' });
      await untilDead('payments', 'FAILED');
      others = [await orderWithNonsense()];
    },
    after: {
      Look: [(said) => expect(said).toMatch(new RegExp(`^payments +order.v1.OrderPlaced +FAILED +2 [^]*^aggregateId +${order}$`, 'm'))],
      Do: [
        async (said) => {
          expect(said).toBe('payments: 2 would be sent back\npayments: 2 sent back\n');
          await stack.untilCompleted(others[0]!);
          await untilDead('payments', 'FAILED');
        },
        (said) => expect(said).toBe('payments: 1 discarded\n'),
      ],
      Verify: [(said) => expect(said).toMatch(new RegExp(`^${NO_LETTERS}\n1 orders in `))],
    },
  },
  'forget-a-person': {
    async symptom() {
      // As long as nobody pays, the parcel is here, and so the order can be cancelled.
      await stack.behave('payments', { failure: 'closed' });
      leaver = newId();
      order = await stack.place({ customerId: leaver });
      await eventually(async () => expect(await shipmentOf(order)).toBeDefined());
    },
    after: {
      Look: [(said) => expect(said).toMatch(new RegExp(`^${leaver} has placed 1 order and is not to be forgotten.*\n  ${order}  placed `))],
      Do: [
        async (said) => {
          expect(said).toMatch(new RegExp(`^${leaver} is forgotten as soon as these orders are settled, .*\n  ${order}  placed `));
          expect((await stack.tryToPlace({ customerId: leaver })).status).toBe(409);
          await stack.behave('payments');
        },
        async (said) => {
          expect(said).toMatch(new RegExp(`^${leaver} was forgotten at `));
          expect(await stack.books(order)).toEqual(['capture 1', 'refund 1']);
          // As a backup would bring it back.
          await stack.query('key_store', 'DELETE FROM forgotten_people WHERE person = $1', [leaver]);
          await stack.query('key_store', `INSERT INTO data_keys (person, readers, wrapped) VALUES ($1, 'shipping', 'from a backup')`, [
            leaver,
          ]);
        },
        (said) => expect(said).toContain(`${leaver} was forgotten at `),
      ],
      Verify: [
        async (said) => {
          expect(said).toMatch(new RegExp(`^${leaver} was forgotten at `));
          expect(await stack.query('key_store', 'SELECT readers FROM data_keys WHERE person = $1', [leaver])).toEqual([]);
        },
      ],
    },
  },
  'webhooks-parked': {
    async symptom() {
      receives = 500;
      const { status } = await ask(`${stack.url('orders')}/webhooks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(await stack.as('customer-1')) },
        body: JSON.stringify({ url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`, events: ['order.completed'] }),
      });
      expect(status).toBe(201);
      await stack.untilCompleted(await stack.place());
      await eventually(async () => expect(await stack.figures('orders', 'past_tense_webhooks_parked')).toHaveLength(1));
    },
    after: {
      Look: [
        (said) => {
          expect(said).toMatch(/^past_tense_webhooks_parked.* 1\n.* answered 500$/m);
          receives = 200;
        },
      ],
      Verify: [(said) => expect(said).toContain('{"items":[]}')],
    },
  },
  'outbox-ageing': {
    async symptom() {
      await alter('shipping.retry-5s', { maxMessageBytes: 100 });
      await stack.behave('carrier', { failure: 'nonsense' });
      order = await stack.place();
      await eventually(() => expect(stack.log('shipping')).toContain('Kafka refuses a record'));
      await stack.behave('carrier');
    },
    after: {
      Look: [(said) => expect(said).toMatch(/^past_tense_outbox_depth\{rows="forwards".* 1$[^]*Kafka refuses a record/m)],
      Do: [(said) => expect(said).toMatch(/of shipping\.retry-5s would go from 100 [^]*of shipping\.retry-5s went from 100 /)],
      Verify: [
        async (said) => {
          expect(said).toMatch(FOLLOWED);
          await stack.untilCompleted(order);
          expect(await stack.books(order)).toEqual(ONCE);
        },
      ],
    },
  },
  'consumer-without-members': {
    async symptom() {
      await alter('payments.retry-5s', { retentionMs: DAY_MS });
      stack.signal('payments', 'SIGKILL');
      order = await stack.place();
      await eventually(() => expect(stack.log('payments')).toContain('payments cannot start.'));
    },
    after: {
      Look: [
        (said) =>
          expect(said).toMatch(/payments does not answer\.\n.*payments cannot start\. Topic payments\.retry-5s keeps events for 1 day/),
      ],
      Do: [(said) => expect(said).toMatch(/retention of payments\.retry-5s went from 1 /)],
      Verify: [() => stack.untilCompleted(order)],
    },
  },
  'service-down': {
    async symptom() {
      stack.signal('tracking', 'SIGKILL');
    },
    after: {
      Look: [(said) => expect(said).toContain('tracking does not answer.')],
      Verify: [(said) => expect(said).toMatch(FOLLOWED)],
    },
  },
  'stuck-consumer': {
    async symptom() {
      stack.signal('payments', 'SIGSTOP');
      order = await stack.place();
    },
    after: {
      Look: [(said) => expect(said).toMatch(/payments does not answer\.[^]*^ *\d+ +T/m)],
      Verify: [
        async (said) => {
          expect(said).toMatch(FOLLOWED);
          await stack.untilCompleted(order);
          expect(await stack.books(order)).toEqual(ONCE);
        },
      ],
    },
  },
  'lag-unseen': {
    // The symptom is there: npm start has nobody who watches.
    after: {
      Look: [(said) => expect(said).toContain('lag-watch does not answer.')],
      Verify: [
        (said) => {
          for (const { name } of allServices()) expect(said).toMatch(new RegExp(`^past_tense_group_members\\{.*"${name}".* 1$`, 'm'));
        },
        () => eventually(() => expect(fetch(`http://127.0.0.1:${stack.env['LAG_WATCH_PORT']}/`)).rejects.toThrow()),
      ],
    },
  },
  replay: {
    async symptom() {
      order = await stack.place();
      await stack.untilCompleted(order);
      await stack.query('tracking', `DELETE FROM timeline WHERE order_id = $1 AND topic = 'order-placed'`, [order]);
    },
    after: {
      Do: [async () => expect(await timelineOf(order)).not.toContain('order-placed')],
      Verify: [
        async (said) => {
          expect(said).toContain(NO_LETTERS);
          expect(await timelineOf(order)).toEqual(['order-completed', 'order-placed', 'payment-captured', 'shipment-dispatched']);
          expect(await stack.books(order)).toEqual(ONCE);
        },
      ],
    },
  },
  'position-reset': {
    async symptom() {
      order = await stack.place();
      await stack.untilCompleted(order);
      await stack.query(
        'tracking',
        `WITH lost AS (DELETE FROM timeline WHERE order_id = $1 AND topic = 'order-placed' RETURNING event_id)
         DELETE FROM processed_events WHERE consumer = 'tracking' AND event_id IN (SELECT event_id FROM lost)`,
        [order],
      );
    },
    after: {
      Verify: [
        async (said) => {
          expect(said).toContain(NO_LETTERS);
          expect(await timelineOf(order)).toContain('order-placed');
          expect(await stack.books(order)).toEqual(ONCE);
        },
      ],
    },
  },
  rebuild: {
    async symptom() {
      order = await stack.place();
      await stack.untilCompleted(order);
      await stack.query('tracking', `DELETE FROM timeline WHERE order_id = $1 AND topic = 'order-placed'`, [order]);
    },
    after: {
      Look: [async () => expect(await timelineOf(order)).not.toContain('order-placed')],
      Verify: [
        async (said) => {
          expect(said).toMatch(FOLLOWED);
          expect(await timelineOf(order)).toContain('order-placed');
        },
      ],
    },
  },
  rollback: {
    async symptom() {
      stack.signal('payments', 'SIGKILL');
      await eventually(async () => expect((await ask(`${stack.url('payments')}/health/ready`)).status).toBe(200));
      order = await stack.place();
      await stack.untilCompleted(order);
      await stack.query('tracking', `DELETE FROM timeline WHERE order_id = $1 AND topic = 'payment-captured'`, [order]);
      others = [await orderWithNonsense()];
    },
    after: {
      Look: [(said) => expect(said).toMatch(/^payments +order.v1.OrderPlaced +FAILED +1 /m)],
      Do: [(said) => expect(said).toContain('payments: 1 sent back')],
      Verify: [
        async (said) => {
          expect(said).toMatch(new RegExp(`^${NO_LETTERS}\n`));
          await stack.untilCompleted(others[0]!);
          expect(await timelineOf(order)).toContain('payment-captured');
          for (const orderId of [order, others[0]!]) expect(await stack.books(orderId)).toEqual(ONCE);
        },
      ],
    },
  },
  'broker-lost': {
    async symptom() {
      stack.signal('Kafka', 'SIGKILL');
    },
    after: {
      Look: [
        async (said) => {
          expect(said.match(/"status":"up"/g)).toHaveLength(4);
          expect(said).toMatch(/^past_tense_outbox_depth\{rows="facts".* [1-9]\d*$/m);
          await stack.startBroker();
        },
      ],
      Do: [(said) => expect(said.match(/"status":"ready"/g)).toHaveLength(4)],
      Verify: [
        async (said) => {
          order = /"orderId":"([0-9a-f-]{36})"/.exec(said)![1]!;
          await stack.untilCompleted(order);
          expect(await stack.books(order)).toEqual(ONCE);
        },
      ],
    },
  },
  // The broker deletes what it need not keep only after it was started anew.
  'events-lost': {
    async symptom() {
      stack.signal('tracking', 'SIGSTOP');
      order = await stack.place();
      await eventually(async () => expect((await stack.get('orders', `/orders/${order}`)).body).toMatchObject({ status: 'completed' }));
      await eventually(async () =>
        expect((await readTopic(stack.kafka, 'order-completed')).map(({ key }) => key!.toString())).toContain(order),
      );
      await alter('order-completed', { retentionMs: 1 });
      await eventually(async () =>
        expect((await offsetsOf(stack.kafka, ['order-completed'])).filter(({ low, high }) => low < high)).toEqual([]),
      );
      await alter('order-completed', { retentionMs: DAY_MS });
      stack.signal('tracking', 'SIGCONT');
      // A consumer hears of the loss with the next event on the same partition.
      await eventually(async () => {
        await stack.place();
        expect(await stack.figures('tracking', 'past_tense_events_lost_total')).toHaveLength(1);
      });
    },
    after: {
      Look: [
        (said) =>
          expect(said).toMatch(/^past_tense_events_lost_total\{.*"order-completed".* 1$[^]*retention of order-completed would go from 1 /m),
        (said) => expect(said).toContain(order),
      ],
      Do: [(said) => expect(said).toMatch(/retention of order-completed went from .* to 90 days/)],
      Verify: [(said) => expect(said).toMatch(FOLLOWED)],
    },
  },
};

// What the broker has lost is missing from then on.
const LAST = ['broker-lost', 'events-lost'];
const HELPS = '%s helps: every command runs, and the symptom is gone';

async function drilled(name: string): Promise<void> {
  const drill = drills[name]!;
  await drill.symptom?.();

  await follow(readRunbook(name), stack.env, drill.after);
}

const HOW_TO = 'docs/how-to';
const EVENT_ENDED = /^data: .*"status":"(SUCCEEDED|FAILED)"/m;
const OWN_PASSWORD = 'only-for-tests';
/** A server that is not the stack's, as its superuser. */
let ownPostgres: string;

/** Does what a document says in SQL. */
async function createRole({ others }: Document, server: string): Promise<void> {
  const statements = others.filter(({ language }) => language === 'sql').flatMap(({ text }) => text.split(';\n'));
  const client = new Client(server);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement.replace('…', OWN_PASSWORD));
  } finally {
    await client.end();
  }
}

const walks: Record<string, Drill> = {
  'README.md': {
    after: { 'Two commands': [(said) => expect(said).toMatch(/^20 orders in [^]*"entries":\[\{/m)] },
  },
  'docs/access.md': { after: { 'On a workstation': [(said) => expect(said.match(/^ey[\w-]+\.[\w-]+\.[\w-]+$/gm)).toHaveLength(5)] } },
  [`${HOW_TO}/apply-the-catalogue.md`]: {
    after: { 'Look first': [(said) => expect(said).toContain('Nothing to do: topics and schemas are as the contracts declare.')] },
  },
  [`${HOW_TO}/cancel-an-order.md`]: {
    after: {
      Accepted: [(said) => expect(EVENT_ENDED.exec(said)?.[1]).toBe('SUCCEEDED'), (said) => expect(said).toMatch(/shipment-cancelled/)],
      Refused: [
        (said) => {
          expect(EVENT_ENDED.exec(said)?.[1]).toBe('FAILED');
          expect(said).toContain('"code":"shipment-not-here"');
        },
        (said) => expect(said).toContain('"jobId"'),
      ],
    },
  },
  [`${HOW_TO}/find-out-why-an-order-is-stuck.md`]: {
    async symptom() {
      order = await orderWithNonsense();
    },
    after: {
      '1. Has it ended after all?': [(said) => expect(JSON.parse(said)).toMatchObject({ orderId: order, status: 'placed' })],
      '2. What happened last?': [(said) => expect(said).toMatch(/^\S+ order-placed by orders/m)],
      '3. Did the fact leave?': [(said) => expect(said).toBe('')],
      '4. Does a consumer hold it?': [
        (said) => expect(said).toMatch(/^payments order\.v1\.OrderPlaced dlq FAILED \d+ /m),
        (said) => expect(said).toMatch(new RegExp(`^aggregateId +${order}$`, 'm')),
      ],
      'And the trace': [(said) => expect(said).toContain('answered a capture with 418')],
      Then: [
        async (said) => {
          expect(said).toContain('payments: 1 sent back');
          await stack.untilCompleted(order);
        },
      ],
    },
  },
  [`${HOW_TO}/follow-an-order.md`]: {
    after: { 'From a log line, and without Jaeger': [(said) => expect(said.match(/"entries":\[\{/g)).toHaveLength(2)] },
  },
  [`${HOW_TO}/move-to-a-new-version.md`]: {
    after: { 'The steps': [(said) => expect(said).toMatch(/schemas_accepted.*OrderPlaced/), (said) => expect(said).toBe('0\n')] },
  },
  [`${HOW_TO}/rebuild-a-read-model.md`]: {
    after: { 'What it does': [(said) => expect(said).toContain('tracking')] },
  },
  [`${HOW_TO}/reset-a-position.md`]: {
    after: {
      '': [(said) => expect(said).toMatch(/ events will come again; those that took effect are absorbed/)],
      'Over HTTP': [(said) => expect(said).toMatch(/"consumer":"tracking"/)],
    },
  },
  [`${HOW_TO}/run-on-your-own-kafka-and-postgresql.md`]: {
    async symptom() {
      ownPostgres = await testDatabase();
      await createRole(readDocument(`${HOW_TO}/run-on-your-own-kafka-and-postgresql.md`), ownPostgres);
    },
    env: () => ({
      KAFKA_BROKERS: kafkaBrokers().join(','),
      SCHEMA_REGISTRY_URL: stack.env['SCHEMA_REGISTRY_URL']!,
      POSTGRES: new URL(ownPostgres).host,
      AUTH_ISSUER: `http://127.0.0.1:${stack.env['ISSUER_PORT']}`,
      DEPLOYMENT: 'development',
      ORDERS_PASSWORD: OWN_PASSWORD,
      ORDERS_CLIENT_SECRET: 'a secret that nobody is asked for',
      KEY_STORE_OWNER_PASSWORD: OWN_PASSWORD,
      MASTER_KEYS: `first:${Buffer.alloc(32, 'only-for-tests').toString('base64')}`,
    }),
    after: {
      'A role and a database for each service': [
        (said) => expect(said).toContain('the database of orders is up to date'),
        (said) => expect(said).toContain('The key store is up to date. orders,'),
      ],
      'Topics, schemas and permissions': [
        (said) => expect(said).toMatch(/topic order-placed would be created: [^]*topic order-placed was created: 12 partitions/),
      ],
      'Start it': [(said) => expect(said).toContain('"status":"ready"')],
    },
  },
  [`${HOW_TO}/triage-dead-letters.md`]: {
    async symptom() {
      order = await orderWithNonsense();
    },
    after: {
      '': [
        (said) => expect(said).toMatch(/^payments +order\.v1\.OrderPlaced +FAILED +1 .* ordering$/m),
        (said) => expect(said).toMatch(new RegExp(`^aggregateId +${order}$`, 'm')),
        async (said) => {
          expect(said).toMatch(/^payments: 1 would be sent back\n[^]*^payments: 1 sent back\n/m);
          await stack.untilCompleted(order);
        },
      ],
    },
  },
};

describe('the runbooks (R5)', () => {
  const files = ['README', ...runbookNames()];
  const text = (name: string) => readFileSync(join(ROOT, 'docs', 'runbooks', `${name}.md`), 'utf8');

  it('are all tried below', () => {
    expect(Object.keys(drills).sort()).toEqual(runbookNames());
  });

  it.each(runbookNames())(
    '%s says the symptom, the owner, where to look, how to decide, what to do and how to see that it helped',
    (name) => {
      const { headings, blocks, prose } = readRunbook(name);

      expect(headings).toEqual(HEADINGS);
      expect(HEADINGS.filter((heading) => !prose[heading]?.trim())).toEqual([]);
      expect(new Set(blocks.map(({ heading }) => heading))).toEqual(new Set(['Look', 'Do', 'Verify']));
      expect(prose['Owner']).toMatch(new RegExp([...allTeams().map((team) => team.name), 'Everyone'].join('|')));
    },
  );

  it.each(files)('%s has no command that is not tried', (name) => {
    expect(
      text(name)
        .match(/^ *```.*$/gm)
        ?.filter((fence) => !/^```(sh)?$/.test(fence)) ?? [],
    ).toEqual([]);
    const words = text(name).replace(/^```sh$[^]*?^```$/gm, '');
    expect(words.match(/`(npm run|curl|docker|kubectl|psql|node|kill|SELECT|GET|POST|PUT) [^`]*`/g) ?? []).toEqual([]);
    expect(words.match(/^ {4,}\S.*$/gm) ?? []).toEqual([]);
  });

  it.each(files)('%s links to what is there', (name) => {
    const links = [...text(name).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!).filter((link) => !/^https?:/.test(link));

    expect(links.filter((link) => !existsSync(join(ROOT, 'docs', 'runbooks', link)))).toEqual([]);
  });

  it('are found from the index, the alerts and the events', () => {
    expect(runbookNames().filter((name) => !text('README').includes(`](${name}.md)`))).toEqual([]);
    const rules = readFileSync(join(ROOT, 'infra', 'observability', 'generated', 'rules.yml'), 'utf8');
    const alerts = [...rules.matchAll(/alert: (\w+)[^]*?runbook_url: docs\/runbooks\/([\w-]+)\.md/g)];
    expect(alerts.length).toBeGreaterThan(0);
    for (const [, alert, name] of alerts) expect(`${name}: ${readRunbook(name!).prose['Symptom']}`).toContain(`\`${alert}\``);
    for (const { name, owner } of allServices()) expect(text('README')).toMatch(new RegExp(`^\\| ${owner} +\\| [^|]*\\b${name}\\b`, 'm'));
    for (const { name, contact } of allTeams()) expect(text('README')).toMatch(new RegExp(`^\\| ${name} .*${contact}`, 'm'));
    const events = join(ROOT, 'docs', 'events');
    const linked = readdirSync(events).flatMap((file) =>
      [...readFileSync(join(events, file), 'utf8').matchAll(/\]\((\.\.\/runbooks\/[\w-]+\.md)\)/g)].map(([, link]) => join(events, link!)),
    );
    expect(linked.length).toBeGreaterThan(0);
    expect(linked.filter((path) => !existsSync(path)).map(dirname)).toEqual([]);
  });

  it.each(Object.keys(drills).filter((name) => !LAST.includes(name)))(HELPS, drilled);
});

describe('the documents', () => {
  const documents = [
    'README.md',
    ...['docs', HOW_TO].flatMap((folder) =>
      readdirSync(join(ROOT, folder)).flatMap((file) => (file.endsWith('.md') ? `${folder}/${file}` : [])),
    ),
  ];
  const LANGUAGES = ['text', 'ts', 'js', 'json', 'proto', 'sql', 'mermaid'];

  it('are all followed below, as far as they have commands that a test can run', () => {
    const withCommands = documents.filter((path) => readDocument(path).blocks.some(({ mark }) => !mark));

    expect(Object.keys(walks).sort()).toEqual(withCommands.sort());
  });

  it.each(documents)(
    '%s says of what is no command in which language it is, and of commands that are not run below who runs them, or why nobody does',
    (path) => {
      const { blocks, others } = readDocument(path);

      expect(others.filter(({ language }) => !LANGUAGES.includes(language))).toEqual([]);
      for (const { line, commands, mark } of blocks) {
        if (!mark || 'reason' in mark) continue;
        const files = mark.runBy
          .filter((file) => existsSync(join(ROOT, file)))
          .map((file) => readFileSync(join(ROOT, file), 'utf8').toLowerCase());
        expect([`${path}:${line}`, files.length]).toEqual([`${path}:${line}`, mark.runBy.length]);
        // Whoever runs them says each of their flags, or reads them here.
        if (files.some((file) => file.includes(path.toLowerCase()))) continue;
        const flags = [...commands.matchAll(/ --([a-z][a-z-]+)/g)].map(([, flag]) => flag!);
        expect([`${path}:${line}`, flags.filter((flag) => !files.some((file) => file.includes(flag)))]).toEqual([`${path}:${line}`, []]);
      }
    },
  );

  it.each(documents)('%s links to what is there', (path) => {
    const links = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!);

    expect(links.filter((link) => !/^\w+:/.test(link) && !existsSync(join(ROOT, dirname(path), link)))).toEqual([]);
  });

  it.each(Object.keys(walks))('%s: every command runs', async (path) => {
    const walk = walks[path]!;
    await walk.symptom?.();

    await follow(readDocument(path), { ...stack.env, ...walk.env?.() }, walk.after);
  });
});

describe('the runbooks that spoil the stack for those who come after', () => {
  it.each(LAST)(HELPS, drilled);
});
