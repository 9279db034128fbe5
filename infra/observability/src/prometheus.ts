/** Programs beside the services that Prometheus asks as well, with the ports they have in docker-compose.yml. */
const OTHERS = { 'lag-watch': 3010, 'otel-collector': 8888 };

/**
 * The configuration of Prometheus in docker-compose.yml: whom it asks for figures, and the rules.
 * @param ports port of each service, by name
 */
export function prometheus(ports: Readonly<Record<string, number>>): object {
  return {
    global: { scrape_interval: '5s', evaluation_interval: '5s' },
    rule_files: ['/etc/prometheus/rules.yml'],
    alerting: { alertmanagers: [{ static_configs: [{ targets: ['alertmanager:9093'] }] }] },
    scrape_configs: Object.entries({ ...ports, ...OTHERS }).map(([name, port]) => ({
      job_name: name,
      static_configs: [{ targets: [`${name}:${port}`] }],
    })),
  };
}
