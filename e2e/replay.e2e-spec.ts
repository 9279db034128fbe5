import { allTopics } from '@past-tense/contracts';
import { tokenOf } from '@past-tense/local';
import { offsetsOf } from '@past-tense/messaging';
import { ask, eventually } from '@past-tense/testing';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { everythingKept } from './kept';
import { CONSUMERS, System, type PlacedOrder, type Wish } from './system';
import { runTool, Tool } from './tool';

interface Replayed {
  readonly id: string;
  readonly events: number;
  readonly applied: number;
  readonly absorbed: number;
  readonly waiting: number;
  readonly failed: number;
}

const WISHES: readonly Wish[] = ['happy', 'happy', 'declined', 'undeliverable', 'happy'];
const CUSTOMER = '019aa000-0000-7000-8000-000000000007';

let system: System;
let receiver: Server;
let posted = 0;
let folder: string;
let placed: PlacedOrder[];
let from: string;
let to: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'past-tense-replay-'));
  receiver = createServer((request, response) => {
    posted += 1;
    request.resume();
    response.end();
  }).listen(0, '127.0.0.1');
  system = await System.start({ WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8', COMMAND_EXPIRY_MS: '60000' });
  const customer = { authorization: `Bearer ${await tokenOf(system.stack.issuer.url, 'customer-7')}`, 'content-type': 'application/json' };
  const { port } = receiver.address() as AddressInfo;
  const subscription = { url: `http://127.0.0.1:${port}/`, events: ['job.succeeded', 'job.failed', 'order.completed', 'order.cancelled'] };
  await ask(`${system.stack.url('orders')}/webhooks`, { method: 'POST', headers: customer, body: JSON.stringify(subscription) });

  from = new Date().toISOString();
  placed = await Promise.all(WISHES.map((wish) => system.place(wish, { customerId: CUSTOMER })));
  await Promise.all(placed.map((order, i) => system.untilOver(order, WISHES[i]!)));
  // Asked too late, which shipping answers: a command that was sent, and a job that failed.
  await ask(`${system.stack.url('orders')}/orders/${placed[0]!.orderId}/cancellation`, { method: 'POST', headers: customer });
  await untilQuiet();
  to = new Date().toISOString();
});
afterAll(async () => {
  await system.end();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

const topicsOf = (consumer: string) =>
  allTopics().flatMap(({ name, consumers }) => (consumers.includes(consumer) ? ['--topic', name] : []));
const replay = (consumer: string, ...more: string[]) =>
  runTool<Replayed>(system, 'replay', [...topicsOf(consumer), '--from', from, '--to', to, '--consumer', consumer, '--yes', ...more]);

/** Waits until everything that was begun has ended: nobody is behind, no job is open, and every webhook has arrived. */
async function untilQuiet(): Promise<void> {
  await eventually(async () => {
    const [open] = await system.query<{ jobs: number; deliveries: number }>(
      'orders',
      `SELECT (SELECT count(*)::int FROM jobs WHERE status NOT IN ('SUCCEEDED', 'FAILED')) AS jobs,
              (SELECT count(*)::int FROM webhook_deliveries WHERE state <> 'delivered') AS deliveries`,
    );
    expect({ ...open, lag: await system.lag() }).toEqual({ jobs: 0, deliveries: 0, lag: 0 });
  });
}

async function forgetWhatWasProcessed(): Promise<void> {
  for (const consumer of CONSUMERS) await system.query(consumer, 'DELETE FROM processed_events WHERE consumer = $1', [consumer]);
}

it('everything replayed to everybody changes nothing: no charge, no parcel, no job, no webhook, no command, no event (R4, Q1)', async () => {
  const before = await everythingKept(system);
  const webhooks = posted;
  expect(webhooks).toBeGreaterThanOrEqual(WISHES.length);

  const outcomes = await Promise.all(CONSUMERS.map((consumer) => replay(consumer)));

  for (const { events, absorbed, applied, failed } of outcomes)
    expect({ absorbed, applied, failed }).toEqual({ absorbed: events, applied: 0, failed: 0 });
  expect(await everythingKept(system)).toEqual(before);
  expect(posted).toBe(webhooks);
});

it('a tool that is killed goes on with the same command: every event is fed, and none counts twice (R1)', async () => {
  const before = await everythingKept(system);
  const command = [...topicsOf('tracking'), '--from', from, '--to', to, '--consumer', 'tracking', '--yes'];
  const killed = new Tool(system, 'replay', [...command, '--rate', '10']);
  const begun = await eventually(async () => {
    const [row] = await system.query<{ id: string; fed: string }>('tracking', `SELECT id, fed FROM replays WHERE state = 'feeding'`);
    expect(Number(row?.fed)).toBeGreaterThan(2);
    return row!;
  });
  await killed.kill();

  const done = await runTool<Replayed>(system, 'replay', command);

  expect(done).toMatchObject({ id: begun.id, absorbed: done.events, applied: 0, failed: 0 });
  expect(await everythingKept(system)).toEqual(before);
});

it('even with dedup forgotten, nobody is charged, nothing is sent and no job moves back (D2, R4)', async () => {
  const before = await everythingKept(system);
  const webhooks = posted;
  await forgetWhatWasProcessed();

  for (const consumer of CONSUMERS) expect(await replay(consumer)).toMatchObject({ failed: 0, waiting: 0 });

  await untilQuiet();
  expect(await everythingKept(system)).toEqual(before);
  expect(posted).toBe(webhooks);
});

it('a missed hour is restored by deriving it again; a consumer with effects outside refuses that (R1, R3)', async () => {
  const before = await everythingKept(system);
  await system.query('tracking', 'DELETE FROM timeline WHERE published_at >= $1 AND published_at < $2', [from, to]);
  expect((await everythingKept(system))['tracking.timeline']).not.toBe(before['tracking.timeline']);
  expect(await replay('tracking')).toMatchObject({ applied: 0 }); // Dedup holds, so this brings nothing back.

  const derived = await replay('tracking', '--generation', '2');

  expect(derived).toMatchObject({ applied: derived.events, absorbed: 0, failed: 0 });
  expect(await everythingKept(system)).toEqual(before);
  for (const consumer of ['payments', 'shipping', 'orders'])
    await expect(replay(consumer, '--generation', '2')).rejects.toThrow(`${consumer} is not derived again: `);
  await expect(replay('tracking', '--generation', '9')).rejects.toThrow(
    'tracking is at generation 2, so --generation 9 is none: 3 is the next',
  );
});

it('what was exported to a file can be fed from it', async () => {
  const file = join(folder, 'orders.jsonl');
  const span = ['--topic', 'order-placed', '--from', from, '--to', to];
  const written = await runTool<{ events: number }>(system, 'replay', ['export', ...span, '--file', file]);
  expect(written.events).toBe(WISHES.length);
  await system.query('tracking', `DELETE FROM timeline WHERE topic = 'order-placed'`);
  await system.query('tracking', `DELETE FROM processed_events WHERE consumer = 'tracking'`);

  const fed = await runTool<Replayed>(system, 'replay', ['--from-file', file, '--consumer', 'tracking', '--yes']);

  expect(fed).toMatchObject({ events: WISHES.length, applied: WISHES.length });
  const rows = await system.query('tracking', `SELECT 1 FROM timeline WHERE topic = 'order-placed'`);
  expect(rows).toHaveLength(WISHES.length);
});

it('the live flow goes on during a replay, and the other consumers do not notice it', async () => {
  const own = (consumer: string) => offsetsOf(system.kafka, [`${consumer}.replay`]);
  const others = await Promise.all(['orders', 'payments', 'shipping'].map(own));
  const slow = new Tool(system, 'replay', [
    ...topicsOf('tracking'),
    '--from',
    from,
    '--to',
    to,
    '--consumer',
    'tracking',
    '--yes',
    '--rate',
    '10',
  ]);

  const order = await system.place('happy');
  await system.untilOver(order, 'happy');

  expect((await slow.ended).code).toBe(0);
  expect(await Promise.all(['orders', 'payments', 'shipping'].map(own))).toEqual(others);
});

it('says in a sentence what is wrong with a request, and does nothing', async () => {
  const when = (begin: string, end: string) => ['--topic', 'order-placed', '--from', begin, '--to', end, '--consumer', 'tracking'];
  const ended = await Promise.all(
    [
      when('2020-01-01', '2020-01-02'),
      when('2099-01-01', '2099-01-02'),
      when(from, to),
      ['--topic', 'order-completed', '--from', from, '--to', to, '--consumer', 'payments'],
    ].map((args) => new Tool(system, 'replay', args).ended),
  );
  expect(ended.map(({ code, complaints }) => [code, complaints.trim()])).toEqual([
    [1, expect.stringMatching(/^Nothing was published on order-placed before 2020-01-02T00:00:00.000Z; the first event is of \S+Z\.$/)],
    [1, expect.stringMatching(/^Nothing was published on order-placed at 2099-01-01T00:00:00.000Z or later; the last event is of \S+Z\.$/)],
    [1, 'Nothing was fed: nobody can be asked here. Say --yes if that is what you want.'],
    [1, 'payments does not consume order-completed; its consumers are tracking.'],
  ]);
});
