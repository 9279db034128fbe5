import {
  allServices,
  fact,
  OrderPlaced,
  OrderPlacedV2,
  ShipmentDelivered,
  ShipmentRejected,
  type ShipmentRejected_Reason,
  topicOf,
} from '@past-tense/contracts';
import { firstIdAt, newId } from '@past-tense/envelope';
import { offsetsOf, readTopic } from '@past-tense/messaging';
import { aRecord, ask, eventually } from '@past-tense/testing';
import type { AfterBlocks, Heading } from './document';
import {
  alter,
  gapped,
  mend,
  orderWithNonsense,
  publish,
  receiver,
  refuse,
  settled,
  shipmentOf,
  stack,
  timelineOf,
  untilDead,
} from './drill-stack';

/** How one document is tried: the symptom comes about, if it is about one, and a person follows it. */
export interface Drill<Headings extends string = string> {
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

let order: string;
let others: string[];
let leaver: string;

/** Each runbook, by its name. */
export const drills: Record<string, Drill<Heading>> = {
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
      receiver.status = 500;
      const { status } = await ask(`${stack.url('orders')}/webhooks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(await stack.as('customer-1')) },
        body: JSON.stringify({ url: receiver.url, events: ['order.completed'] }),
      });
      expect(status).toBe(201);
      await stack.untilCompleted(await stack.place());
      await eventually(async () => expect(await stack.figures('orders', 'past_tense_webhooks_parked')).toHaveLength(1));
    },
    after: {
      Look: [
        (said) => {
          expect(said).toMatch(/^past_tense_webhooks_parked.* 1\n.* answered 500$/m);
          receiver.status = 200;
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
export const LAST = ['broker-lost', 'events-lost'];
