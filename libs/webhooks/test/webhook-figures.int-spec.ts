import type { INestApplication } from '@nestjs/common';
import type { Database } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { startTelemetry } from '@past-tense/telemetry';
import { eventually, testDatabase } from '@past-tense/testing';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { Receiver } from './receiver';
import { openDatabase, startService } from './running-service';
import { Webhooks, webhookSettings, WebhooksModule, WEBHOOKS_MIGRATIONS } from '../src/index';
import { Subscriptions } from '../src/subscriptions/subscriptions';

const telemetry = startTelemetry({ service: 'test', version: '1' });
let database: Database;
let app: INestApplication;
let server: Server;
let refusing: Receiver;
beforeAll(async () => {
  database = await openDatabase(await testDatabase(), WEBHOOKS_MIGRATIONS);
  const settings = z.object(webhookSettings).parse({ WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8', WEBHOOK_RETRY_DELAYS_MS: '1' });
  ({ app } = await startService(database, settings, [WebhooksModule.register({ events: { 'job.failed': 'A job has failed.' } })]));
  refusing = await Receiver.start((response) => void response.writeHead(500).end());
  server = createServer((request, response) => telemetry.serveMetrics(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await app.close();
  await refusing.stop();
  await database.close();
  server.close();
  await telemetry.shutdown();
});

async function figure(line: RegExp): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)).text();
  const found = text.split('\n').filter((candidate) => line.test(candidate));
  expect(found).toHaveLength(1);
  return Number(found[0]!.split(' ')[1]);
}
const parked = () => database.query({ name: 'parked', text: `SELECT type FROM webhook_deliveries WHERE state = 'parked'` });

it('the figures tell what is parked, and a test that an owner made is no alarm', async () => {
  const subscription = await app.get(Subscriptions).add('ada', new URL(refusing.url), ['job.failed']);
  await app.get(Webhooks).test(subscription!.id);
  await eventually(async () => expect(await parked()).toEqual([{ type: 'webhook.test' }]));
  expect(await figure(/^past_tense_webhooks_parked\b/)).toBe(0);

  await database.transaction((transaction) =>
    app.get(Webhooks).announce(transaction, { owner: 'ada', type: 'job.failed', subject: newId(), occurredAt: new Date(), data: {} }),
  );

  await eventually(async () => expect(await parked()).toHaveLength(2));
  expect(await figure(/^past_tense_webhooks_parked\b/)).toBe(1);
});
