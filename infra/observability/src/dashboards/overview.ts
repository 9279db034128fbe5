import type { Topic } from '@past-tense/contracts';
import { dashboard, p, type Dashboard } from './dashboard';

/** What everybody looks at first: flow, throughput, latency, errors, and who owns which topic. */
export function overview(topics: readonly Topic[]): Dashboard {
  const owners = topics.map(({ name, owner, lagSloMs }) => `| ${name} | ${owner} | ${lagSloMs / 1000} s |`).join('\n');
  return dashboard(
    'past-tense-overview',
    'Past Tense: overview',
    ['past-tense'],
    `| topic | owner | lag SLO |\n| --- | --- | --- |\n${owners}`,
    [
      {
        title: 'Events published per second, by topic',
        unit: 'ops',
        queries: [
          {
            expr: 'sum by (messaging_destination_name) (rate(messaging_client_sent_messages_total[1m]))',
            legend: '{{messaging_destination_name}}',
          },
        ],
      },
      {
        title: 'Attempts per second, by consumer',
        unit: 'ops',
        queries: [
          {
            expr: 'sum by (messaging_consumer_group_name) (rate(messaging_process_duration_count[1m]))',
            legend: '{{messaging_consumer_group_name}}',
          },
        ],
      },
      {
        title: 'Lag, seen from outside',
        unit: 's',
        queries: [
          { expr: 'max by (messaging_consumer_group_name) (past_tense_group_lag_time)', legend: '{{messaging_consumer_group_name}}' },
        ],
      },
      {
        title: 'Published to effects committed',
        unit: 's',
        queries: [
          { expr: p(0.95, 'past_tense_effects_delay', 'consumer'), legend: '{{consumer}} p95' },
          { expr: p(0.99, 'past_tense_effects_delay', 'consumer'), legend: '{{consumer}} p99' },
        ],
      },
      {
        title: 'Order placed to its end',
        unit: 's',
        queries: [
          { expr: p(0.5, 'past_tense_job_propagation', 'kind, outcome'), legend: '{{kind}} {{outcome}} p50' },
          { expr: p(0.95, 'past_tense_job_propagation', 'kind, outcome'), legend: '{{kind}} {{outcome}} p95' },
        ],
      },
      {
        title: 'Orders on their way',
        unit: 'short',
        queries: [
          { expr: 'max(past_tense_jobs_open)', legend: 'open' },
          { expr: 'max(past_tense_jobs_oldest_age)', legend: 'age of the oldest, s' },
        ],
      },
      {
        title: 'Webhooks that wait or are parked',
        unit: 'short',
        queries: [
          { expr: 'max by (job) (past_tense_webhooks_waiting)', legend: '{{job}} waiting' },
          { expr: 'max by (job) (past_tense_webhooks_parked)', legend: '{{job}} parked' },
        ],
      },
      {
        title: 'Retries and dead letters per second',
        unit: 'ops',
        queries: [
          { expr: 'sum by (consumer, place) (rate(past_tense_retries_total[5m]))', legend: '{{consumer}} {{place}}' },
          { expr: 'sum by (consumer, event_type) (rate(past_tense_dead_letters_total[5m]))', legend: '{{consumer}} dead {{event_type}}' },
        ],
      },
      {
        title: 'HTTP: requests per second and errors',
        unit: 'ops',
        queries: [
          { expr: 'sum by (job) (rate(http_server_request_duration_count[1m]))', legend: '{{job}}' },
          { expr: 'sum by (job) (rate(http_server_request_duration_count{http_response_status_code=~"5.."}[1m]))', legend: '{{job}} 5xx' },
        ],
      },
      {
        title: 'Outbox: age of the oldest row',
        unit: 's',
        queries: [{ expr: 'max by (job) (past_tense_outbox_oldest_age)', legend: '{{job}}' }],
      },
      {
        title: 'Circuit breakers (2 is open)',
        unit: 'short',
        queries: [{ expr: 'max by (job, dependency) (past_tense_breaker_state)', legend: '{{job}} → {{dependency}}' }],
      },
    ],
  );
}
