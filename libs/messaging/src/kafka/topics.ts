import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigResourceTypes, type Admin, type ITopicConfig } from 'kafkajs';
import { kafkaClient, rootCause, type KafkaOptions } from './client';

/** A topic as it should be. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly cleanup: 'delete' | 'compact';
  /** Bytes a message may have; Kafka's default if left out. */
  readonly maxMessageBytes?: number;
}

/** What was done to bring the topics into the declared state, in words. */
export type TopicChange = { readonly topic: string; readonly change: string };

const LEADER_TIMEOUT_MS = 15_000;
const LEADER_POLL_MS = 50;

/**
 * Creates the topics that are missing and brings the settings of the others into line. Applying it twice changes nothing.
 * @throws Error if a topic that exists has another number of partitions; nothing is changed then
 */
export async function applyTopics(options: KafkaOptions, specs: readonly TopicSpec[], replicationFactor: number): Promise<TopicChange[]> {
  return withAdmin(options, async (admin) => {
    const existing = await partitionCounts(admin);
    refuseOtherPartitionCounts(specs, existing);
    const missing = specs.filter((spec) => !existing.has(spec.name));
    if (missing.length > 0) {
      await admin.createTopics({ topics: missing.map((spec) => creation(spec, replicationFactor)), waitForLeaders: false });
      await waitForLeaders(admin, missing);
    }
    const changed = await alignSettings(
      admin,
      specs.filter((spec) => existing.has(spec.name)),
    );
    return [...missing.map(({ name, partitions }) => ({ topic: name, change: `created with ${partitions} partitions` })), ...changed];
  });
}

/**
 * Checks at start that topics exist.
 * @throws Error naming the missing ones and the remedy
 */
export async function requireTopics(options: KafkaOptions, names: readonly string[]): Promise<void> {
  await withAdmin(options, async (admin) => {
    const existing = await partitionCounts(admin);
    const missing = names.filter((name) => !existing.has(name));
    if (missing.length > 0) throw new Error(`Kafka has no topic ${missing.join(', ')}; apply the catalogue (infra/catalogue) first.`);
  });
}

async function withAdmin<T>(options: KafkaOptions, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaClient(options).admin();
  try {
    await admin.connect();
  } catch (error) {
    throw new Error(`Kafka does not answer at ${options.brokers.join(', ')}: ${rootCause(error).message}`, { cause: error });
  }
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

async function partitionCounts(admin: Admin): Promise<Map<string, number>> {
  const { topics } = await admin.fetchTopicMetadata();
  return new Map(topics.map((topic) => [topic.name, topic.partitions.length]));
}

function refuseOtherPartitionCounts(specs: readonly TopicSpec[], existing: ReadonlyMap<string, number>): void {
  for (const { name, partitions } of specs) {
    const found = existing.get(name);
    if (found === undefined || found === partitions) continue;
    throw new Error(
      `Topic ${name} has ${found} partitions and is declared with ${partitions}. A change would send later events of an aggregate to another partition than its earlier ones; keep ${found}, or publish a new version of the event on a new topic.`,
    );
  }
}

function creation(spec: TopicSpec, replicationFactor: number): ITopicConfig {
  return {
    topic: spec.name,
    numPartitions: spec.partitions,
    replicationFactor,
    configEntries: [...Object.entries(settings(spec))].map(([key, value]) => ({ name: key, value })),
  };
}

function settings({ retentionMs, cleanup, maxMessageBytes }: Omit<TopicSpec, 'name' | 'partitions'>): Record<string, string> {
  return {
    'retention.ms': String(retentionMs),
    'cleanup.policy': cleanup,
    // kafkajs reads gzip only; whatever a producer compresses with, the broker keeps what every consumer can read.
    'compression.type': 'uncompressed',
    ...(maxMessageBytes !== undefined && { 'max.message.bytes': String(maxMessageBytes) }),
  };
}

/** kafkajs's own waiting gives up now and then under load. */
async function waitForLeaders(admin: Admin, specs: readonly TopicSpec[]): Promise<void> {
  const deadline = Date.now() + LEADER_TIMEOUT_MS;
  for (;;) {
    const ready = await admin.fetchTopicMetadata({ topics: specs.map((spec) => spec.name) }).then(
      ({ topics }) => topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)),
      () => false,
    );
    if (ready) return;
    if (Date.now() > deadline) throw new Error(`Kafka has not given every new topic a leader within ${LEADER_TIMEOUT_MS / 1000} s.`);
    await sleep(LEADER_POLL_MS);
  }
}

async function alignSettings(admin: Admin, specs: readonly TopicSpec[]): Promise<TopicChange[]> {
  if (specs.length === 0) return [];
  const all = Object.keys(settings({ retentionMs: 0, cleanup: 'delete', maxMessageBytes: 0 }));
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map((spec) => ({ type: ConfigResourceTypes.TOPIC, name: spec.name, configNames: all })),
  });
  const changes: TopicChange[] = [];
  for (const spec of specs) {
    const now = described.resources.find((resource) => resource.resourceName === spec.name)?.configEntries ?? [];
    const wanted = settings(spec);
    const different = Object.keys(wanted).filter((name) => now.find((entry) => entry.configName === name)?.configValue !== wanted[name]);
    if (different.length === 0) continue;
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: spec.name,
          configEntries: Object.entries(wanted).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    changes.push(...different.map((name) => ({ topic: spec.name, change: `${name} is now ${wanted[name]}` })));
  }
  return changes;
}
