import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Complaint } from './complaint';
import { followOrder, type FollowedOrder } from './follow-order';
import { clearLeftovers, forgetRun, noteRun } from './leftovers';
import { requireFree } from './ports';
import { FOLDER, JARS_FOLDER, portsFrom, portVariable } from './settings';
import { ROOT } from './root';
import { COMMANDS, SERVICE_PORTS, SERVICES, type ServiceName } from './services';
import { Stack } from './stack';

const DEMO_TIMEOUT_MS = 60_000;
const RESTART_DELAY_MS = 1_000;
const NAMES: Partial<Record<string, string>> = {
  postgres: 'PostgreSQL',
  kafka: 'Kafka',
  registry: 'the schema registry',
  issuer: 'the issuer of tokens',
};

/** An order needs every service. */
const IS_WHOLE = SERVICES.length === Object.keys(SERVICE_PORTS).length;

const nameOf = (part: string) =>
  part.endsWith(COMMANDS) ? `the command channel of ${part.slice(0, -COMMANDS.length)}` : (NAMES[part] ?? part);
const say = (line = '') => process.stdout.write(`${line}\n`);

let stack: Stack | undefined;
let stopping: Promise<void> | undefined;

async function start(): Promise<void> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      authorizer: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return usage();
  const startedAt = performance.now();
  const ports = portsFrom(process.env);
  const left = await clearLeftovers(FOLDER);
  if (left.length > 0) say(`An earlier start had left ${left.join(', ')} running; stopped.`);
  for (const [part, port] of Object.entries(ports))
    if (isHere(part)) await requireFree(port, nameOf(part), portVariable(part as keyof typeof ports));
  if (values.fresh) for (const part of ['data', 'logs', 'passwords.json']) rmSync(join(FOLDER, part), { recursive: true, force: true });

  say('Starting the stack');
  stack = new Stack({
    folder: FOLDER,
    jarsFolder: JARS_FOLDER,
    ports,
    authorizer: values.authorizer,
    progress: (part, detail, ms) => say(`  ${part.padEnd(16)} ${detail.padEnd(46)} ${ms ? `${(ms / 1000).toFixed(1)} s` : ''}`),
    // Whoever kills this one leaves a service behind that the next start has to know of.
    launched: () => noteRun(FOLDER, stack!.running()),
  });
  await stack.startInfrastructure();
  noteRun(FOLDER, stack.running());
  await stack.startServices();
  say(`Ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  say();
  if (IS_WHOLE) {
    const urls = { orders: stack.url('orders'), tracking: stack.url('tracking'), issuer: stack.issuer.url };
    printTimeline(await followOrder(urls, 'happy', DEMO_TIMEOUT_MS));
  }
  if (values.once) return await stop();
  printAddresses(stack);
  for (const name of SERVICES) void keepUp(stack, name);
}

/** Whether a part is started: a service that was not taken along, or a port of its, is not. */
function isHere(part: string): boolean {
  const service = part.split('_')[0]!;
  return !(service in SERVICE_PORTS) || SERVICES.includes(service as ServiceName);
}

function usage(): void {
  say('npm start                     start everything, place one order, stay up until Ctrl-C');
  say('npm start -- --once           stop after the order');
  say('npm start -- --fresh          begin with empty databases and topics');
  say('npm start -- --authorizer     Kafka asks who is calling, and lets nobody do what no contract declares');
}

function printTimeline({ orderId, correlationId, requestedAtMs, entries }: FollowedOrder): void {
  say(`Order ${orderId}, correlation id ${correlationId}`);
  say(`  ${'topic'.padEnd(22)}${'event id'.padEnd(40)}${'version'.padEnd(9)}ms after the request`);
  for (const { topic, eventId, aggregateVersion, occurredAt } of entries) {
    say(`  ${topic.padEnd(22)}${eventId.padEnd(40)}${String(aggregateVersion).padEnd(9)}${Date.parse(occurredAt) - requestedAtMs}`);
  }
  say();
}

function printAddresses(running: Stack): void {
  for (const name of SERVICES) say(`  ${name.padEnd(10)} ${running.url(name)}/docs`);
  say(`  ${'issuer'.padEnd(10)} ${running.issuer.url}   (a token: npm run --silent token -- --as customer-1)`);
  say(`  ${'Kafka'.padEnd(10)} ${running.kafka.broker}`);
  say(`  ${'registry'.padEnd(10)} ${running.registry.url}`);
  say(`  ${'logs'.padEnd(10)} ${relative(ROOT, join(FOLDER, 'logs'))}`);
  say();
  say(`${IS_WHOLE ? 'More orders: npm run demo -- --orders 50      ' : ''}Stop: Ctrl-C`);
}

/** Starts a service again when it ends by itself, as a container's restart policy would. */
async function keepUp(running: Stack, name: ServiceName): Promise<void> {
  while (!stopping) {
    await running.service(name)!.exited;
    if (stopping) return;
    say(`${name} ended by itself and is started again; ${relative(ROOT, running.logFile(name))} says why.`);
    await sleep(RESTART_DELAY_MS);
    await running.startService(name).catch((error: unknown) => say((error as Error).message));
  }
}

async function stop(): Promise<void> {
  stopping ??= (async () => {
    await stack?.stop();
    forgetRun(FOLDER);
  })();
  await stopping;
}

let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interrupted) for (const child of stack?.running() ?? []) child.signal('SIGKILL');
    interrupted = true;
    say('\nStopping …');
    void stop().then(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  });
}

start().catch(async (error: unknown) => {
  if (!interrupted)
    process.stderr.write(`${error instanceof Complaint || isUsage(error) ? error.message : ((error as Error).stack ?? String(error))}\n`);
  await stop();
  process.exit(interrupted ? 130 : 1);
});

function isUsage(error: unknown): error is Error {
  return String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
}
