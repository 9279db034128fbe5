import { followOrder, freePort, PART_PORTS, ROOT, SERVICE_PORTS, Stack, type KafkaUser, type StackOptions } from '@past-tense/local';
import {
  applyPermissions,
  consumerLag,
  declaredPermissions,
  KafkaProducer,
  readTopic,
  requireTopics,
  type KafkaOptions,
} from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { eventually } from '@past-tense/testing';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Kafka asks who is calling, and lets nobody do what no contract declares (P1).

const logger = createLogger({ service: 'e2e', version: '1', level: 'silent', format: 'json' });
const GROUPS = ['orders', 'payments', 'shipping', 'tracking'] as const;
/** What Kafka has answered: the client makes of a forbidden group one that nobody coordinates. */
const answered: unknown[] = [];
beforeEach(() => answered.splice(0));

let folder: string;
let stack: Stack;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'past-tense-access-'));
  const ports: Record<string, number> = {};
  for (const part of Object.keys({ ...SERVICE_PORTS, ...PART_PORTS })) ports[part] = await freePort();
  stack = new Stack({
    folder,
    jarsFolder: join(ROOT, '.past-tense', 'jars'),
    ports: ports as unknown as StackOptions['ports'],
    authorizer: true,
  });
  await stack.startInfrastructure();
  await stack.startServices();
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Kafka as a user sees it; as nobody, if there is none. */
function as(user?: KafkaUser, password?: string): KafkaOptions {
  const onLog: KafkaOptions['onLog'] = (_, { error }) => answered.push(error);
  const kafka = { brokers: [stack.kafka.broker], clientId: 'e2e', logger, onLog };
  if (!user) return kafka;
  return { ...kafka, sasl: { mechanism: 'plain', username: user, password: password ?? stack.kafkaUserEnv(user)['KAFKA_SASL_PASSWORD']! } };
}

async function produce(kafka: KafkaOptions, topic: string): Promise<void> {
  const producer = new KafkaProducer(kafka);
  try {
    await producer.publish([{ topic, key: 'somebody', value: Buffer.from('something'), headers: {} }]);
  } finally {
    await producer.disconnect();
  }
}

async function expectForbiddenGroup(work: Promise<unknown>): Promise<void> {
  answered.splice(0);
  await expect(work).rejects.toThrow();
  expect(answered).toContain('Not authorized to access group: Group authorization failed');
}

it('an order completes with the permissions that the contracts declare', async () => {
  const urls = { orders: stack.url('orders'), tracking: stack.url('tracking'), issuer: stack.issuer.url };

  const { orderId } = await followOrder(urls, 'happy', 30_000);

  const completed = await readTopic(as('catalogue'), 'order-completed', ({ key }) => key?.toString());
  expect(completed).toEqual([orderId]);
});

it('a service writes to what it publishes and to nothing else', async () => {
  for (const topic of ['order-placed', 'order-placed-v2', 'shipment-dispatched', 'orders.dlq', 'orders.retry-5s', '__consumer_offsets'])
    await expect(produce(as('payments'), topic)).rejects.toThrow(/^Kafka refuses a record for .*: Not authorized to access topics/);
  expect(await readTopic(as('catalogue'), 'order-placed')).toHaveLength(1);

  await expect(produce(as('payments'), 'payments.dlq')).resolves.toBeUndefined();
});

it('a service reads what it consumes and nothing else', async () => {
  for (const topic of ['order-completed', 'orders.dlq', 'shipping.retry-1m'])
    await expect(readTopic(as('payments'), topic)).rejects.toThrow('Not authorized to access topics');
});

it('a service takes part in its own group and in no other', async () => {
  expect(await consumerLag(as('payments'), 'payments', ['order-placed'])).toHaveLength(12);

  await expectForbiddenGroup(consumerLag(as('payments'), 'orders', ['order-placed']));
  // It may read the topic; it is the group of another name that it may not join.
  await expectForbiddenGroup(readTopic(as('payments'), 'order-placed'));
});

it('lag-watch sees how far every group is behind, and no event', async () => {
  const port = String(await freePort());
  const watch = spawn(process.execPath, [join(ROOT, 'infra', 'lag-watch', 'dist', 'main.js')], {
    env: {
      ...process.env,
      ...stack.kafkaUserEnv('lag-watch'),
      KAFKA_BROKERS: stack.kafka.broker,
      HTTP_PORT: port,
      LOOK_EVERY_MS: '200',
      LOG_LEVEL: 'fatal',
    },
    stdio: 'ignore',
  });
  try {
    await eventually(async () => {
      const figures = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      for (const group of GROUPS) expect(figures).toMatch(new RegExp(`past_tense_group_members\\{[^}]*group_name="${group}"[^}]*\\} 1`));
    });
  } finally {
    watch.kill();
  }
  await expectForbiddenGroup(readTopic(as('lag-watch'), 'order-placed'));
  await expect(produce(as('lag-watch'), 'order-placed')).rejects.toThrow('Not authorized to access topics');
});

it('the tools that feed a consumer again and rebuild its read model work as the user replay, which may write no event', async () => {
  const env = {
    ...stack.serviceEnv('tracking'),
    ...stack.kafkaUserEnv('replay'),
    TRACKING_DATABASE_URL: stack.postgres.url('tracking'),
  };
  const run = async (tool: string, ...args: string[]) => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'tools', tool, 'dist', 'main.js'), ...args, '--consumer', 'tracking', '--yes', '--json'],
      {
        env: { ...process.env, ...env },
      },
    );
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, said]).toEqual([0, expect.stringMatching(/^\{/)]);
    return JSON.parse(said) as Record<string, unknown>;
  };
  const hour = ['--from', new Date(Date.now() - 3_600_000).toISOString(), '--to', new Date().toISOString()];

  expect(await run('replay', '--topic', 'order-placed', ...hour)).toMatchObject({ events: 1, absorbed: 1, failed: 0 });
  expect(await run('rebuild', '--why', 'to see')).toMatchObject({ swapped: true, equal: true });
  await expect(produce(as('replay'), 'order-placed')).rejects.toThrow('Not authorized to access topics');
  await expectForbiddenGroup(readTopic(as('replay'), 'order-placed'));
});

it('whoever does not say who they are, or says it wrongly, gets nothing but a sentence without a secret', async () => {
  await expect(requireTopics(as(), [])).rejects.toThrow(
    /^Kafka does not answer at .*; if it asks who is calling, set KAFKA_SASL_MECHANISM/,
  );
  await expect(requireTopics(as('payments', 'guessed-wrong'), [])).rejects.toThrow(
    `Kafka at ${stack.kafka.broker} does not take payments for who it says it is; check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.`,
  );
  await expect(produce(as('payments', 'guessed-wrong'), 'payment-captured')).rejects.not.toThrow(/guessed-wrong/);
});

it('only the catalogue grants permissions, and it has none to grant a second time', async () => {
  await expect(applyPermissions(as('orders'), declaredPermissions(), false)).rejects.toThrow(
    'does not let orders see who may do what; apply the catalogue as a user that is in super.users.',
  );
  expect(await applyPermissions(as('catalogue'), declaredPermissions(), true)).toEqual({ missing: [], surplus: [], notes: [] });
});

it("a service with another's credentials does not start, and says why", async () => {
  await stack.service('payments')!.stop(8_000);

  await expect(stack.startService('payments', stack.kafkaUserEnv('orders'))).rejects.toThrow(
    /payments cannot start\. Kafka has no topic .*, or does not show it to orders; apply the catalogue/,
  );
});
