import type { Topic } from '@past-tense/contracts';
import { dashboard, type Dashboard } from './dashboard';

/** One topic with its owner: who publishes, who is how far behind, what failed. */
export function ofTopic({ name, eventType, owner, description, producer, consumers, lagSloMs, partitions, retentionMs }: Topic): Dashboard {
  const topic = `{messaging_destination_name="${name}"}`;
  const type = `{event_type="${eventType}"}`;
  const facts = `${description}\n\nOwner: **${owner}** · producer: ${producer} · consumers: ${consumers.join(', ')} · ${partitions} partitions · kept ${retentionMs / 86_400_000} days · lag SLO ${lagSloMs / 1000} s`;
  return dashboard(`past-tense-topic-${name}`, `Topic: ${name}`, ['past-tense', 'topic', owner], facts, [
    {
      title: 'Published per second',
      unit: 'ops',
      queries: [{ expr: `sum(rate(messaging_client_sent_messages_total${topic}[1m]))`, legend: producer }],
    },
    {
      title: 'Handled per second, by consumer',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (messaging_consumer_group_name) (rate(messaging_process_duration_count${topic}[1m]))`,
          legend: '{{messaging_consumer_group_name}}',
        },
      ],
    },
    {
      title: `Lag in seconds (SLO ${lagSloMs / 1000} s)`,
      unit: 's',
      queries: [
        { expr: `max by (messaging_consumer_group_name) (past_tense_group_lag_time${topic})`, legend: '{{messaging_consumer_group_name}}' },
        {
          expr: `max by (messaging_consumer_group_name) (past_tense:group_lag_time:p95${topic})`,
          legend: '{{messaging_consumer_group_name}} p95',
        },
        { expr: `vector(${lagSloMs / 1000})`, legend: 'SLO' },
      ],
    },
    {
      title: 'Lag in events',
      unit: 'short',
      queries: [
        { expr: `sum by (messaging_consumer_group_name) (past_tense_group_lag${topic})`, legend: '{{messaging_consumer_group_name}}' },
      ],
    },
    {
      title: 'Published to effects committed',
      unit: 's',
      queries: [
        { expr: `past_tense:effects_delay:p95${type}`, legend: '{{consumer}} p95' },
        { expr: `past_tense:effects_delay:p99${type}`, legend: '{{consumer}} p99' },
      ],
    },
    {
      title: 'Retries and dead letters per second',
      unit: 'ops',
      queries: [
        { expr: `sum by (consumer, place) (rate(past_tense_retries_total${type}[5m]))`, legend: '{{consumer}} {{place}}' },
        { expr: `sum by (consumer, reason) (rate(past_tense_dead_letters_total${type}[5m]))`, legend: '{{consumer}} dead: {{reason}}' },
      ],
    },
    {
      title: 'Schema versions seen',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (consumer, schema_version) (rate(past_tense_schemas_accepted_total${type}[5m]))`,
          legend: '{{consumer}} v{{schema_version}}',
        },
      ],
    },
  ]);
}
