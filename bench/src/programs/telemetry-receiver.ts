import { createServer } from 'node:http';
import { program } from '../program';

export interface TelemetryReceiverOptions {
  readonly port: number;
  /** Port that is asked for its figures once a second, as Prometheus would. */
  readonly metricsPort: number;
}

const SCRAPE_EVERY_MS = 1_000;

/** Takes what is exported, says 200 and forgets it; and asks for the figures. */
program(async ({ port, metricsPort }: TelemetryReceiverOptions) => {
  let exports = 0;
  let scrapes = 0;
  const server = createServer((request, response) => {
    if (request.url === '/v1/traces') exports += 1;
    request.resume();
    request.once('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const scrape = async () => {
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    if ((await answer.text()).length > 0 && answer.ok) scrapes += 1;
  };
  // Whoever is asked may not have started yet, or have ended.
  const timer = setInterval(() => void scrape().catch(() => undefined), SCRAPE_EVERY_MS);
  return {
    run: async () => ({ values: { exports, scrapes } }),
    async end() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
});
