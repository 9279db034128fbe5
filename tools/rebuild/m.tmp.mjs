// How fast a rebuild is, and whether its memory stays flat: `node tools/rebuild/measure.mjs [--events 1000000] [--again]`. It starts a stack of its own,
// publishes the facts about that many events' worth of orders, and rebuilds tracking from them; `--again` rebuilds it once more, so that two equal
// read models are compared.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare, root } from '../prepare.mjs';


const { Kafka, logLevel } = await import('kafkajs');
const { allTopics, fact, OrderCompleted, OrderPlaced, PaymentCaptured, ShipmentDelivered, ShipmentDispatched } =
  await import('@past-tense/contracts');
const { newId } = await import('@past-tense/envelope');
const { KafkaProducer, offsetsOf } = await import('@past-tense/messaging');
const { createLogger } = await import('@past-tense/telemetry');
const { aRecord, eventually, isolatedStack } = await import('@past-tense/testing');

const { values } = parseArgs({ options: { events: { type: 'string', default: '1000000' }, again: { type: 'boolean', default: false } } });
const EVENTS = Number(values.events);
const ORDERS_AT_ONCE = 400;
const SAMPLE_EVERY_MS = 500;
const TICKS_PER_SECOND = 100;
const DAYS_MS = 60 * 86_400_000;
const address = { recipient: 'Ada Lovelace', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' };
const price = { minorUnits: 3499n, currency: 'EUR' };
const topics = allTopics().flatMap(({ name, consumers }) => (consumers.includes('tracking') ? [name] : []));

/** What happens to an order that all goes well with. */
function factsOf(timestampMs) {
  const [orderId, paymentId, shipmentId, correlationId] = [newId(), newId(), newId(), newId()];
  const at = (happened, change = {}) => ({ ...aRecord(happened, { correlationId, ...change }), timestampMs });
  return [
    at(
      fact(OrderPlaced, {
        orderId,
        customerId: newId(),
        lines: [{ sku: 'teapot', quantity: 1, unitPrice: price }],
        total: price,
        paymentToken: 'tok_visa',
        deliveryAddress: address,
      }),
    ),
    at(fact(PaymentCaptured, { paymentId, orderId, amount: price, providerReference: 'cap_1' })),
    at(fact(ShipmentDispatched, { shipmentId, orderId, trackingNumber: 'PT1' })),
    at(fact(ShipmentDelivered, { shipmentId, orderId }), { aggregateVersion: 2 }),
    at(fact(OrderCompleted, { orderId }), { aggregateVersion: 2 }),
  ];
}

async function publish(kafka) {
  const producer = new KafkaProducer(kafka);
  const startedAt = Date.now();
  for (let published = 0; published < EVENTS;) {
    const timestampMs = Math.round(startedAt - DAYS_MS + (DAYS_MS * published) / EVENTS);
    const records = Array.from({ length: ORDERS_AT_ONCE }, () => factsOf(timestampMs))
      .flat()
      .slice(0, EVENTS - published);
    await eventually(() => producer.publish(records)); // A broker that was just started may not know yet that it leads.
    published += records.length;
    if (published % 100_000 < records.length) console.log(`${published.toLocaleString('en')} events are published`);
  }
  await producer.disconnect();
}

/** Says for the consumer that it has processed everything: a million events more would only be waited for. */
async function passAll(kafka) {
  const ends = await offsetsOf(kafka, topics);
  const consumer = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).consumer({ groupId: 'tracking' });
  await consumer.connect();
  await consumer.subscribe({ topics });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ autoCommit: false, eachBatch: async () => undefined });
  await joined;
  const passed = ends.map(({ topic, partition, high }) => ({ topic, partition, offset: String(high) }));
  await eventually(() => consumer.commitOffsets(passed)); // A broker that was just started takes a moment to make the group.
  await consumer.disconnect();
}

async function rebuild(stack, ...options) {
  const own = stack.serviceEnv('tracking');
  const args = [join(root, 'tools', 'rebuild', 'dist', 'main.js'), '--consumer', 'tracking', '--yes', '--json', ...options];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...own, TRACKING_DATABASE_URL: own.DATABASE_URL },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  const memory = [];
  const startedAt = performance.now();
  let cpuSeconds = 0;
  const sampling = setInterval(() => {
    memory.push(megabytesOf(child.pid));
    cpuSeconds = cpuSecondsOf(child.pid) || cpuSeconds;
  }, SAMPLE_EVERY_MS);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(sampling);
  if (code !== 0) throw new Error(`The rebuild ended with ${code}. ${out}`);
  const outcome = JSON.parse(out);
  const half = Math.floor(memory.length / 2);
  console.log({
    cores: cpus().length,
    events: outcome.counts.applied,
    secondsWithItsStart: Math.round((performance.now() - startedAt) / 1_000),
    seconds: Math.round(outcome.seconds),
    eventsPerSecond: Math.round(outcome.counts.applied / outcome.seconds),
    cpuSeconds,
    peakMegabytesInTheFirstHalf: Math.max(...memory.slice(0, half)),
    peakMegabytesInTheSecondHalf: Math.max(...memory.slice(half)),
    equal: outcome.equal,
    consumerStoodStillSeconds: outcome.consumerWaitedMs / 1_000,
    readsWaitedMs: outcome.readersWaitedMs,
    rows: outcome.comparison.map(({ table, servingRows, copyRows }) => ({ table, servingRows, copyRows })),
  });
}

/** What a process holds in memory; 0 once it has ended. */
function megabytesOf(pid) {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);
  } catch {
    return 0;
  }
}

/** Processor time that a process has used; 0 once it has ended. */
function cpuSecondsOf(pid) {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
    return (Number(user) + Number(system)) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

const { stack, end } = await isolatedStack();
try {
  await stack.startInfrastructure();
  const kafka = {
    brokers: [stack.kafka.broker],
    clientId: 'measure',
    logger: createLogger({ service: 'measure', version: '1', level: 'silent', format: 'json' }),
  };
  await publish(kafka);
  await passAll(kafka);
  // Nothing serves yet, so everything is a difference.
  await rebuild(stack, '--allow-differences');
  if (values.again) await rebuild(stack);
} finally {
  await end();
}
