import { EVERYONE } from './rules';

/**
 * Who is told: each team what it owns. A receiver says nothing by itself yet; give it the pager or the chat of its team
 * (https://prometheus.io/docs/alerting/latest/configuration/#receiver-integration-settings).
 */
export function alertmanager(teams: readonly string[]) {
  return {
    route: {
      receiver: EVERYONE,
      group_by: ['alertname', 'owner', 'topic', 'service'],
      group_wait: '5s',
      group_interval: '30s',
      repeat_interval: '4h',
      routes: teams.map((team) => ({ receiver: team, matchers: [`owner="${team}"`] })),
    },
    receivers: [EVERYONE, ...teams].map((name) => ({ name })),
  };
}
