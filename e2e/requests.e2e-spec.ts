import { allTopics } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { KafkaProducer, readTopic } from '@past-tense/messaging';
import { tokenOf } from '@past-tense/local';
import { ask, eventually, type Answer } from '@past-tense/testing';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { System, type PlacedOrder } from './system';

interface Job {
  readonly jobId: string;
  readonly status: string;
  readonly result?: object;
  readonly failure?: { readonly code: string; readonly action: string };
}

let system: System;
let customer: { authorization: string };
let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
  system = await System.start({
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
    WEBHOOK_RETRY_DELAYS_MS: '50,100,200',
    COMMAND_EXPIRY_MS: '60000',
  });
  customer = { authorization: `Bearer ${await tokenOf(system.stack.issuer.url, 'customer-7')}` };
  const events = ['job.succeeded', 'job.failed', 'order.completed', 'order.cancelled'];
  const { body } = await request('POST', '/webhooks', { url: receiver.url, events });
  receiver.secret = (body as { secret: string }).secret;
});
afterAll(async () => {
  await system.end();
  await receiver.stop();
});

const CUSTOMER = '019aa000-0000-7000-8000-000000000007';
const place = (options: { paymentToken?: string } = {}) => system.place('happy', { customerId: CUSTOMER, ...options });
const jobOf = async (jobId: string): Promise<Job> => (await request('GET', `/jobs/${jobId}`)).body as Job;
const untilEnded = (jobId: string) =>
  eventually(async () => {
    const job = await jobOf(jobId);
    expect(['SUCCEEDED', 'FAILED']).toContain(job.status);
    return job;
  });
const cancel = async (orderId: string, headers: Record<string, string> = {}): Promise<Job> => {
  const { status, body } = await request('POST', `/orders/${orderId}/cancellation`, undefined, headers);
  expect(status).toBe(202);
  return body as Job;
};
const orderOf = async ({ orderId }: PlacedOrder) => (await request('GET', `/orders/${orderId}`)).body as { status: string; jobId: string };
const untilOrder = (placed: PlacedOrder, status: string) =>
  eventually(async () => {
    const known = await orderOf(placed);
    expect(known).toMatchObject({ status });
    return known;
  });

async function request(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
  return await ask(`${system.stack.url('orders')}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...customer, ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** Lets the payment provider be away while something is done, so that parcels stay here; then it comes back. */
async function whileNobodyPays(work: () => Promise<void>): Promise<void> {
  const behave = async (failure: string) =>
    void (await ask(`${system.stack.url('sandbox')}/behaviour/payments`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ failure }),
    }));
  await behave('closed');
  try {
    await work();
  } finally {
    await behave('none');
  }
}

const order = {
  lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500, currency: 'EUR' } }],
  paymentToken: 'tok_visa',
  deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
};

describe('an order with an Idempotency-Key (C2)', () => {
  it('is placed once for each key, however many ask at once', async () => {
    const keys = Array.from({ length: 10 }, () => newId());
    const before = await system.query('orders', 'SELECT 1 FROM orders');

    const answers = await Promise.all(
      keys.flatMap((key) =>
        Array.from({ length: 50 }, async () => ({ key, ...(await request('POST', '/orders', order, { 'Idempotency-Key': key })) })),
      ),
    );

    expect((await system.query('orders', 'SELECT 1 FROM orders')).length - before.length).toBe(keys.length);
    for (const key of keys) {
      const own = answers.filter((answer) => answer.key === key);
      const accepted = own.filter(({ status }) => status === 202);
      expect(accepted.length).toBeGreaterThan(0);
      expect(own.filter(({ status }) => status !== 202 && status !== 409)).toEqual([]);
      const [first] = accepted;
      for (const { body, headers } of accepted) {
        expect(body).toEqual(first!.body);
        expect(headers.get('location')).toBe(first!.headers.get('location'));
      }
      expect(accepted.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
    }
  });

  it('gets the answer it got, after a crash too; another order does not', async () => {
    const key = newId();
    const first = await request('POST', '/orders', order, { 'Idempotency-Key': key });
    await system.stack.service('orders')!.kill();
    await system.stack.startService('orders');

    const again = await request('POST', '/orders', order, { 'Idempotency-Key': `"${key}"` });
    const other = await request('POST', '/orders', { ...order, paymentToken: 'tok_other' }, { 'Idempotency-Key': key });

    expect({ status: again.status, body: again.body }).toEqual({ status: 202, body: first.body });
    expect(other).toMatchObject({ status: 422, body: { type: 'urn:past-tense:problem:idempotency-key-reused' } });
  });
});

describe('the cancellation of an order (C1, C3)', () => {
  it('succeeds while the parcel is here; what was taken is returned, and its customer is told', async () => {
    let placed!: PlacedOrder;
    let job!: Job;
    await whileNobodyPays(async () => {
      placed = await place();
      job = await untilEnded((await cancel(placed.orderId)).jobId);
    });

    expect(job).toMatchObject({ status: 'SUCCEEDED', result: { orderId: placed.orderId, status: 'cancelled' } });
    expect(await orderOf(placed)).toMatchObject({ status: 'cancelled', cancellationReason: 'customer-request' });
    await eventually(async () => {
      const { body } = await system.get('tracking', `/orders/${placed.orderId}/timeline`);
      expect((body as { entries: { topic: string }[] }).entries.map(({ topic }) => topic).sort()).toEqual([
        'order-cancelled',
        'order-placed',
        'payment-captured',
        'payment-refunded',
        'shipment-cancelled',
      ]);
    });
    const { body } = await ask(`${system.stack.url('sandbox')}/books/${placed.orderId}`);
    expect((body as { entries: { kind: string }[] }).entries.map(({ kind }) => kind).sort()).toEqual(['capture', 'refund']);
    await eventually(() => {
      expect(receiver.told('order.cancelled', placed.orderId)).toHaveLength(1);
      expect(receiver.told('job.succeeded', placed.orderId)).toMatchObject([{ kind: 'cancel-order' }]);
      expect(receiver.told('job.failed', placed.orderId)).toMatchObject([
        { kind: 'place-order', failure: { code: 'cancelled-on-request' } },
      ]);
    });
  });

  it('is refused once the parcel has left; the job says why and what to do, and the order stays', async () => {
    const placed = await place();
    await untilOrder(placed, 'completed');

    const job = await untilEnded((await cancel(placed.orderId)).jobId);

    expect(job).toMatchObject({ status: 'FAILED', failure: { code: 'shipment-not-here', action: expect.any(String) as string } });
    expect(await orderOf(placed)).toMatchObject({ status: 'completed' });
  });

  it('that is asked for many times at once is asked for once', async () => {
    await whileNobodyPays(async () => {
      const placed = await place();

      const jobs = await Promise.all(Array.from({ length: 20 }, () => cancel(placed.orderId)));

      const ids = new Set(jobs.map(({ jobId }) => jobId));
      for (const jobId of ids) expect(await untilEnded(jobId)).toMatchObject({ status: 'SUCCEEDED' });
      const commands = await system.query('orders', 'SELECT 1 FROM commands WHERE subject = $1', [placed.orderId]);
      expect(commands).toHaveLength(1);
    });
  });

  it('of an order that has been cancelled already has nothing left to do', async () => {
    const placed = await system.place('declined', { customerId: CUSTOMER });
    await untilOrder(placed, 'cancelled');

    expect(await untilEnded((await cancel(placed.orderId)).jobId)).toMatchObject({ status: 'SUCCEEDED' });
  });
});

describe('the change of an address', () => {
  const change = async ({ orderId }: PlacedOrder, address: object) =>
    (await request('PATCH', `/orders/${orderId}/delivery-address`, address)).body as Job;

  // The street and the rest are sealed in shipping's rows, so what is looked at is where the carrier was told to go.
  it('sends the parcel elsewhere while it is here', async () => {
    const placed = await whilePlacing(async (order) => {
      expect(await untilEnded((await change(order, { country: 'AQ' })).jobId)).toMatchObject({ status: 'SUCCEEDED' });
    });

    expect(await untilOrder(placed, 'cancelled')).toMatchObject({ cancellationReason: 'undeliverable' });
  });

  it('is refused once the parcel has left', async () => {
    const placed = await place();
    await untilOrder(placed, 'completed');

    expect(await untilEnded((await change(placed, { city: 'Hamburg' })).jobId)).toMatchObject({ failure: { code: 'shipment-not-here' } });
  });

  it('names every wrong field at once', async () => {
    const placed = await place();
    const { status, body } = await request('PATCH', `/orders/${placed.orderId}/delivery-address`, {
      city: '',
      country: 'Germany',
      planet: 'Earth',
    });

    expect(status).toBe(400);
    expect((body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer).sort()).toEqual([
      '/city',
      '/country',
      '/planet',
    ]);
  });

  async function whilePlacing(work: (placed: PlacedOrder) => Promise<void>): Promise<PlacedOrder> {
    let placed!: PlacedOrder;
    await whileNobodyPays(async () => work((placed = await place())));
    return placed;
  }
});

describe('a command survives (C1)', () => {
  it('that shipping is away when it is sent', async () => {
    const { stack } = system;
    await whileNobodyPays(async () => {
      const placed = await place();
      await stack.service('shipping')!.kill();
      const { jobId } = await cancel(placed.orderId);
      expect(await jobOf(jobId)).toMatchObject({ status: 'PENDING' });

      await stack.startService('shipping');

      expect(await untilEnded(jobId)).toMatchObject({ status: 'SUCCEEDED' });
    });
  });

  it('that orders is killed after it was accepted', async () => {
    const { stack } = system;
    await whileNobodyPays(async () => {
      const placed = await place();
      await stack.service('shipping')!.kill();
      const { jobId } = await cancel(placed.orderId);
      await stack.service('orders')!.kill();
      await Promise.all([stack.startService('shipping'), stack.startService('orders')]);

      expect(await untilEnded(jobId)).toMatchObject({ status: 'SUCCEEDED' });
    });
  });
});

describe('a job always ends (C3)', () => {
  afterAll(async () => {
    await system.stack.service('orders')!.stop(8_000);
    await system.stack.startService('orders');
  });

  it('when nobody answers, as failed, with a code', async () => {
    const { stack } = system;
    await stack.service('orders')!.stop(8_000);
    await stack.startService('orders', { JOB_TIMEOUT_MS: '1500', COMMAND_EXPIRY_MS: '500' });
    await whileNobodyPays(async () => {
      const placed = await place();
      await stack.service('shipping')!.kill();
      try {
        const cancellation = await cancel(placed.orderId);

        expect(await untilEnded(cancellation.jobId)).toMatchObject({ status: 'FAILED', failure: { code: 'shipping-unreachable' } });
        expect(await untilEnded((await orderOf(placed)).jobId)).toMatchObject({ status: 'FAILED', failure: { code: 'timed-out' } });
        await eventually(() => expect(receiver.told('job.failed', placed.orderId).length).toBeGreaterThanOrEqual(2));
      } finally {
        await stack.startService('shipping');
      }
    });
  });
});

describe('the carrier calls back (C4)', () => {
  it('and the parcel is delivered, once', async () => {
    const placed = await place();
    await untilOrder(placed, 'completed');
    const [shipment] = await system.query<{ tracking_number: string }>(
      'shipping',
      'SELECT tracking_number FROM shipments WHERE order_id = $1',
      [placed.orderId],
    );
    const deliver = async () =>
      (await ask(`${system.stack.url('sandbox')}/carrier/parcels/${shipment!.tracking_number}/delivery`, { method: 'POST' })).body;

    expect(await deliver()).toEqual({ answered: 204 });
    expect(await deliver()).toEqual({ answered: 204 });

    await eventually(async () => {
      const { body } = await system.get('tracking', `/orders/${placed.orderId}/timeline`);
      expect(body).toMatchObject({ status: 'delivered' });
    });
    const delivered = (await readTopic(system.kafka, 'shipment-delivered')).filter(
      ({ headers }) => String(headers['ce_subject']).length > 0,
    );
    expect(delivered).toHaveLength(1);
  });
});

describe('events that come again (R4)', () => {
  it('move no job, send no command and tell nobody twice', async () => {
    await eventually(async () => expect(await system.lag()).toBe(0));
    await receiver.quiet();
    const state = async () => ({
      jobs: await system.query('orders', 'SELECT * FROM jobs ORDER BY id'),
      commands: await system.query('orders', 'SELECT id, attempts, outcome FROM commands ORDER BY id'),
      deliveries: await system.query('orders', 'SELECT id, state FROM webhook_deliveries ORDER BY id'),
      calls: receiver.calls,
    });
    const before = await state();
    expect(before.jobs.length).toBeGreaterThan(10);
    const producer = new KafkaProducer(system.kafka);
    try {
      for (const { name } of allTopics()) {
        const messages = await readTopic(system.kafka, name);
        if (messages.length > 0)
          await producer.publish(
            messages.map(({ key, value, headers }) => ({ topic: name, key, value, headers: headers as Record<string, Buffer> })),
          );
      }
    } finally {
      await producer.disconnect();
    }
    await eventually(async () => expect(await system.lag()).toBe(0));

    expect(await state()).toEqual(before);
  });
});

interface Call {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** A customer's own system: it verifies what it is told, and fails the first time, as such systems do. */
class Receiver {
  secret!: string;
  calls = 0;
  readonly #good: Call[] = [];
  readonly #failedOnce = new Set<string>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        receiver.calls += 1;
        response.writeHead(receiver.#take(Buffer.concat(chunks).toString(), incoming.headers as Record<string, string>)).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  /** What it was told about an order. */
  told(type: string, orderId: string): Record<string, unknown>[] {
    return this.#good.filter((call) => call.type === type && call.data['orderId'] === orderId).map(({ data }) => data);
  }

  /** Waits until everything it is to be told was delivered. */
  async quiet(): Promise<void> {
    await eventually(async () =>
      expect(await system.query('orders', `SELECT 1 FROM webhook_deliveries WHERE state = 'waiting'`)).toEqual([]),
    );
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #take(body: string, headers: Record<string, string>): number {
    const call = new Webhook(this.secret).verify(body, headers) as Call;
    const id = headers['webhook-id']!;
    if (!this.#failedOnce.has(id)) {
      this.#failedOnce.add(id);
      return 500;
    }
    this.#good.push(call);
    return 204;
  }
}
