import type { Service, Topic } from '@past-tense/contracts';

/** A rule as Prometheus reads it. https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/ */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Whoever is told what belongs to no team. */
export const EVERYONE = 'everyone';

// Past this an order is neither on its way nor on a retry tier any more (5 s + 1 min + 10 min, and the attempts).
const JOB_STUCK_AFTER_SECONDS = 900;
const OUTBOX_AGE_SECONDS = 30;
// As long as the retry tiers and their attempts take: by then the other version has come through or is dead.
const LEFT_FOR_SECONDS = 900;

/** Every rule: what is computed ahead for the dashboards, and the alerts of each topic and each service, with their owners. */
export function ruleGroups(topics: readonly Topic[], services: readonly Service[]): RuleGroup[] {
  return [
    { name: 'recorded', rules: recorded },
    ...topics.map((topic) => ({ name: `topic ${topic.name}`, rules: topicAlerts(topic) })),
    ...services.map((service) => ({ name: `service ${service.name}`, rules: serviceAlerts(service) })),
    { name: 'jobs', rules: [jobStuck(services)] },
    { name: 'webhooks', rules: [webhooksParked(services)] },
    { name: 'watchers', rules: [lagUnseen] },
  ];
}

const quantile = (q: number, name: string, by: string) => `histogram_quantile(${q}, sum by (le, ${by}) (rate(${name}_bucket[5m])))`;

const recorded: Rule[] = [
  { record: 'past_tense:group_lag_time:p95', expr: 'quantile_over_time(0.95, past_tense_group_lag_time[5m])' },
  { record: 'past_tense:effects_delay:p95', expr: quantile(0.95, 'past_tense_effects_delay', 'consumer, event_type') },
  { record: 'past_tense:effects_delay:p99', expr: quantile(0.99, 'past_tense_effects_delay', 'consumer, event_type') },
  { record: 'past_tense:dedup_claim:p95', expr: quantile(0.95, 'past_tense_dedup_claim_duration', 'consumer') },
  { record: 'past_tense:job_propagation:p95', expr: quantile(0.95, 'past_tense_job_propagation', 'kind, outcome') },
];

function topicAlerts({ name, owner, lagSloMs }: Topic): Rule[] {
  const slo = lagSloMs / 1000;
  const labels = { owner, topic: name };
  return [
    {
      alert: 'ConsumerLagOverSlo',
      expr: `max by (messaging_consumer_group_name) (past_tense_group_lag_time{messaging_destination_name="${name}"}) > ${slo}`,
      for: '30s',
      labels: { ...labels, severity: 'page' },
      annotations: annotations(
        'consumer-lag',
        `{{ $labels.messaging_consumer_group_name }} is {{ $value | humanizeDuration }} behind on ${name}; at most ${slo} s are promised.`,
      ),
    },
    {
      alert: 'DeadLettersRising',
      expr: `sum by (consumer) (increase(past_tense_dead_letters_total{messaging_destination_name="${name}"}[10m])) > 0`,
      labels: { ...labels, severity: 'page' },
      annotations: annotations('dead-letters', `{{ $labels.consumer }} has dead-lettered ${name} in the last ten minutes.`),
    },
    {
      alert: 'GapFound',
      expr: `sum by (consumer) (increase(past_tense_dead_letters_total{messaging_destination_name="${name}", reason="GAP"}[10m])) > 0`,
      labels: { ...labels, severity: 'page' },
      annotations: annotations('gap-found', `{{ $labels.consumer }} got ${name} and never what must come before it.`),
    },
  ];
}

function serviceAlerts({ name, owner }: Service): Rule[] {
  const labels = { owner, service: name };
  return [
    {
      alert: 'DeadLettersWaiting',
      expr: `max by (consumer) (past_tense_held_events{consumer="${name}", place="dlq"}) > 0`,
      for: '5m',
      labels: { ...labels, severity: 'ticket' },
      annotations: annotations('dead-letters', `{{ $value }} dead letters of ${name} wait for somebody to look at them.`),
    },
    {
      alert: 'VersionLeftAlone',
      expr: `max by (consumer) (past_tense_left_versions_oldest_age{consumer="${name}"}) > ${LEFT_FOR_SECONDS}`,
      for: '1m',
      labels: { ...labels, severity: 'ticket' },
      annotations: annotations(
        'version-left-alone',
        `${name} has left a version of an event to another one, which has not come for {{ $value | humanizeDuration }}.`,
      ),
    },
    {
      alert: 'OutboxAgeing',
      expr: `max(past_tense_outbox_oldest_age{job="${name}"}) > ${OUTBOX_AGE_SECONDS}`,
      for: '30s',
      labels: { ...labels, severity: 'page' },
      annotations: annotations('outbox-ageing', `What ${name} has to say has waited in its outbox for {{ $value | humanizeDuration }}.`),
    },
    {
      alert: 'ConsumerWithoutMembers',
      expr: `past_tense_group_members{messaging_consumer_group_name="${name}"} == 0`,
      for: '30s',
      labels: { ...labels, severity: 'page' },
      annotations: annotations('consumer-without-members', `Nobody consumes as ${name}.`),
    },
    {
      alert: 'BreakerOpen',
      // Half open (1) counts as well: whoever hangs is probed for seconds at a time.
      expr: `max by (dependency) (past_tense_breaker_state{job="${name}"}) > 0`,
      for: '2m',
      labels: { ...labels, severity: 'page' },
      annotations: annotations('breaker-open', `${name} has stopped calling {{ $labels.dependency }}, which does not answer.`),
    },
    {
      alert: 'EventsLost',
      expr: `sum by (messaging_destination_name) (increase(past_tense_events_lost_total{job="${name}"}[1h])) > 0`,
      labels: { ...labels, severity: 'page' },
      annotations: annotations(
        'events-lost',
        `Kafka deleted events on {{ $labels.messaging_destination_name }} that ${name} had not consumed.`,
      ),
    },
    {
      alert: 'ServiceDown',
      expr: `up{job="${name}"} == 0`,
      for: '1m',
      labels: { ...labels, severity: 'page' },
      annotations: annotations('service-down', `${name} does not answer.`),
    },
  ];
}

function jobStuck(services: readonly Service[]): Rule {
  return {
    alert: 'JobStuck',
    expr: `max(past_tense_jobs_oldest_age{job="orders"}) > ${JOB_STUCK_AFTER_SECONDS}`,
    for: '1m',
    labels: { owner: ownerOfOrders(services), service: 'orders', severity: 'page' },
    annotations: annotations('job-stuck', 'An order has been on its way for {{ $value | humanizeDuration }}.'),
  };
}

function webhooksParked(services: readonly Service[]): Rule {
  return {
    alert: 'WebhooksParked',
    // Every instance counts the same rows.
    expr: 'max(past_tense_webhooks_parked{job="orders"}) > 0',
    for: '10m',
    labels: { owner: ownerOfOrders(services), service: 'orders', severity: 'ticket' },
    annotations: annotations('webhooks-parked', '{{ $value }} webhooks are parked; they are not sent until somebody asks for it.'),
  };
}

function ownerOfOrders(services: readonly Service[]): string {
  return services.find(({ name }) => name === 'orders')!.owner;
}

const lagUnseen: Rule = {
  alert: 'LagUnseen',
  expr: 'absent(past_tense_group_members)',
  for: '1m',
  labels: { owner: EVERYONE, severity: 'page' },
  annotations: annotations('lag-unseen', 'Nobody watches the consumer groups; a dead consumer would not be seen.'),
};

function annotations(runbook: string, summary: string): Record<string, string> {
  return { summary, runbook_url: `docs/runbooks/${runbook}.md` };
}
