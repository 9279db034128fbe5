import { allTopics } from '@past-tense/contracts';
import { deadLetterTopic, type TopicSpec } from '@past-tense/messaging';

const DEAD_LETTER_RETENTION_MS = 90 * 86_400_000;

/** Every topic the system needs: those of the events, and a dead-letter topic for each consumer. */
export function topicSpecs(): TopicSpec[] {
  const topics = allTopics();
  const consumers = [...new Set(topics.flatMap((topic) => topic.consumers))].sort();
  return [
    ...topics.map(({ name, partitions, retentionMs, cleanup }) => ({ name, partitions, retentionMs, cleanup })),
    ...consumers.map((consumer) => ({
      name: deadLetterTopic(consumer),
      // As many as the widest topic it consumes, so that the letters of an aggregate stay together.
      partitions: Math.max(...topics.filter((topic) => topic.consumers.includes(consumer)).map((topic) => topic.partitions)),
      retentionMs: DEAD_LETTER_RETENTION_MS,
      cleanup: 'delete' as const,
    })),
  ];
}
