import { Child, freePort, ROOT } from '@past-tense/local';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectorConfig, properties } from '../debezium';
import { fillOutbox, outboxDatabase } from '../outbox-rows';
import { cpuSecondsOf, peakMegabytesOf } from '../processes';
import { program } from '../program';
import { until } from '../until';
import type { RelayOptions } from './relay';

export interface DebeziumOptions extends RelayOptions {
  /** Folder of the jars of Kafka Connect and Debezium. */
  readonly jars: string;
  /** An empty folder for what Kafka Connect keeps. */
  readonly folder: string;
}

const PUBLICATION = 'bench_outbox';
const LOOK_MS = 20;
/** More than others: a Java program is warm later. */
const WARM_UP = 10_000;

/** Change data capture: Kafka Connect, by itself, with Debezium's outbox event router. It reads what was committed from the write-ahead log. */
program(async ({ url, broker, topic, warmUpTopic, rows, aggregates, jars, folder }: DebeziumOptions) => {
  const database = await outboxDatabase(url);
  await database.query({ name: '', text: `CREATE PUBLICATION ${PUBLICATION} FOR TABLE outbox WITH (publish = 'insert')` });
  const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const connect = startConnect({ url, broker, jars, folder, port: await freePort() });
  const pid = connect.pid!;

  const untilArrived = async (on: string, wanted: number) =>
    await until(
      `Debezium has published ${wanted} events`,
      async () => {
        if (!connect.running) throw new Error(`Kafka Connect has ended. It said:\n${connect.lastWords()}`);
        return (await messagesOn(admin, on)) >= wanted;
      },
      LOOK_MS,
    );
  const slots = { name: 'bench-slots', text: 'SELECT 1 AS found FROM pg_replication_slots WHERE active AND database = current_database()' };
  await until('Debezium reads the write-ahead log', async () => {
    if (!connect.running) throw new Error(`Kafka Connect has ended. It said:\n${connect.lastWords()}`);
    return (await database.query(slots)).length > 0;
  });
  await fillOutbox(database, warmUpTopic, WARM_UP, aggregates);
  await untilArrived(warmUpTopic, WARM_UP);
  return {
    async run() {
      await fillOutbox(database, topic, rows, aggregates);
      const [startedAt, cpuBefore] = [performance.now(), cpuSecondsOf(pid)];
      await untilArrived(topic, rows);
      const perSecond = (rows * 1_000) / (performance.now() - startedAt);
      const cpuSeconds = cpuSecondsOf(pid) - cpuBefore;
      return {
        events: rows,
        values: { perSecond, cpuSeconds, cpuMsPerThousand: (cpuSeconds * 1_000_000) / rows, peakMegabytes: peakMegabytesOf(pid) },
      };
    },
    async end() {
      await connect.stop(10_000);
      await admin.disconnect();
      await database.close();
    },
  };
});

function startConnect({
  url,
  broker,
  jars,
  folder,
  port,
}: Pick<DebeziumOptions, 'url' | 'broker' | 'jars' | 'folder'> & { port: number }): Child {
  mkdirSync(folder, { recursive: true });
  const [worker, connector] = [join(folder, 'worker.properties'), join(folder, 'connector.properties')];
  const slot = new URL(url).pathname.slice(1);
  writeFileSync(
    worker,
    properties({
      'bootstrap.servers': broker,
      listeners: `http://127.0.0.1:${port}`,
      'offset.storage.file.filename': join(folder, 'offsets'),
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'plugin.discovery': 'service_load',
    }),
  );
  writeFileSync(connector, properties(connectorConfig({ url, slot, publication: PUBLICATION })), { mode: 0o600 });
  return Child.start({
    name: 'Kafka Connect',
    command: 'java',
    args: [
      '-Xms256m',
      '-Xmx1g',
      `-Dlog4j2.configurationFile=${join(ROOT, 'infra', 'local', 'log4j2.xml')}`,
      '-cp',
      join(jars, '*'),
      'org.apache.kafka.connect.cli.ConnectStandalone',
      worker,
      connector,
    ],
    logFile: join(folder, 'connect.log'),
  });
}

async function messagesOn(admin: Admin, topic: string): Promise<number> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.reduce((sum, { high }) => sum + Number(high), 0);
}
