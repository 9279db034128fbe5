import { kafkaBrokers, testDatabase } from '@past-tense/testing';
import { Client } from 'pg';
import { readDocument, type Document } from './document';
import { orderWithNonsense, stack } from './drill-stack';
import type { Drill } from './drills';

const HOW_TO = 'docs/how-to';
const EVENT_ENDED = /^data: .*"status":"(SUCCEEDED|FAILED)"/m;
const OWN_PASSWORD = 'only-for-tests';
/** A server that is not the stack's, as its superuser. */
let ownPostgres: string;
let order: string;

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

/** Each document with commands that a test can run, by its path. */
export const walks: Record<string, Drill> = {
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
