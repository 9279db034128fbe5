import { eventually } from '@past-tense/testing';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultsOf, type Story } from '../trace';
import { drawTrace } from './draw';
import { Jaeger } from './jaeger';
import { letProviderFail, place, untilOver, type PlacedOrder } from './orders';
import { ComposeProject } from './project';
import { askAllPanels, targetsDown, told } from './prometheus';
import { costOfTracing } from './tracing-cost';

const USAGE = `Usage: npm run compose:check -- [options]

  --cdc            Debezium publishes in place of our relay
  --tracing        measures what tracing costs, and checks nothing
  --draw <folder>  draws the traces as pictures
  --keep           leaves everything running afterwards

Brings docker-compose.yml up from nothing, under a project name of its own, and checks what it promises.
`;
const STORIES: readonly Story[] = ['happy', 'declined', 'undeliverable', 'retried', 'dead-lettered'];
// Short waits on the retry tiers, so that a dead letter is one within seconds.
const SHORT_TIERS = { RETRY_TIER_DELAYS_MS: '500,1000,8000' };
// A service drains and stops by itself; docker would kill it after this.
const STOP_WITHIN_MS = 10_000;
const ALERT_TIMEOUT_MS = 180_000;

const jaeger = new Jaeger('http://127.0.0.1:16686');
let failed = false;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cdc: { type: 'boolean' },
      tracing: { type: 'boolean' },
      draw: { type: 'string' },
      keep: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const cdc = values.cdc === true;
  const project = new ComposeProject(values.tracing ? [] : cdc ? ['cdc'] : ['observability']);
  const { available, missing } = await project.services();
  for (const service of missing) say(`not checked: ${service}, because its image cannot be had here`);
  await project.down();
  try {
    const startedAt = performance.now();
    await project.up(available, { ...SHORT_TIERS, ...(cdc && { OUTBOX_RELAY: 'false' }) });
    say(`healthy after ${seconds(performance.now() - startedAt)}, the build included`);
    if (values.tracing) return await costOfTracing(project, available);
    await checkStories(cdc, values.draw);
    if (!cdc) {
      await checkFigures();
      await checkAlert(project);
    }
    for (const { service, memory } of await project.use()) say(`memory ${service}: ${memory}`);
    await checkStop(project);
    say(`image of each service, all from the same layers: ${Math.round((await project.imageBytes('past-tense-check-orders')) / 1e6)} MB`);
  } finally {
    if (!values.keep) await project.down();
  }
}

/** Places an order for each story and looks for its trace in Jaeger. */
async function checkStories(cdc: boolean, drawIn: string | undefined): Promise<void> {
  // Whatever has just started is slow with its first orders.
  for (let i = 0; i < 20; i += 1) await untilOver(await place('happy'), 'happy');
  for (const story of STORIES) {
    await check(`${story}: one connected trace in Jaeger, found by correlation id and by order id`, async () => {
      const order = await placed(story);
      const traceId = await untilOver(order, story);
      await eventually(async () => {
        const spans = await jaeger.spansOf(traceId);
        if (drawIn && spans.length > 0) drawTrace(join(drawIn, `${story}.svg`), `One order (${story}), as Jaeger tells it`, spans);
        // Debezium sends without a span of its own; what it sends carries the trace all the same.
        const faults = faultsOf(spans, story).filter((fault) => !cdc || !/: send (?!payments\.).* is missing$/.test(fault));
        if (spans.length === 0 || faults.length > 0) throw new Error(faults.slice(0, 5).join('; ') || 'Jaeger does not know the trace');
      }, 60_000);
      for (const [attribute, value] of [
        ['past_tense.correlation_id', order.correlationId],
        ['past_tense.aggregate_id', order.orderId],
      ] as const) {
        const found = await jaeger.find('orders', attribute, value);
        if (found.length !== 1 || found[0] !== traceId) throw new Error(`${attribute} finds ${found.length} traces`);
      }
    });
  }
}

async function placed(story: Story): Promise<PlacedOrder> {
  if (story !== 'retried') return await place(story);
  await letProviderFail(true);
  const order = await place(story);
  // Until the attempts in place are over and the order waits on a retry tier.
  await eventually(async () => {
    const spans = await jaeger.find('payments', 'past_tense.correlation_id', order.correlationId);
    const all = spans[0] ? await jaeger.spansOf(spans[0]) : [];
    if (!all.some(({ name }) => name === 'move order-placed')) throw new Error('the order is not on a retry tier yet');
  }, 60_000);
  await letProviderFail(false);
  return order;
}

async function checkFigures(): Promise<void> {
  await check('Prometheus reaches everybody', async () => {
    await eventually(async () => {
      const down = await targetsDown();
      if (down.length > 0) throw new Error(`it does not reach ${down.join(', ')}`);
    }, 60_000);
  });
  await check('Prometheus answers what every panel of every dashboard asks', async () => {
    const { refused, answered, empty } = await askAllPanels();
    if (refused.length > 0) throw new Error(refused.join('; '));
    say(`        ${answered} queries with an answer, ${empty} with an empty one (nothing of that kind has happened)`);
  });
}

/** Stops a consumer and waits for the alerts to reach their owners, and to end. */
async function checkAlert(project: ComposeProject): Promise<void> {
  await check('a stopped consumer is told to its owner, and that it is over', async () => {
    await project.stop('payments');
    const order = await place('happy');
    const startedAt = performance.now();
    const expected = ['ConsumerWithoutMembers to payments', 'ConsumerLagOverSlo to ordering'];
    await eventually(async () => {
      const now = await told();
      const missing = expected.filter((one) => !now.includes(one));
      if (missing.length > 0) throw new Error(`nobody is told ${missing.join(', ')}`);
    }, ALERT_TIMEOUT_MS);
    say(`        told after ${seconds(performance.now() - startedAt)}`);
    await project.up(['payments'], SHORT_TIERS);
    await untilOver(order, 'happy');
    await eventually(async () => {
      const still = (await told()).filter((one) => expected.includes(one));
      if (still.length > 0) throw new Error(`still told: ${still.join(', ')}`);
    }, ALERT_TIMEOUT_MS * 2);
  });
}

async function checkStop(project: ComposeProject): Promise<void> {
  for (const service of ['orders', 'payments', 'shipping', 'tracking', 'sandbox'])
    await check(`${service} stops in order`, async () => {
      const { ms, code } = await project.stop(service);
      if (code !== 0 || ms > STOP_WITHIN_MS) throw new Error(`it took ${seconds(ms)} and ended with code ${code}`);
      say(`        ${seconds(ms)}`);
    });
}

async function check(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    say(`passed  ${what}`);
  } catch (error) {
    failed = true;
    say(`FAILED  ${what}: ${(error as Error).message}`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

main().then(
  () => (process.exitCode = failed ? 1 : 0),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  },
);
