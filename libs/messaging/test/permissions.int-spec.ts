import { createLogger } from '@past-tense/telemetry';
import { eventually, isolatedKafka } from '@past-tense/testing';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes, type Admin } from 'kafkajs';
import { applyPermissions, applyTopics, comparePermissions, type KafkaOptions, type Permission } from '../src/index';
import { KafkaJsSource } from '../src/kafka/kafkajs/source';

// A broker that asks who is calling. Its offsets topic cannot be created, because one broker cannot keep three copies: nobody coordinates a
// group until a test makes the topic itself.

const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });
const users = { catalogue: 'c-secret', reader: 'r-secret', stranger: 's-secret' };
const TOPIC = 'order-completed';
const declared: Permission[] = [
  { user: 'reader', operation: 'read', resource: 'topic', name: TOPIC },
  { user: 'reader', operation: 'read', resource: 'group', name: 'reader' },
];

let isolated: Awaited<ReturnType<typeof isolatedKafka>>;
let brokers: string[];
let admin: Admin;
beforeAll(async () => {
  isolated = await isolatedKafka({
    authorizer: { users, superUsers: ['catalogue'] },
    properties: { 'offsets.topic.replication.factor': 3 },
  });
  brokers = [isolated.kafka.broker];
  admin = new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    sasl: { mechanism: 'plain', username: 'catalogue', password: users.catalogue },
  }).admin();
  await admin.connect();
  await applyTopics(as('catalogue'), [{ name: TOPIC, partitions: 1, retentionMs: 86_400_000, cleanup: 'delete' }], 1);
  await applyPermissions(as('catalogue'), declared, false);
});
afterAll(async () => {
  await admin.disconnect();
  await isolated.end();
});

function as(username: keyof typeof users): KafkaOptions {
  return { brokers, clientId: 'test', logger, sasl: { mechanism: 'plain', username, password: users[username] } };
}

/** What the client has logged. */
const said: string[] = [];
beforeEach(() => said.splice(0));

function sourceOf(group: string, onFatal: (error: Error) => void): KafkaJsSource {
  const nothing = { onBatch: () => undefined, onRevoked: () => undefined, onAssigned: () => undefined, onLost: () => undefined };
  const listening = Object.assign(Object.create(logger) as typeof logger, {
    warn: (_: object, message: string) => void said.push(message),
  });
  return new KafkaJsSource({ ...as('reader'), ...nothing, logger: listening, group, topics: [TOPIC], sessionTimeoutMs: 6_000, onFatal });
}

it('grants what is missing, takes away what our users have besides, and leaves the rest alone with a note', async () => {
  const more: Permission = { user: 'reader', operation: 'write', resource: 'topic', name: TOPIC };
  expect(await applyPermissions(as('catalogue'), [...declared, more], false)).toEqual({ missing: [more], surplus: [], notes: [] });
  const byHand = {
    host: '*',
    resourceType: AclResourceTypes.TOPIC,
    resourceName: 'order-',
    resourcePatternType: ResourcePatternTypes.PREFIXED,
  };
  await admin.createAcls({
    acl: [
      { ...byHand, principal: 'User:stranger', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW },
      { ...byHand, principal: 'User:reader', operation: AclOperationTypes.DELETE, permissionType: AclPermissionTypes.DENY },
      {
        ...byHand,
        resourceName: 'unrelated',
        principal: 'User:stranger',
        operation: AclOperationTypes.READ,
        permissionType: AclPermissionTypes.ALLOW,
      },
    ],
  });
  const notes = [
    'User:reader is denied delete on every topic that begins with order-, which no contract declares; it is left as it is',
    'User:stranger is allowed read on every topic that begins with order-, which no contract declares; it is left as it is',
  ];
  await eventually(async () => {
    const { notes: found, ...difference } = await comparePermissions(as('catalogue'), declared);
    expect({ ...difference, notes: [...found].sort() }).toEqual({ missing: [], surplus: [more], notes });
  });

  expect((await applyPermissions(as('catalogue'), declared, true)).surplus).toEqual([more]);
  const { missing, surplus, notes: left } = await comparePermissions(as('catalogue'), declared);
  expect({ missing, surplus, notes: [...left].sort() }).toEqual({ missing: [], surplus: [], notes });
});

it('a consumer whose user may not take part in the group gives up, and says why', async () => {
  const source = sourceOf('stranger', () => undefined);

  await expect(source.start()).rejects.toThrow(
    'The Kafka consumer stranger has given up: its user may not take part in this group; grant the permissions that the contracts declare (npm run catalogue -- --acls)',
  );
  await source.stop();
});

it('a consumer that finds nobody to coordinate its group for longer than the client tries joins once there is somebody', async () => {
  const gaveUp = jest.fn();
  const source = sourceOf('reader', gaveUp);
  const started = source.start();
  await eventually(() => expect(said.join('\n')).toContain('Crash: KafkaJSGroupCoordinatorNotFound'));
  expect(source.joined).toBe(false);

  await admin.createTopics({
    topics: [
      {
        topic: '__consumer_offsets',
        numPartitions: 8,
        replicationFactor: 1,
        configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
      },
    ],
    waitForLeaders: false,
  });
  await started;

  expect(source.joined).toBe(true);
  expect(gaveUp).not.toHaveBeenCalled();
  await source.stop();
});
