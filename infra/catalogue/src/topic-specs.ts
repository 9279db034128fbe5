import { allTopics } from '@past-tense/contracts';
import { OWN_TOPIC_MAX_BYTES, ownTopics, type TopicSpec } from '@past-tense/messaging';

// Long enough for whoever has to look at a dead letter or mend what retries wait for.
const OWN_TOPIC_RETENTION_MS = 90 * 86_400_000;

/** Every topic the system needs: those of the events, and each consumer's own (retry tiers, re-drives, dead letters). */
export function topicSpecs(): TopicSpec[] {
  const topics = allTopics();
  const consumers = [...new Set(topics.flatMap((topic) => topic.consumers))].sort();
  return [
    ...topics.map(({ name, partitions, retentionMs, cleanup }) => ({ name, partitions, retentionMs, cleanup })),
    ...consumers.flatMap(ownSpecs),
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
