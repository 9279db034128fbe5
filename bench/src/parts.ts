import { ensureJars, freePort, Kafka, Postgres, ROOT } from '@past-tense/local';
import { Kafka as Client, logLevel, type Admin } from 'kafkajs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as PostgresClient } from 'pg';
import { until } from './until';

const PASSWORD = 'only-for-benchmarks';
export const PARTITIONS = 12;

/** A PostgreSQL and a Kafka for the measurements, as the local stack has them: fsync is on, and nothing is tuned for a benchmark. */
export class Parts {
  #made = 0;

  private constructor(
    readonly folder: string,
    readonly postgres: Postgres,
    readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly remove: () => void,
  ) {}

  static async start(): Promise<Parts> {
    const folder = mkdtempSync(join(tmpdir(), 'past-tense-bench-'));
    // What has just been killed may still be about to write.
    const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    process.on('exit', remove);
    const jars = await ensureJars(join(ROOT, '.past-tense', 'jars'), () => process.stderr.write('Maven fetches Kafka …\n'));
    const data = (part: string) => ({ dataDir: join(folder, part), logFile: join(folder, `${part}.log`) });
    const postgres = new Postgres({ ...data('postgres'), port: await freePort(), password: PASSWORD });
    const kafka = new Kafka({ ...data('kafka'), jars: jars.kafka, port: await freePort() });
    await Promise.all([postgres.start(), kafka.start()]);
    const admin = new Client({ brokers: [kafka.broker], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    return new Parts(folder, postgres, kafka, admin, remove);
  }

  /** Stops both and deletes their data. */
  async end(): Promise<void> {
    await this.admin.disconnect();
    await Promise.all([this.kafka.kill(), this.postgres.stop()]);
    this.remove();
    process.off('exit', this.remove);
  }

  /** A name that nothing has yet. */
  name(of: string): string {
    return `${of}-${(this.#made += 1)}`;
  }

  /** Gives work an empty database, and drops it afterwards. */
  async withDatabase<T>(work: (url: string) => Promise<T>): Promise<T> {
    const name = this.name('bench').replaceAll('-', '_');
    await this.sql(`CREATE DATABASE ${name}`);
    try {
      return await work(this.postgres.url(name));
    } finally {
      await this.sql(`DROP DATABASE ${name} WITH (FORCE)`);
      await this.sql('CHECKPOINT'); // Or the next one pays for what this one has written.
    }
  }

  /** Gives work empty topics, and deletes them afterwards. */
  async withTopics<T>(topics: readonly string[], work: () => Promise<T>, numPartitions = PARTITIONS): Promise<T> {
    // kafkajs itself can wait for the leaders, but takes a topic that is not known yet for a failure.
    await this.admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions })), waitForLeaders: false });
    try {
      await until(`${topics.join(', ')} have leaders`, () => this.haveLeaders(topics));
      return await work();
    } finally {
      await this.admin.deleteTopics({ topics: [...topics] });
      const gone = async () => (await this.admin.listTopics()).every((name) => !topics.includes(name));
      while (!(await gone())) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private async haveLeaders(topics: readonly string[]): Promise<boolean> {
    const known = await this.admin.fetchTopicMetadata({ topics: [...topics] }).catch(() => undefined);
    return known?.topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)) ?? false;
  }

  /** Waits until a consumer group has its members and has shared out the partitions among them. */
  async untilJoined(group: string, members: number): Promise<void> {
    await until(`${group} has ${members} members`, async () => {
      const { groups } = await this.admin.describeGroups([group]);
      return groups[0]?.state === 'Stable' && groups[0].members.length === members;
    });
  }

  /** Messages on a topic. */
  async count(topic: string): Promise<number> {
    const offsets = await this.admin.fetchTopicOffsets(topic);
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  }

  /** Runs one statement as the superuser. */
  async sql<Row>(text: string, url = this.postgres.url('postgres')): Promise<Row[]> {
    const client = new PostgresClient({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(text)).rows as Row[];
    } finally {
      await client.end();
    }
  }
}
