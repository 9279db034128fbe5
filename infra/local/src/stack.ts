import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Child, untilReady } from './child';
import { Complaint } from './complaint';
import { Issuer, tokenOf } from './issuer';
import { ensureJars } from './java';
import { Kafka } from './kafka';
import { KEY_STORE_SECRETS, type KeyStore } from './key-store';
import { keyStoreOf } from './openbao-key-store';
import { freePort } from './ports';
import { Postgres } from './postgres';
import { Registry } from './registry';
import { ROOT } from './root';
import { secretsIn } from './secrets';
import { COMMANDS, KAFKA_USERS, SERVICES, type KafkaUser, type PartName, type ServiceName } from './services';

const HOST = '127.0.0.1';
const ORDERS_CLIENT = 'orders-client';
/** Grants permissions, and so may do everything; no other user may. */
const SUPER_USER = 'catalogue';
/** Who may use data keys; which of them is in the contracts. */
const KEY_STORE_USERS: readonly ServiceName[] = ['orders', 'payments', 'shipping'];
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 8_000;

export interface StackOptions {
  /** Folder for data, logs and secrets. */
  readonly folder: string;
  /** Folder where the Java programs are kept between starts. */
  readonly jarsFolder: string;
  readonly ports: Readonly<Record<ServiceName | PartName, number>>;
  /** Environment variables for every service. */
  readonly env?: NodeJS.ProcessEnv;
  /** Kafka lets in only whom it knows, and lets them do only what the contracts say. */
  readonly authorizer?: boolean;
  /** Told when a part is up. */
  readonly progress?: (part: string, detail: string, ms: number) => void;
  /** Told when the process of a service is there, long before it is up. */
  readonly launched?: () => void;
}

/** Everything the system needs, as processes on this machine. */
export class Stack {
  readonly #options: StackOptions;
  /** Folder of data, logs and secrets. */
  readonly folder: string;
  readonly #services = new Map<ServiceName, Child>();
  readonly #moreInstances: Child[] = [];
  readonly #secrets: Record<string, string>;
  readonly postgres: Postgres;
  readonly keyStore: KeyStore;
  readonly issuer: Issuer;
  #kafka!: Kafka;
  #registry!: Registry;

  constructor(options: StackOptions) {
    this.#options = options;
    this.folder = options.folder;
    mkdirSync(options.folder, { recursive: true });
    this.#secrets = secretsIn(join(options.folder, 'passwords.json'), [
      'postgres',
      ...SERVICES,
      ...KEY_STORE_SECRETS,
      ORDERS_CLIENT,
      'carrier',
      ...KAFKA_USERS.map(kafkaSecret),
    ]);
    this.postgres = new Postgres({
      dataDir: this.#data('postgres'),
      logFile: this.#log('postgres'),
      port: options.ports.postgres,
      password: this.#secrets['postgres']!,
    });
    const { postgres, folder } = this;
    this.keyStore = keyStoreOf({ postgres, secrets: this.#secrets, services: KEY_STORE_USERS, folder });
    this.issuer = new Issuer({
      dataDir: this.#data('issuer'),
      logFile: this.#log('issuer'),
      port: options.ports.issuer,
      ordersSecret: this.#secrets[ORDERS_CLIENT]!,
    });
  }

  get kafka(): Kafka {
    return this.#kafka;
  }

  get registry(): Registry {
    return this.#registry;
  }

  /** Starts PostgreSQL, Kafka, the registry and the issuer of tokens, makes the databases and applies the catalogue. */
  async startInfrastructure(): Promise<void> {
    const { jarsFolder, ports, progress, authorizer } = this.#options;
    const jars = await ensureJars(jarsFolder, () =>
      progress?.('Java programs', 'Maven fetches Kafka and the schema registry, which takes a moment the first time', 0),
    );
    this.#kafka = new Kafka({
      jars: jars.kafka,
      dataDir: this.#data('kafka'),
      logFile: this.#log('kafka'),
      port: ports.kafka,
      ...(authorizer && { authorizer: { users: this.#kafkaPasswords(), superUsers: [SUPER_USER] } }),
    });
    this.#registry = new Registry({
      jars: jars.registry,
      dataDir: this.#data('registry'),
      logFile: this.#log('registry'),
      port: ports.registry,
    });
    const outcomes = await Promise.allSettled([
      this.#timed('PostgreSQL', `${HOST}:${ports.postgres}`, async () => {
        await this.postgres.start();
        for (const service of SERVICES) await this.postgres.ensureDatabase(service, this.#secrets[service]!);
        await this.keyStore.prepare();
      }),
      this.#timed('Kafka', this.#kafka.broker, () => this.#kafka.start()),
      this.#timed('Schema registry', this.#registry.url, () => this.#registry.start()),
      this.#timed('Issuer', this.issuer.url, () => this.issuer.start()),
    ]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    await this.#timed('Catalogue', `topics created, schemas registered${authorizer ? ', permissions granted' : ''}`, () =>
      this.applyCatalogue(),
    );
  }

  /** Creates the topics, registers the schemas and, where Kafka asks for them, grants the permissions. */
  async applyCatalogue(): Promise<void> {
    const child = Child.start({
      name: 'Catalogue',
      command: process.execPath,
      args: [join(ROOT, 'infra', 'catalogue', 'dist', 'main.js'), ...(this.#options.authorizer ? ['--acls'] : [])],
      env: { ...process.env, ...this.#kafkaEnv(), ...this.kafkaUserEnv(SUPER_USER) },
      logFile: this.#log('catalogue'),
    });
    if ((await child.exited).code !== 0) throw new Complaint(`The catalogue could not be applied. It said:\n${child.lastWords()}`);
  }

  /** Starts the services and waits until all are ready. */
  async startServices(names: readonly ServiceName[] = SERVICES): Promise<void> {
    const outcomes = await Promise.allSettled(
      names.map((name) => this.#timed(name, `http://${HOST}:${this.#options.ports[name]}`, () => this.startService(name))),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /**
   * Starts one service and waits until it is ready.
   * @throws Complaint if it is not
   */
  async startService(name: ServiceName, env: NodeJS.ProcessEnv = {}): Promise<Child> {
    const child = this.#launch(name, this.#options.ports[name], env);
    this.#services.set(name, child);
    this.#options.launched?.();
    await this.#untilReady(name, child, this.#options.ports[name]);
    return child;
  }

  /** Starts one more instance of a service, on a port of its own, and waits until it is ready. */
  async addInstance(name: ServiceName): Promise<Child> {
    const port = await freePort();
    const child = this.#launch(name, port, { GRPC_PORT: String(await freePort()) });
    this.#moreInstances.push(child);
    await this.#untilReady(name, child, port);
    return child;
  }

  /** The process of a service that was started. */
  service(name: ServiceName): Child | undefined {
    return this.#services.get(name);
  }

  /** Settings of a service, as environment variables. */
  serviceEnv(name: ServiceName): NodeJS.ProcessEnv {
    const { ports } = this.#options;
    const sandbox = `http://${HOST}:${ports.sandbox}`;
    return {
      NODE_ENV: 'production',
      HTTP_HOST: HOST,
      HTTP_PORT: String(ports[name]),
      DATABASE_URL: this.postgres.url(name, name, this.#secrets[name]),
      PAYMENT_PROVIDER_URL: sandbox,
      CARRIER_URL: sandbox,
      LOG_FORMAT: 'json',
      DEPLOYMENT: 'development',
      AUTH_ISSUER: this.issuer.url,
      ...this.#commandEnv(name),
      ...(KEY_STORE_USERS.includes(name) && this.keyStore.env(name)),
      ...this.#kafkaEnv(),
      ...(isKafkaUser(name) && this.kafkaUserEnv(name)),
      ...versionEnv(name),
    };
  }

  /** Settings with which a process is a user of Kafka's; none where Kafka does not ask. */
  kafkaUserEnv(user: KafkaUser): NodeJS.ProcessEnv {
    if (!this.#options.authorizer) return {};
    return { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: user, KAFKA_SASL_PASSWORD: this.#kafkaPasswords()[user] };
  }

  #kafkaPasswords(): Record<string, string> {
    return Object.fromEntries(KAFKA_USERS.map((user) => [user, this.#secrets[kafkaSecret(user)]!]));
  }

  /** Commands, callbacks and the secrets that they need: each service gets only its own. */
  #commandEnv(name: ServiceName): NodeJS.ProcessEnv {
    const { ports } = this.#options;
    const channels = { ...grpcEnv(name, ports), ...channelAddresses(ports) };
    if (name === 'orders') return { ...channels, ORDERS_CLIENT_SECRET: this.#secrets[ORDERS_CLIENT] };
    const callbacks = { CARRIER_CALLBACK_SECRET: `whsec_${Buffer.from(this.#secrets['carrier']!).toString('base64')}` };
    if (name === 'shipping') return { ...channels, ...callbacks };
    if (name === 'sandbox') return { CARRIER_CALLBACK_URL: `${this.url('shipping')}/carrier/callbacks`, ...callbacks };
    return channels;
  }

  /** A token of the service orders. */
  async ordersToken(): Promise<string> {
    return await tokenOf(this.issuer.url, 'orders', this.#secrets[ORDERS_CLIENT]);
  }

  /** Address where shipping answers commands. */
  get commandsAddress(): string {
    return `${HOST}:${this.#options.ports.shipping_grpc}`;
  }

  /** Address of a service. */
  url(name: ServiceName): string {
    return `http://${HOST}:${this.#options.ports[name]}`;
  }

  /** Log file of a part. */
  logFile(part: string): string {
    return this.#log(part);
  }

  /** Every process that was started and still runs. */
  running(): Child[] {
    const children = [
      ...this.#services.values(),
      ...this.#moreInstances,
      this.issuer.child,
      this.#registry?.child,
      this.#kafka?.child,
      this.postgres.child,
      this.keyStore.child,
    ];
    return children.filter((child): child is Child => child?.running === true);
  }

  /** Stops everything in order: the services finish what they do, then what they stand on. */
  async stop(): Promise<void> {
    await Promise.all([...this.#services.values(), ...this.#moreInstances].map((child) => child.stop(STOP_TIMEOUT_MS)));
    await this.keyStore.stop?.(4_000);
    await Promise.all([this.issuer.stop(), this.#registry?.stop(1_500), this.#kafka?.stop(4_000), this.postgres.stop(4_000)]);
  }

  #launch(name: ServiceName, port: number, env: NodeJS.ProcessEnv): Child {
    return Child.start({
      name,
      command: process.execPath,
      args: ['--enable-source-maps', join(ROOT, 'apps', name, 'dist', 'main.js')],
      env: { ...process.env, ...this.serviceEnv(name), HTTP_PORT: String(port), ...this.#options.env, ...env },
      logFile: this.#log(name),
    });
  }

  async #untilReady(name: ServiceName, child: Child, port: number): Promise<void> {
    const health = `http://${HOST}:${port}/health/ready`;
    const ready = await untilReady(child, READY_TIMEOUT_MS, async () => (await fetch(health, { signal: AbortSignal.timeout(1_000) })).ok);
    if (!ready) throw new Complaint(`${name} does not start; read ${this.#log(name)}. It said:\n${child.lastWords()}`);
  }

  #kafkaEnv(): NodeJS.ProcessEnv {
    return {
      KAFKA_BROKERS: `${HOST}:${this.#options.ports.kafka}`,
      SCHEMA_REGISTRY_URL: `http://${HOST}:${this.#options.ports.registry}/apis/ccompat/v7`,
    };
  }

  async #timed(part: string, detail: string, work: () => Promise<unknown>): Promise<void> {
    const startedAt = performance.now();
    await work();
    this.#options.progress?.(part, detail, performance.now() - startedAt);
  }

  #data(part: string): string {
    return join(this.#options.folder, 'data', part);
  }

  #log(part: string): string {
    return join(this.#options.folder, 'logs', `${part}.log`);
  }
}

function isKafkaUser(name: string): name is KafkaUser {
  return (KAFKA_USERS as readonly string[]).includes(name);
}

function kafkaSecret(user: KafkaUser): string {
  return `kafka-${user}`;
}

/** Where a service listens for commands, if it answers any. */
function grpcEnv(name: ServiceName, ports: StackOptions['ports']): NodeJS.ProcessEnv {
  const port = (ports as Record<string, number>)[`${name}${COMMANDS}`];
  return port === undefined ? {} : { GRPC_PORT: String(port) };
}

/** Where the services listen for commands, for whoever sends them: `SHIPPING_COMMANDS_ADDRESS`. */
function channelAddresses(ports: StackOptions['ports']): NodeJS.ProcessEnv {
  const channels = Object.entries(ports).filter(([part]) => part.endsWith(COMMANDS));
  return Object.fromEntries(
    channels.map(([part, port]) => [`${part.slice(0, -COMMANDS.length).toUpperCase()}_COMMANDS_ADDRESS`, `${HOST}:${port}`]),
  );
}

/** Versions of events, chosen for one service: `ORDERS_PUBLISHED_VERSIONS` is `PUBLISHED_VERSIONS` of orders. */
function versionEnv(name: ServiceName): NodeJS.ProcessEnv {
  const chosen = ['PUBLISHED_VERSIONS', 'CONSUMED_VERSIONS'].map(
    (setting) => [setting, process.env[`${name.toUpperCase()}_${setting}`]] as const,
  );
  return Object.fromEntries(chosen.filter(([, value]) => value !== undefined));
}
