import {
  ConfigResourceTypes,
  ConfigSource,
  KafkaJSAggregateError,
  type Admin,
  type DescribeConfigResponse,
  type ITopicConfig,
} from 'kafkajs';
import type { KafkaOptions } from './client';
import { rootCause, waitFor, withAdmin } from './kafkajs/client';

/** A topic as it should be. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly cleanup: 'delete' | 'compact';
  /** Bytes a message may have; Kafka's default if left out. */
  readonly maxMessageBytes?: number;
}

/** In what a topic on Kafka differs from what it should be. */
export type TopicDifference = { readonly spec: TopicSpec } & (
  | { readonly kind: 'missing' }
  | { readonly kind: 'partitions'; readonly found: number }
  | { readonly kind: 'setting'; readonly setting: string; readonly found: string; readonly wanted: string }
);

/** What was done to bring the topics into the declared state, in words. */
export type TopicChange = { readonly topic: string; readonly change: string };

type Described = DescribeConfigResponse['resources'][number]['configEntries'];

const DAY_MS = 86_400_000;
const REMEDY = 'apply the catalogue (npm run catalogue)';

/**
 * Creates the topics that are missing and brings the settings of the others into line. Applying it twice changes nothing. What Kafka
 * has besides, settings that are not declared among it, stays as it is.
 * @param mayGrow topics that may get more partitions; nobody's, if left out
 * @throws Error if another topic has another number of partitions, or one has more than declared; nothing is changed then
 */
export async function applyTopics(
  options: KafkaOptions,
  specs: readonly TopicSpec[],
  replicationFactor: number,
  mayGrow: ReadonlySet<string> = new Set(),
): Promise<TopicChange[]> {
  return withAdmin(options, async (admin) => {
    const { differences } = await compare(admin, specs);
    for (const difference of differences)
      if (difference.kind === 'partitions' && !(mayGrow.has(difference.spec.name) && difference.found < difference.spec.partitions))
        throw new Error(partitionsRefused(difference.spec, difference.found));
    const missing = differences.flatMap(({ kind, spec }) => (kind === 'missing' ? [spec] : []));
    if (missing.length > 0)
      await admin.createTopics({ topics: missing.map((spec) => creation(spec, replicationFactor)), waitForLeaders: false }).catch(perTopic);
    const growing = differences.flatMap(({ kind, spec }) => (kind === 'partitions' ? [spec] : []));
    if (growing.length > 0)
      await admin
        .createPartitions({ topicPartitions: growing.map(({ name, partitions }) => ({ topic: name, count: partitions })) })
        .catch(unlessDoneAlready);
    await alignSettings(admin, [...new Set(differences.flatMap(({ kind, spec }) => (kind === 'setting' ? [spec] : [])))]);
    if (differences.length > 0) await waitUntilApplied(admin, specs, new Set([...missing, ...growing].map(({ name }) => name)));
    return differences.map((difference) => ({ topic: difference.spec.name, change: done(difference) }));
  });
}

/**
 * Compares the topics on Kafka with what they should be. Changes nothing.
 * @returns the differences, and the names of all topics that Kafka shows to this process
 */
export async function compareTopics(
  options: KafkaOptions,
  specs: readonly TopicSpec[],
): Promise<{ differences: TopicDifference[]; existing: string[] }> {
  return withAdmin(options, (admin) => compare(admin, specs));
}

/**
 * Checks at start that topics are there as they are declared: partitions, retention, cleanup.
 * @param keptAtMostMs a retention that is longer than declared, but shorter than this, is let pass: a newer contract may have been applied, and a
 *   service of the build before must be able to start again
 * @throws Error with a sentence for each difference, and the remedy
 */
export async function requireTopics(options: KafkaOptions, specs: readonly TopicSpec[], keptAtMostMs = 0): Promise<void> {
  const found = await compareTopics(options, specs).catch((error: unknown) => {
    if (rootCause(error).type !== 'TOPIC_AUTHORIZATION_FAILED') throw error;
    throw new Error(`Kafka does not let ${userOf(options)} see the settings of its topics; ${REMEDY} with --acls first.`, { cause: error });
  });
  const differences = found.differences.filter((difference) => !keepsLonger(difference, keptAtMostMs));
  if (differences.length === 0) return;
  const missing = differences.flatMap(({ kind, spec }) => (kind === 'missing' ? [spec.name] : []));
  const sentences = differences.flatMap((difference) => different(difference) ?? []);
  if (missing.length > 0) {
    const hidden = options.sasl ? `, or does not show it to ${options.sasl.username}` : '';
    sentences.unshift(`Kafka has no topic ${missing.join(', ')}${hidden}; ${REMEDY} first.`);
  }
  throw new Error(sentences.join(' '));
}

function keepsLonger(difference: TopicDifference, atMostMs: number): boolean {
  if (difference.kind !== 'setting' || difference.setting !== 'retention.ms') return false;
  const found = Number(difference.found);
  return found > Number(difference.wanted) && found < atMostMs;
}

/**
 * Whether bringing a topic into line would lose what is on it: a shorter retention deletes what is older, a new cleanup policy what it
 * does not keep.
 */
export function losesData(difference: TopicDifference): boolean {
  if (difference.kind !== 'setting') return false;
  const { setting, found, wanted } = difference;
  if (setting === 'retention.ms') return Number(found) < 0 || Number(wanted) < Number(found);
  return setting === 'cleanup.policy' && wanted.split(',').some((policy) => !found.split(',').includes(policy));
}

/** A retention in words: `90 days`. */
export function retentionInWords(ms: number): string {
  if (ms < 0) return 'ever';
  const days = ms / DAY_MS;
  return `${Number.isInteger(days) ? days : days.toFixed(2)} ${days === 1 ? 'day' : 'days'}`;
}

/** Why a number of partitions stays what it is. */
export function partitionsRefused({ name, partitions }: TopicSpec, found: number): string {
  const reason = 'A change would send later events of an aggregate to another partition than its earlier ones';
  const fewer = partitions < found ? ', and Kafka can only add partitions' : '';
  return `Topic ${name} has ${found} partitions and is declared with ${partitions}. ${reason}${fewer}; keep ${found}, or publish a new version of the event on a new topic.`;
}

async function compare(admin: Admin, specs: readonly TopicSpec[]): Promise<{ differences: TopicDifference[]; existing: string[] }> {
  const { topics } = await admin.fetchTopicMetadata();
  const existing = new Map(topics.map((topic) => [topic.name, topic.partitions.length]));
  const settings = await describeSettings(
    admin,
    specs.filter(({ name }) => existing.has(name)),
  );
  const differences = specs.flatMap((spec): TopicDifference[] => {
    const found = existing.get(spec.name);
    if (found === undefined) return [{ spec, kind: 'missing' }];
    return [
      ...(found === spec.partitions ? [] : [{ spec, kind: 'partitions' as const, found }]),
      ...settingDifferences(spec, settings.get(spec.name) ?? []),
    ];
  });
  return { differences, existing: [...existing.keys()] };
}

async function describeSettings(admin: Admin, specs: readonly TopicSpec[]): Promise<Map<string, Described>> {
  if (specs.length === 0) return new Map();
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map(({ name }) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  return new Map(resources.map(({ resourceName, configEntries }) => [resourceName, configEntries]));
}

function settingDifferences(spec: TopicSpec, described: Described): TopicDifference[] {
  return Object.entries(settings(spec)).flatMap(([setting, wanted]) => {
    const found = described.find(({ configName }) => configName === setting)?.configValue ?? '';
    return found === wanted ? [] : [{ spec, kind: 'setting' as const, setting, found, wanted }];
  });
}

function different(difference: TopicDifference): string | undefined {
  const { kind, spec } = difference;
  if (kind === 'missing') return undefined;
  if (kind === 'partitions') return partitionsRefused(spec, difference.found);
  const { setting, found, wanted } = difference;
  if (setting === 'retention.ms')
    return `Topic ${spec.name} keeps events for ${retentionInWords(Number(found))} and is declared with ${retentionInWords(Number(wanted))}; ${REMEDY}.`;
  return `Topic ${spec.name} has ${setting} ${found} and is declared with ${wanted}; ${REMEDY}.`;
}

function done(difference: TopicDifference): string {
  if (difference.kind === 'missing') return `created with ${difference.spec.partitions} partitions`;
  if (difference.kind === 'partitions') return `has ${difference.spec.partitions} partitions now`;
  return `${difference.setting} is now ${difference.wanted}`;
}

function userOf({ sasl, clientId }: KafkaOptions): string {
  return sasl?.username ?? clientId;
}

function creation(spec: TopicSpec, replicationFactor: number): ITopicConfig {
  return {
    topic: spec.name,
    numPartitions: spec.partitions,
    replicationFactor,
    configEntries: Object.entries(settings(spec)).map(([name, value]) => ({ name, value })),
  };
}

function settings({ retentionMs, cleanup, maxMessageBytes }: TopicSpec): Record<string, string> {
  return {
    'retention.ms': String(retentionMs),
    'cleanup.policy': cleanup,
    // kafkajs reads gzip only; whatever a producer compresses with, the broker keeps what every consumer can read.
    'compression.type': 'uncompressed',
    ...(maxMessageBytes !== undefined && { 'max.message.bytes': String(maxMessageBytes) }),
  };
}

/** kafkajs says "Topic creation errors" and keeps what they are to itself. */
function perTopic(error: unknown): never {
  if (!(error instanceof KafkaJSAggregateError)) throw error;
  const reasons = [...new Set((error.errors as Error[]).map(({ message }) => message))].join('; ');
  throw new Error(`Kafka does not create the topics that are missing: ${reasons}.`, { cause: error });
}

/** Somebody else may have done the same just now; whether it is so is looked at afterwards. */
function unlessDoneAlready(error: unknown): void {
  if (rootCause(error).type !== 'INVALID_PARTITIONS') throw error;
}

/**
 * A broker that is busy takes a moment to know what its controller has decided, and until then a service that starts finds what was before.
 * kafkajs's own waiting for leaders gives up now and then under load.
 */
async function waitUntilApplied(admin: Admin, specs: readonly TopicSpec[], led: ReadonlySet<string>): Promise<void> {
  const hasLeaders = async () =>
    led.size === 0 ||
    (await admin.fetchTopicMetadata({ topics: [...led] })).topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
  await waitFor(
    'every topic as it is declared',
    async () => (await compare(admin, specs)).differences.length === 0 && (await hasLeaders()),
  );
}

/** Kafka resets what an alteration does not name; what somebody has set besides is named again. */
async function alignSettings(admin: Admin, specs: readonly TopicSpec[]): Promise<void> {
  const described = await describeSettings(admin, specs);
  for (const spec of specs) {
    const kept = (described.get(spec.name) ?? []).flatMap(({ configName, configValue, configSource }) =>
      configSource === ConfigSource.TOPIC_CONFIG ? [[configName, configValue] as const] : [],
    );
    const entries = Object.entries({ ...Object.fromEntries(kept), ...settings(spec) });
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: spec.name, configEntries: entries.map(([name, value]) => ({ name, value })) }],
    });
  }
}
