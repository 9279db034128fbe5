import type { Service } from '@past-tense/contracts';
import { dashboard, p, type Dashboard } from './dashboard';

/** One service: what it does, how far it is behind, what waits, what it uses. */
export function ofService({ name, owner }: Service): Dashboard {
  const job = `{job="${name}"}`;
  const group = `{messaging_consumer_group_name="${name}"}`;
  const consumer = `{consumer="${name}"}`;
  return dashboard(`past-tense-service-${name}`, `Service: ${name}`, ['past-tense', 'service', owner], `Owner: **${owner}**`, [
    {
      title: 'Attempts per second, by topic',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (messaging_destination_name) (rate(messaging_process_duration_count${group}[1m]))`,
          legend: '{{messaging_destination_name}}',
        },
      ],
    },
    {
      title: 'Duration of an attempt, p95',
      unit: 's',
      queries: [
        { expr: p(0.95, 'messaging_process_duration', 'messaging_destination_name', group), legend: '{{messaging_destination_name}}' },
      ],
    },
    {
      title: 'Lag in events, from inside and outside',
      unit: 'short',
      queries: [
        { expr: `sum by (messaging_destination_name) (past_tense_consumer_lag${group})`, legend: '{{messaging_destination_name}} inside' },
        { expr: `sum by (messaging_destination_name) (past_tense_group_lag${group})`, legend: '{{messaging_destination_name}} outside' },
      ],
    },
    {
      title: 'Lag in seconds',
      unit: 's',
      queries: [
        {
          expr: `max by (messaging_destination_name) (past_tense_consumer_lag_time${group})`,
          legend: '{{messaging_destination_name}} inside',
        },
        {
          expr: `max by (messaging_destination_name) (past_tense:group_lag_time:p95${group})`,
          legend: '{{messaging_destination_name}} outside, p95',
        },
      ],
    },
    {
      title: 'Time until caught up',
      unit: 's',
      queries: [
        {
          expr: `max by (messaging_destination_name) (past_tense_consumer_catch_up_time${group})`,
          legend: '{{messaging_destination_name}}',
        },
      ],
    },
    {
      title: 'Members of the consumer group',
      unit: 'short',
      queries: [{ expr: `max(past_tense_group_members${group})`, legend: 'members' }],
    },
    {
      title: 'Held events, by place',
      unit: 'short',
      queries: [{ expr: `max by (place) (past_tense_held_events${consumer})`, legend: '{{place}}' }],
    },
    {
      title: 'Retries and dead letters per second',
      unit: 'ops',
      queries: [
        { expr: `sum by (place) (rate(past_tense_retries_total${consumer}[5m]))`, legend: '{{place}}' },
        { expr: `sum by (reason) (rate(past_tense_dead_letters_total${consumer}[5m]))`, legend: 'dead: {{reason}}' },
      ],
    },
    {
      title: 'Claiming an event (dedup)',
      unit: 's',
      queries: [
        { expr: p(0.95, 'past_tense_dedup_claim_duration', 'consumer', consumer), legend: 'p95' },
        { expr: p(0.99, 'past_tense_dedup_claim_duration', 'consumer', consumer), legend: 'p99' },
      ],
    },
    {
      title: 'Outbox: rows that wait',
      unit: 'short',
      queries: [{ expr: `max by (rows) (past_tense_outbox_depth${job})`, legend: '{{rows}}' }],
    },
    {
      title: 'Outbox: age of the oldest row',
      unit: 's',
      queries: [{ expr: `max by (rows) (past_tense_outbox_oldest_age${job})`, legend: '{{rows}}' }],
    },
    {
      title: 'Outages and breakers',
      unit: 'short',
      queries: [
        { expr: `sum by (event_type) (past_tense_outages${consumer})`, legend: 'waiting: {{event_type}}' },
        { expr: `max by (dependency) (past_tense_breaker_state${job})`, legend: '{{dependency}}' },
      ],
    },
    {
      title: 'HTTP requests per second',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (http_route, http_response_status_code) (rate(http_server_request_duration_count${job}[1m]))`,
          legend: '{{http_route}} {{http_response_status_code}}',
        },
      ],
    },
    { title: 'Memory', unit: 'bytes', queries: [{ expr: `sum by (instance) (process_memory_usage${job})`, legend: '{{instance}}' }] },
    {
      title: 'CPU',
      unit: 'percentunit',
      queries: [{ expr: `sum by (instance, cpu_mode) (rate(process_cpu_time_total${job}[1m]))`, legend: '{{instance}} {{cpu_mode}}' }],
    },
    {
      title: 'Event loop delay, p99',
      unit: 's',
      // What is measured is the time between two looks; the shortest is one that nothing delayed.
      queries: [
        { expr: `max by (instance) (nodejs_eventloop_delay_p99${job} - nodejs_eventloop_delay_min${job})`, legend: '{{instance}}' },
      ],
    },
  ]);
}
