import { allTopics } from '@past-tense/contracts';
import type { TopicSpec } from './kafka/topics';
import { OWN_TOPIC_MAX_BYTES, ownTopics } from './queues';

// Long enough for whoever has to look at a dead letter or mend what retries wait for.
const OWN_TOPIC_RETENTION_MS = 90 * 86_400_000;

/** Every service that a contract names as a consumer, by name. */
export function declaredConsumers(): string[] {
  return [...new Set(allTopics().flatMap((topic) => topic.consumers))].sort();
}

/** Every topic the system needs: those of the events, and each consumer's own (retry tiers, re-drives, dead letters). */
export function declaredTopics(): TopicSpec[] {
  return [
    ...allTopics().map(({ name, partitions, retentionMs, cleanup }) => ({ name, partitions, retentionMs, cleanup })),
    ...declaredConsumers().flatMap(ownSpecs),
  ];
}

function ownSpecs(consumer: string): TopicSpec[] {
  // As many partitions as the widest topic it consumes, so that what is moved is spread as widely.
  const partitions = Math.max(
    ...allTopics()
      .filter((topic) => topic.consumers.includes(consumer))
      .map((topic) => topic.partitions),
  );
  return ownTopics(consumer).map((name) => ({
    name,
    partitions,
    retentionMs: OWN_TOPIC_RETENTION_MS,
    cleanup: 'delete',
    maxMessageBytes: OWN_TOPIC_MAX_BYTES,
  }));
}
