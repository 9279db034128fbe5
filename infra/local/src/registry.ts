import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Child, untilReady } from './child';
import { Complaint } from './complaint';
import { preparedClasses } from './prepared-classes';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;

export interface RegistryOptions {
  /** Folder of the registry's jars. */
  readonly jars: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  /** Options of the JVM; those of its prepared classes unless others are given. */
  readonly javaOptions?: readonly string[];
}

/** A real Apicurio schema registry. It keeps its schemas in a file, so that their ids stay what the events on Kafka say. */
export class Registry {
  #child: Child | undefined;

  constructor(readonly options: RegistryOptions) {}

  get child(): Child | undefined {
    return this.#child;
  }

  /** Address of the Confluent-compatible API. */
  get url(): string {
    return `http://${HOST}:${this.options.port}/apis/ccompat/v7`;
  }

  /** @throws Complaint if it does not come up */
  async start(): Promise<void> {
    const { jars, dataDir, logFile, port, javaOptions = preparedClasses(jars) } = this.options;
    mkdirSync(dataDir, { recursive: true });
    this.#child = Child.start({
      name: 'Schema registry',
      command: 'java',
      args: [...javaOptions, '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-jar', join(jars, jarName)],
      env: {
        ...process.env,
        QUARKUS_HTTP_HOST: HOST,
        QUARKUS_HTTP_PORT: String(port),
        QUARKUS_DATASOURCE_JDBC_URL: `jdbc:h2:file:${join(dataDir, 'registry')}`,
        QUARKUS_LOG_LEVEL: 'WARN',
      },
      logFile,
    });
    const health = `http://${HOST}:${port}/health/ready`;
    if (await untilReady(this.#child, START_TIMEOUT_MS, async () => (await fetch(health, { signal: AbortSignal.timeout(1_000) })).ok))
      return;
    await this.#child.kill();
    throw new Complaint(
      `The schema registry does not start with the data in ${dataDir}; start with --fresh to begin with an empty one, or read ${logFile}. It said:\n${this.#child.lastWords()}`,
    );
  }

  async stop(timeoutMs = 5_000): Promise<void> {
    await this.#child?.stop(timeoutMs);
  }
}

const jarName = 'apicurio-registry-app-2.6.13.Final-runner.jar';
