import { registrySubjects, topicOf, OrderPlaced, PaymentCaptured } from '@past-tense/contracts';
import {
  applyPermissions,
  applyTopics,
  compareTopics,
  declaredPermissions,
  declaredTopics,
  requireTopics,
  SchemaRegistry,
  type KafkaOptions,
  type TopicSpec,
} from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { isolatedKafka, isolatedRegistry } from '@past-tense/testing';
import { run } from '../src/run';

// The program on a Kafka and a registry of its own. The tests build on each other: what one has applied is there for the next.

const DAY_MS = 86_400_000;
const GROW = '--allow-more-partitions shipment-delivered';

type Isolated<F extends () => Promise<unknown>> = Awaited<ReturnType<F>>;
let ofKafka: Isolated<typeof isolatedKafka>;
let ofRegistry: Isolated<typeof isolatedRegistry>;
let url: string;
let options: KafkaOptions;
beforeAll(async () => {
  const authorizer = { users: { catalogue: 'secret-of-the-catalogue', orders: 'secret-of-orders' }, superUsers: ['catalogue'] };
  [ofKafka, ofRegistry] = await Promise.all([isolatedKafka({ authorizer }), isolatedRegistry()]);
  url = ofRegistry.registry.url;
  options = {
    brokers: [ofKafka.kafka.broker],
    clientId: 'test',
    logger: createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' }),
    sasl: { mechanism: 'plain', username: 'catalogue', password: 'secret-of-the-catalogue' },
  };
});
afterAll(async () => {
  await Promise.all([ofKafka.end(), ofRegistry.end()]);
});

async function catalogue(args = '', change: NodeJS.ProcessEnv = {}): Promise<{ code: number; said: string[]; complained: string[] }> {
  const said: string[] = [];
  const complained: string[] = [];
  const environment = {
    KAFKA_BROKERS: ofKafka.kafka.broker,
    SCHEMA_REGISTRY_URL: url,
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_SASL_USERNAME: 'catalogue',
    KAFKA_SASL_PASSWORD: 'secret-of-the-catalogue',
    ...change,
  };
  const code = await run(args.split(' ').filter(Boolean), environment, {
    say: (line) => said.push(line),
    complain: (line) => complained.push(line),
  });
  return { code, said, complained };
}

const nothingToDo = (what: string) => ({ code: 0, said: [`Nothing to do: ${what} are as the contracts declare.`], complained: [] });
const NOTHING_TO_DO = nothingToDo('topics and schemas');
const NOTHING_AT_ALL = nothingToDo('topics, schemas and permissions');
const specOf = (name: string): TopicSpec => declaredTopics().find((spec) => spec.name === name)!;
const differences = async () => (await compareTopics(options, declaredTopics())).differences;
const ask = async (method: string, path: string, body?: object) => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const placed = registrySubjects([topicOf(OrderPlaced)]);
const register = (change: (schema: string) => string) => {
  const { schema, imports } = placed.at(-1)!;
  return ask('POST', '/subjects/order-placed-value/versions', {
    schemaType: 'PROTOBUF',
    schema: change(schema),
    references: imports.map((name) => ({ name, subject: name, version: 1 })),
  });
};

describe('from nothing but a topic that is too narrow', () => {
  beforeAll(async () => void (await applyTopics(options, [{ ...specOf('shipment-delivered'), partitions: 6 }], 1)));

  it('a dry run says what would be done, how to apply it, and does nothing', async () => {
    const { code, said, complained } = await catalogue('--dry-run --acls');

    expect([code, complained]).toEqual([0, []]);
    expect(said).toEqual(
      expect.arrayContaining([
        'topic order-placed-v2 would be created: 12 partitions, kept 90 days, delete',
        'subject order-placed-v2-value would get version 1, rule BACKWARD_TRANSITIVE',
        'payments would be allowed to write to topic payment-captured',
        expect.stringMatching(
          /^Topic shipment-delivered has 6 partitions and is declared with 12\. .*If nothing of that matters, say --allow-more/,
        ),
      ]) as string[],
    );
    expect(said.at(-1)).toBe(`Nothing was changed. To apply it: npm run catalogue -- --acls ${GROW}`);
    expect(await differences()).toHaveLength(declaredTopics().length);
    expect((await ask('GET', '/subjects')).body).toEqual([]);
  });

  it('more partitions are refused with the reason (T3), and then nothing at all is changed', async () => {
    const { code, said, complained } = await catalogue('--acls');

    expect([code, said, complained]).toEqual([
      1,
      [],
      [
        `Topic shipment-delivered has 6 partitions and is declared with 12. A change would send later events of an aggregate to another partition than its earlier ones; keep 6, or publish a new version of the event on a new topic. If nothing of that matters, say ${GROW}.`,
        'Nothing was changed.',
      ],
    ]);
    expect(await differences()).toHaveLength(declaredTopics().length);
    await expect(requireTopics(options, [specOf('order-placed'), specOf('payments.dlq')])).rejects.toThrow(
      'Kafka has no topic order-placed, payments.dlq, or does not show it to catalogue; apply the catalogue (npm run catalogue) first.',
    );
  });

  it('applying says the same in the past tense, and a second time there is nothing to do', async () => {
    const { said: foretold } = await catalogue(`--dry-run --acls ${GROW}`);
    // Two at once, as where two instances of a deployment apply it: neither stumbles over the other.
    const [{ code, said, complained }, other] = await Promise.all([catalogue(`--acls ${GROW}`), catalogue(`--acls ${GROW}`)]);

    expect([code, complained]).toEqual([0, []]);
    expect([other.code, other.complained]).toEqual([0, []]);
    expect(said).toHaveLength(foretold.length - 1);
    expect(said).toContain('topic order-placed was created: 12 partitions, kept 90 days, delete');
    expect(said).toContain('topic shipment-delivered has 12 partitions now, 6 before');
    expect(await differences()).toEqual([]);
    expect(await catalogue('--acls')).toEqual(NOTHING_AT_ALL);
    expect(await catalogue('--dry-run')).toEqual(NOTHING_TO_DO);
  });
});

describe('the permissions', () => {
  it('that no contract declares any more stay, until it is said that nobody works with them', async () => {
    const more = { user: 'orders', operation: 'read', resource: 'topic', name: 'order-placed' } as const;
    await applyPermissions(options, [...declaredPermissions(), more], false);

    expect(await catalogue('--acls')).toMatchObject({
      code: 0,
      said: expect.arrayContaining([
        'note: orders is still allowed to read topic order-placed, which no contract declares; say --revoke when no service of an older build needs it',
      ]) as string[],
    });
    expect((await catalogue('--acls --revoke')).said).toContain('orders is no longer allowed to read topic order-placed');
    expect((await catalogue('--acls --revoke')).said.at(-1)).toBe(
      'Nothing to do: topics, schemas and permissions are as the contracts declare.',
    );
  });

  it('are looked at only with --acls', async () => {
    expect(await catalogue('--revoke')).toMatchObject({ code: 1, complained: ['--revoke belongs to --acls; say both.'] });
  });

  it('a registry may ask for a user, whose password nobody gets to see', async () => {
    const withPassword = url.replace('//', '//somebody:s3cret@');

    expect(await catalogue('', { SCHEMA_REGISTRY_URL: withPassword })).toMatchObject({ code: 0, complained: [] });
    const { complained } = await catalogue('', { SCHEMA_REGISTRY_URL: 'http://somebody:s3cret@127.0.0.1:9/apis' });
    expect(complained.join()).toContain('does not answer at http://127.0.0.1:9/apis');
    expect(complained.join()).not.toContain('s3cret');
  });
});

describe('the topics', () => {
  it('a shorter retention and another cleanup policy are refused, until the topic is named', async () => {
    await applyTopics(options, [{ ...specOf('order-placed'), retentionMs: 200 * DAY_MS }], 1);
    await applyTopics(options, [{ ...specOf('payment-captured'), retentionMs: 30 * DAY_MS }], 1);
    await applyTopics(options, [{ ...specOf('order-completed'), cleanup: 'compact' }], 1);

    // What a service says that starts now.
    await expect(requireTopics(options, declaredTopics())).rejects.toThrow(
      'Topic order-completed has cleanup.policy compact and is declared with delete; apply the catalogue (npm run catalogue). Topic order-placed keeps events for 200 days and is declared with 90 days; apply the catalogue (npm run catalogue). Topic payment-captured keeps events for 30 days',
    );
    const refused = await catalogue();
    expect(refused).toEqual({
      code: 1,
      said: [],
      complained: [
        'Cleanup of order-completed would go from compact to delete: events older than 90 days would be lost. If nobody needs them, say --allow-data-loss order-completed.',
        'Retention of order-placed would go from 200 to 90 days: events older than 90 days would be lost. If nobody needs them, say --allow-data-loss order-placed.',
        'Nothing was changed.',
      ],
    });
    expect(await differences()).toHaveLength(3);
    expect(await catalogue('--dry-run --allow-data-loss order-placed')).toEqual({
      code: 0,
      said: [
        'Cleanup of order-completed would go from compact to delete: events older than 90 days would be lost. If nobody needs them, say --allow-data-loss order-completed.',
        'retention of order-placed would go from 200 to 90 days: events older than 90 days would be lost',
        'retention of payment-captured would go from 30 to 90 days',
        'Nothing was changed. To apply it: npm run catalogue -- --allow-data-loss order-placed --allow-data-loss order-completed',
      ],
      complained: [],
    });

    expect((await catalogue('--allow-data-loss order-placed --allow-data-loss order-completed')).said).toEqual([
      'cleanup of order-completed went from compact to delete: events older than 90 days are lost',
      'retention of order-placed went from 200 to 90 days: events older than 90 days are lost',
      'retention of payment-captured went from 30 to 90 days',
    ]);
    expect(await catalogue()).toEqual(NOTHING_TO_DO);
  });

  it('fewer partitions are refused always; what somebody has left behind is a note', async () => {
    const left = { ...specOf('order-placed'), name: 'kitchen.dlq' };
    await applyTopics(options, [{ ...specOf('order-placed'), partitions: 15 }, left], 1, new Set(['order-placed']));
    const reason =
      'Topic order-placed has 15 partitions and is declared with 12. A change would send later events of an aggregate to another partition than its earlier ones, and Kafka can only add partitions; keep 15, or publish a new version of the event on a new topic.';
    const note =
      'note: topic kitchen.dlq is on Kafka and no contract declares it; it is left as it is, delete it if it was ours and nobody needs its events';

    expect(await catalogue('--allow-more-partitions order-placed')).toEqual({
      code: 1,
      said: [note],
      complained: [reason, 'Nothing was changed.'],
    });
    expect(await catalogue('--dry-run')).toMatchObject({ code: 1, complained: [reason] });
  });
});

describe('the schemas', () => {
  it.each<[string, (schema: string) => string]>([
    ['retyped', (schema) => schema.replace('string customer_id', 'int64 customer_id')],
    ['renamed', (schema) => schema.replace('customer_id = 2', 'buyer_id = 2')],
    ['removed', (schema) => schema.replace(/ {2}string customer_id = 2 [^;]*;\n/, '')],
    ['renumbered', (schema) => schema.replace('customer_id = 2', 'customer_id = 22')],
  ])('the registry refuses a field that is %s (S2)', async (_, change) => {
    expect((await ask('GET', '/config/order-placed-value')).body).toEqual({ compatibilityLevel: 'BACKWARD_TRANSITIVE' });
    expect(await register(change)).toMatchObject({ status: 409 });
  });

  // Two catalogues that were applied at once may each have got a version of the same schema: Apicurio does not keep them apart.
  const versionsOf = async (subject: string) => (await ask('GET', `/subjects/${subject}/versions`)).body as unknown as number[];

  it('comments and layout make no version: neither a start nor the catalogue minds them', async () => {
    const annotated = (schema: string) =>
      `// Said anew.\n${schema.replace('// The order.', '/* The order, that is. */').replaceAll('  ', '\t')}`;
    const client = new SchemaRegistry(url);
    const subjects = placed.map((subject) => ({ ...subject, schema: annotated(subject.schema) }));

    const before = await versionsOf('order-placed-value');

    expect(await client.plan(subjects)).toEqual(placed.map(({ subject }) => ({ subject, refused: false })));
    expect((await client.register(subjects)).get('order-placed-value')).toEqual(
      (await client.find([topicOf(OrderPlaced)])).get('order.v1.OrderPlaced'),
    );
    expect(await versionsOf('order-placed-value')).toEqual(before);
    // Apicurio itself takes a comment for a new version.
    expect((await register(annotated)).status).toBe(200);
    expect(await versionsOf('order-placed-value')).toEqual([...before, before.at(-1)! + 1]);
  });

  it('one that a registered version is incompatible with is refused in a sentence, and nothing is changed', async () => {
    await ask('DELETE', '/subjects/payment-captured-value');
    const other = 'syntax = "proto3";\npackage payment.v1;\nmessage PaymentCaptured { int32 payment_id = 1; }\n';
    await ask('POST', '/subjects/payment-captured-value/versions', { schemaType: 'PROTOBUF', schema: other });
    await ask('PUT', '/config/payment-captured-value', { compatibility: 'NONE' });
    const sentence =
      'The schema registry refuses the new version of payment-captured-value, because its rule BACKWARD_TRANSITIVE finds it incompatible with a registered one; undo what was removed, renamed, renumbered or retyped, or publish a new version of the event on a new topic. Where the gate of the contracts has let a deprecated field go, say --allow-incompatible payment-captured-value.';
    const client = new SchemaRegistry(url);
    const captured = registrySubjects([topicOf(PaymentCaptured)]);
    const newVersion = (await versionsOf('payment-captured-value')).at(-1)! + 1;

    expect((await client.plan(captured)).at(-1)).toEqual({
      subject: 'payment-captured-value',
      newVersion,
      otherRule: 'NONE',
      refused: false,
    });
    await client.setRule(['payment-captured-value']);
    expect((await client.plan(captured)).at(-1)).toEqual({ subject: 'payment-captured-value', newVersion, refused: true });
    await expect(client.register(captured)).rejects.toThrow(sentence);
    expect((await catalogue()).complained).toContain(sentence);
    await expect(client.find([topicOf(PaymentCaptured)])).rejects.toThrow(
      /does not have payment-captured-value as this build has it; apply the catalogue/,
    );

    await client.register(captured, new Set(['payment-captured-value']));
    expect((await client.plan(captured)).at(-1)).toEqual({ subject: 'payment-captured-value', refused: false });
  });
});

describe('what is wrong is said in one sentence', () => {
  it.each<[string, string, NodeJS.ProcessEnv, string | RegExp]>([
    ['an unknown flag', '--force', {}, "Unknown option '--force'. See npm run catalogue -- --help."],
    ['a flag without its topic', '--allow-data-loss', {}, /^Option '--allow-data-loss <value>' argument missing/],
    ['an unknown topic', '--allow-data-loss lunch', {}, /^No contract declares a topic "lunch"; there are customer-forgotten, /],
    ['an unknown subject', '--allow-incompatible lunch-value', {}, /^No contract needs a subject "lunch-value"; there are /],
    ['an address that is none', '', { SCHEMA_REGISTRY_URL: 'registry' }, /SCHEMA_REGISTRY_URL is not right \(must be an http address\)/],
    [
      'no broker',
      '',
      { KAFKA_BROKERS: '127.0.0.1:9' },
      /Kafka does not answer at 127\.0\.0\.1:9 .*; check KAFKA_BROKERS and that Kafka runs\.$/,
    ],
    ['half of a user', '', { KAFKA_SASL_USERNAME: '' }, /belong together and KAFKA_SASL_USERNAME is not set/],
    ['a wrong password', '', { KAFKA_SASL_PASSWORD: 'guess' }, /does not take catalogue for who it says it is; check KAFKA_SASL_MECHANISM/],
    [
      'a user who may grant nothing',
      '--acls --dry-run',
      { KAFKA_SASL_USERNAME: 'orders', KAFKA_SASL_PASSWORD: 'secret-of-orders' },
      /does not let orders see/,
    ],
  ])('%s', async (_, args, change, sentence) => {
    const { code, said, complained } = await catalogue(args, change);

    expect([code, said, complained]).toEqual([1, [], [expect.stringMatching(sentence)]]);
    expect(complained.join()).not.toMatch(/guess|secret/);
  });

  it('an address where no schema registry is', async () => {
    const elsewhere = `${new URL(url).origin}/elsewhere`;

    expect((await catalogue('', { SCHEMA_REGISTRY_URL: elsewhere })).complained).toEqual([
      `The catalogue was not applied. What answers at ${elsewhere} (with 404) is no schema registry; check SCHEMA_REGISTRY_URL.`,
    ]);
  });

  it('and help is given to whoever asks', async () => {
    expect((await catalogue('--help')).said.join()).toContain('--allow-more-partitions <topic>');
  });
});
