import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child, untilReady } from './child';
import { Complaint } from './complaint';
import { freePort, isListening } from './ports';
import { preparedClasses } from './prepared-classes';

const run = promisify(execFile);
const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
/** As whom the broker talks to its controller. */
const BROKER = 'broker';
const LOG_CONFIG = join(__dirname, '..', 'log4j2.xml');

export interface KafkaOptions {
  /** Folder of Kafka's jars. */
  readonly jars: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  /** Whoever connects must be one of these users and may do what permissions (ACLs) say; without it everybody may do everything. */
  readonly authorizer?: {
    /** Passwords, by the user's name. */
    readonly users: Readonly<Record<string, string>>;
    /** Users who may do everything. */
    readonly superUsers: readonly string[];
  };
  /** Options of the JVM; those of its prepared classes unless others are given. */
  readonly javaOptions?: readonly string[];
  /** Server properties that differ from those here. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

/** A real Kafka broker in KRaft mode: broker and controller in one process, no ZooKeeper. */
export class Kafka {
  #child: Child | undefined;
  #controllerPort: number | undefined;

  constructor(readonly options: KafkaOptions) {}

  get child(): Child | undefined {
    return this.#child;
  }

  get broker(): string {
    return `${HOST}:${this.options.port}`;
  }

  /**
   * Starts the broker; an empty data folder is formatted first.
   * @throws Complaint if it does not come up
   */
  async start(): Promise<void> {
    const { dataDir, logFile, port } = this.options;
    mkdirSync(dataDir, { recursive: true });
    const properties = join(dataDir, 'server.properties');
    // Passwords may be in it.
    rmSync(properties, { force: true });
    writeFileSync(properties, await this.#properties(), { mode: 0o600 });
    if (!existsSync(join(dataDir, 'log', 'meta.properties'))) await this.#format(properties);
    this.#child = Child.start({
      name: 'Kafka',
      command: 'java',
      args: [
        ...(this.options.javaOptions ?? preparedClasses(this.options.jars)),
        '-Xms256m',
        '-Xmx512m',
        '-XX:+UseSerialGC',
        '-XX:+ExitOnOutOfMemoryError',
        `-Dlog4j2.configurationFile=${LOG_CONFIG}`,
        '-cp',
        join(this.options.jars, '*'),
        'kafka.Kafka',
        properties,
      ],
      logFile,
    });
    if (await untilReady(this.#child, START_TIMEOUT_MS, () => isListening(port))) return;
    await this.#child.kill();
    throw new Complaint(
      `Kafka does not start with the data in ${dataDir}; start with --fresh to begin with an empty one, or read ${logFile}. It said:\n${this.#child.lastWords()}`,
    );
  }

  async stop(timeoutMs = 8_000): Promise<void> {
    await this.#child?.stop(timeoutMs);
  }

  /** Ends the broker as a crash would. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  async #properties(): Promise<string> {
    this.#controllerPort ??= await freePort();
    const { dataDir, port, authorizer, properties } = this.options;
    return Object.entries({
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@${HOST}:${this.#controllerPort}`,
      listeners: `CLIENT://${HOST}:${port},CONTROLLER://${HOST}:${this.#controllerPort}`,
      'listener.security.protocol.map': 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'inter.broker.listener.name': 'CLIENT',
      'controller.listener.names': 'CONTROLLER',
      'log.dirs': join(dataDir, 'log'),
      // A topic exists because the catalogue says so, never because somebody misspelt one.
      'auto.create.topics.enable': false,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 8,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'share.coordinator.state.topic.replication.factor': 1,
      'share.coordinator.state.topic.min.isr': 1,
      // One machine, few members: nothing is gained by waiting for more before the first assignment.
      'group.initial.rebalance.delay.ms': 0,
      'log.cleaner.dedupe.buffer.size': 16_777_216,
      // Kafka caps the age of what it keeps by the segment it sits in.
      'log.segment.bytes': 134_217_728,
      ...(authorizer && authorization(authorizer)),
      ...properties,
    })
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }

  async #format(properties: string): Promise<void> {
    // The tool takes a cluster id that begins with a dash for an option.
    const clusterId = `P${randomBytes(16).toString('base64url').slice(1)}`;
    try {
      await run('java', [
        ...preparedClasses(this.options.jars),
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        `-Dlog4j2.configurationFile=${LOG_CONFIG}`,
        '-cp',
        join(this.options.jars, '*'),
        'kafka.tools.StorageTool',
        'format',
        '-t',
        clusterId,
        '-c',
        properties,
      ]);
    } catch (error) {
      throw new Complaint(
        `Kafka could not format its data folder ${this.options.dataDir}; check that it is writable (it says: ${firstLine(error)}).`,
      );
    }
  }
}

/**
 * Everybody says who they are, on the controller's port too: whoever is anonymous there would be the broker, which may do everything.
 * The broker's own password is made anew with every start, because nobody else needs it.
 */
function authorization({ users, superUsers }: NonNullable<KafkaOptions['authorizer']>): Record<string, string | boolean> {
  const own = randomBytes(24).toString('base64url');
  const accepted = Object.entries({ ...users, [BROKER]: own }).map(([name, password]) => ` user_${name}="${password}"`);
  const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="${BROKER}" password="${own}"${accepted.join('')};`;
  return {
    'listener.security.protocol.map': 'CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT',
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'sasl.mechanism.controller.protocol': 'PLAIN',
    'listener.name.client.plain.sasl.jaas.config': jaas,
    'listener.name.controller.plain.sasl.jaas.config': jaas,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': false,
    'super.users': [...superUsers, BROKER].map((name) => `User:${name}`).join(';'),
  };
}

/** The line of a Java program's complaint that is not a stack trace. */
function firstLine(error: unknown): string {
  const said = (error as { stderr?: string }).stderr ?? '';
  return said.split('\n').find((line) => /Exception|Error/.test(line) && !/^\s/.test(line)) ?? (error as Error).message.split('\n')[0]!;
}
