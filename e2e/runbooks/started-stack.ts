import { ensureJars, freePort, Kafka, PART_PORTS, ROOT, SERVICE_PORTS, tokenOf, type ServiceName } from '@past-tense/local';
import type { KafkaOptions } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { ask, eventually, type Answer } from '@past-tense/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

/** What may differ from one order to the next. */
export interface Placing {
  readonly customerId?: string;
  readonly paymentToken?: string;
  readonly country?: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly aggregateId: string | null;
  readonly reason: string;
}

const HOST = '127.0.0.1';
/** The customer whom the issuer calls customer-1. */
const CUSTOMER = '019aa000-0000-7000-8000-000000000001';
const START_TIMEOUT_MS = 90_000;

/** The stack that `npm start` starts, on ports and in a folder of its own: what a person has in front of them who follows a runbook. */
export class StartedStack {
  readonly kafka: KafkaOptions;
  #broker: Kafka | undefined;

  private constructor(
    /** The environment in which the commands of this repository find the stack. */
    readonly env: NodeJS.ProcessEnv,
    private readonly folder: string,
    private readonly supervisor: ChildProcess,
    private readonly ended: Promise<unknown>,
  ) {
    const logger = createLogger({ service: 'e2e', version: '1', level: 'silent', format: 'json' });
    this.kafka = { brokers: [env['KAFKA_BROKERS']!], clientId: 'e2e', logger };
  }

  /** @param settings environment variables for every service */
  static async start(settings: NodeJS.ProcessEnv): Promise<StartedStack> {
    const folder = mkdtempSync(join(tmpdir(), 'past-tense-runbooks-'));
    const env: NodeJS.ProcessEnv = { ...process.env, ...settings, PAST_TENSE_FOLDER: folder };
    for (const part of [...Object.keys({ ...SERVICE_PORTS, ...PART_PORTS }), 'lag_watch'])
      env[`${part.toUpperCase()}_PORT`] = String(await freePort());
    env['KAFKA_BROKERS'] = `${HOST}:${env['KAFKA_PORT']}`;
    env['SCHEMA_REGISTRY_URL'] = `http://${HOST}:${env['REGISTRY_PORT']}/apis/ccompat/v7`;
    const child = spawn(process.execPath, [join(ROOT, 'infra', 'local', 'dist', 'start.js')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const stack = new StartedStack(env, folder, child, ended);
    try {
      await eventually(() => {
        if (child.exitCode === null && !said.includes('Stop: Ctrl-C')) throw new Error(`The stack does not start:\n${said}`);
      }, START_TIMEOUT_MS);
      if (child.exitCode !== null) throw new Error(`The stack has ended:\n${said}`);
    } catch (error) {
      await stack.end();
      throw error;
    }
    return stack;
  }

  async end(): Promise<void> {
    this.supervisor.kill('SIGINT');
    await this.ended;
    await this.#broker?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  url(service: ServiceName): string {
    return `http://${HOST}:${this.env[`${service.toUpperCase()}_PORT`]}`;
  }

  /** Sends a signal to a part of the stack. */
  signal(part: string, signal: NodeJS.Signals): void {
    const { parts } = JSON.parse(readFileSync(join(this.folder, 'run.json'), 'utf8')) as { parts: { name: string; pid: number }[] };
    process.kill(parts.find(({ name }) => name === part)!.pid, signal);
  }

  /** Starts the broker again after it was killed, as whoever runs it would. From then on it looks all the time for what its topics need not keep. */
  async startBroker(): Promise<void> {
    this.#broker = new Kafka({
      jars: (await ensureJars(join(ROOT, '.past-tense', 'jars'), () => undefined)).kafka,
      dataDir: join(this.folder, 'data', 'kafka'),
      logFile: join(this.folder, 'logs', 'kafka.log'),
      port: Number(this.env['KAFKA_PORT']),
      properties: { 'log.initial.task.delay.ms': 500, 'log.retention.check.interval.ms': 500 },
    });
    await this.#broker.start();
  }

  /** The header of a caller such as `support`. */
  async as(name: string): Promise<{ authorization: string }> {
    return { authorization: `Bearer ${await tokenOf(`http://${HOST}:${this.env['ISSUER_PORT']}`, name)}` };
  }

  /** Asks a service for something, as somebody from support. */
  async get(service: ServiceName, path: string): Promise<Answer> {
    return await ask(`${this.url(service)}${path}`, { headers: await this.as('support') });
  }

  /**
   * Places an order.
   * @returns its id
   */
  async place(placing: Placing = {}): Promise<string> {
    const { status, body } = await this.tryToPlace(placing);
    expect(status).toBe(202);
    return (body as { orderId: string }).orderId;
  }

  /** Asks for an order, which may be refused. */
  async tryToPlace({ customerId = CUSTOMER, paymentToken = 'tok_visa', country = 'DE' }: Placing = {}): Promise<Answer> {
    return await ask(`${this.url('orders')}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(await this.as('support')) },
      body: JSON.stringify({
        customerId,
        lines: [{ sku: 'teapot', quantity: 1, unitPrice: { minorUnits: 3499, currency: 'EUR' } }],
        paymentToken,
        deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country },
      }),
    });
  }

  /** Waits until orders knows that an order is completed, and tracking as well. */
  async untilCompleted(orderId: string): Promise<void> {
    await eventually(async () => {
      for (const [service, path] of [
        ['orders', `/orders/${orderId}`],
        ['tracking', `/orders/${orderId}/timeline`],
      ] as const)
        expect((await this.get(service, path)).body).toMatchObject({ status: 'completed' });
    });
  }

  /** The dead letters of a consumer, oldest first. */
  async deadLetters(consumer: ServiceName): Promise<DeadLetter[]> {
    return await this.query(
      consumer,
      `SELECT id, aggregate_id AS "aggregateId", reason FROM held_events WHERE place = 'dlq' ORDER BY last_failed_at`,
    );
  }

  /** The series of a figure that are above 0, as a service tells them to Prometheus. */
  async figures(service: ServiceName, name: string): Promise<string[]> {
    const lines = ((await ask(`${this.url(service)}/metrics`)).body as string).split('\n');
    return lines.filter((line) => line.startsWith(`${name}{`) && !line.endsWith(' 0'));
  }

  /** The log of a part. */
  log(part: string): string {
    return readFileSync(join(this.folder, 'logs', `${part}.log`), 'utf8');
  }

  /** Tells a party of the sandbox how to behave: as it should, if nothing is said. */
  async behave(party: 'payments' | 'carrier', behaviour: { failure?: string; latencyMs?: number } = {}): Promise<void> {
    const { status } = await ask(`${this.url('sandbox')}/behaviour/${party}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(behaviour),
    });
    expect(status).toBe(200);
  }

  /** What the outside world was asked to do for an order, as `capture 1`: its kind and how often it was called for. */
  async books(orderId: string): Promise<string[]> {
    const { body } = await ask(`${this.url('sandbox')}/books/${orderId}`);
    return (body as { entries: { kind: string; calls: number }[] }).entries.map(({ kind, calls }) => `${kind} ${calls}`).sort();
  }

  async query<Row>(service: ServiceName | 'key_store', sql: string, values: unknown[] = []): Promise<Row[]> {
    const passwords = JSON.parse(readFileSync(join(this.folder, 'passwords.json'), 'utf8')) as Record<string, string>;
    const client = new Client(`postgres://${service}:${passwords[service]}@${HOST}:${this.env['POSTGRES_PORT']}/${service}`);
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Row[];
    } finally {
      await client.end();
    }
  }
}
