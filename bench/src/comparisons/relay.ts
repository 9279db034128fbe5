import { join } from 'node:path';
import type { Comparison, Contender, Sample } from '../comparison';
import { ensureDebezium } from '../debezium';
import type { Parts } from '../parts';
import type { RelayOptions } from '../programs/relay';
import { runProgram } from '../start-program';

const ROWS = 50_000;
const AGGREGATES = 5_000;
/** It does fewer rows a second, and as many seconds. */
const LIBRARY_ROWS = 3_000;

/** Runs one program that publishes rows, on an empty database and empty topics, and counts what has arrived. */
export async function publish(parts: Parts, program: string, rows: number, more: object = {}): Promise<Sample> {
  const [topic, warmUpTopic] = [parts.name('relay'), parts.name('warm-up')];
  return await parts.withDatabase((url) =>
    parts.withTopics([topic, warmUpTopic], async () => {
      const options: RelayOptions = { url, broker: parts.kafka.broker, topic, warmUpTopic, rows, aggregates: AGGREGATES, ...more };
      const sample = await runProgram(program, options);
      const arrived = await parts.count(topic);
      if (arrived !== rows) throw new Error(`${program} has published ${arrived} of ${rows} events.`);
      return sample;
    }),
  );
}

const contender = (name: string, what: string, program: string, rows = ROWS, more?: object): Contender => ({
  name,
  what,
  run: (parts) => publish(parts, program, rows, more),
});

export const relay: Comparison = {
  name: 'relay',
  title: 'Publishing the outbox',
  work: `${ROWS.toLocaleString('en')} rows with values of 352 bytes and 16 headers, of ${AGGREGATES.toLocaleString('en')} aggregates, acknowledged by all in-sync replicas.`,
  units: {
    perSecond: 'events/s',
    cpuMsPerThousand: 'CPU of the process, ms per 1,000',
    machineMsPerThousand: 'CPU of everything, ms per 1,000',
    peakMegabytes: 'peak memory, MB',
  },
  contenders: [
    contender('relay', 'our outbox relay', 'relay'),
    contender('raw kafkajs', 'sendBatch of 500 from memory, no database: the limit', 'send-batch'),
    contender('SKIP LOCKED', 'a plain batch relay', 'skip-locked-relay'),
    contender(
      'pg-transactional-outbox',
      `its polling listener with its own table, up to 100 messages in parallel and in no order, those at hand sent together; ${LIBRARY_ROWS.toLocaleString('en')} rows`,
      'pg-transactional-outbox',
      LIBRARY_ROWS,
    ),
    {
      name: 'Debezium',
      what: 'its outbox event router in Kafka Connect, standalone, reading the write-ahead log, with five more headers of its own; CPU and memory are those of the Java process',
      run: async (parts) =>
        await publish(parts, 'debezium', ROWS, { jars: await ensureDebezium(), folder: join(parts.folder, parts.name('debezium')) }),
    },
  ],
  goals: [
    { of: 'relay', beside: 'raw kafkajs', value: 'perSecond', atLeast: 1 },
    { of: 'relay', beside: 'SKIP LOCKED', value: 'perSecond', atLeast: 1 },
    { of: 'relay', beside: 'pg-transactional-outbox', value: 'perSecond', atLeast: 1 },
    { of: 'relay', beside: 'Debezium', value: 'perSecond', atLeast: 1 },
  ],
};
