import { fact, OrderCompleted, topicOf } from '@past-tense/contracts';
import { Database } from '@past-tense/database';
import { DEDUP_MIGRATIONS, maintainPartitions } from '@past-tense/dedup';
import { newId } from '@past-tense/envelope';
import { applyTopics, MESSAGING_MIGRATIONS, DeadLetters, KafkaProducer, ownTopics } from '@past-tense/messaging';
import { OUTBOX_MIGRATIONS } from '@past-tense/outbox';
import { createLogger } from '@past-tense/telemetry';
import { ROOT } from '@past-tense/local';
import { aRecord, eventually, isolatedKafka, uniqueName } from '@past-tense/testing';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Violation } from '../invariants';
import type { Chaos, Outcome, Scenario } from '../scenario';

const DAY_MS = 86_400_000;
const INSTANCES = 3;
const PROGRAM = join(ROOT, 'e2e', 'dist', 'chaos', 'scenarios', 'ledger-process.js');

/**
 * Order per aggregate at a consumer, where it is hardest: many facts of each aggregate on one topic, a reaction that fails at
 * random, every event delivered twice, three instances that are killed, dead letters sent back. The ledger says in which
 * order the effects were committed.
 */
export const ledger: Scenario = {
  name: 'ledger',
  what: 'order per aggregate under random failures, redeliveries, kills, rebalances and re-drives',
  async run({ system, scale, random, progress }: Chaos): Promise<Outcome> {
    const { aggregates, versions, kills } = scale.ledger;
    const name = uniqueName('ledger').replace('-', '_');
    const logger = createLogger({ service: 'chaos', version: '1', level: 'silent', format: 'json' });
    const isolated = await isolatedKafka();
    const broker = isolated.kafka;
    const processes: ChildProcess[] = [];
    await system.stack.postgres.ensureDatabase(name, name);
    const url = system.stack.postgres.url(name, name, name);
    const database = new Database({
      url,
      applicationName: 'chaos',
      entities: [],
      migrations: [...OUTBOX_MIGRATIONS, ...DEDUP_MIGRATIONS, ...MESSAGING_MIGRATIONS],
      logger,
    });
    try {
      await database.connect();
      await database.migrate();
      await maintainPartitions(database, 120 * DAY_MS);
      await database.query({
        name: 'ledger',
        text: 'CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, aggregate_id text NOT NULL, version int NOT NULL)',
      });
      const kafka = { brokers: [broker.broker], clientId: 'chaos', logger };
      const own = ownTopics(name).map((topic) => ({ name: topic, partitions: 6, retentionMs: DAY_MS, cleanup: 'delete' as const }));
      await applyTopics(kafka, [topicOf(OrderCompleted), ...own], 1);
      const begin = async () => {
        const child = fork(PROGRAM, {
          env: { ...process.env, LEDGER_DATABASE_URL: url, LEDGER_BROKER: broker.broker, LEDGER_CONSUMER: name },
          execArgv: [],
          stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        });
        processes.push(child);
        await Promise.race([once(child, 'message'), once(child, 'exit')]);
      };
      await Promise.all(Array.from({ length: INSTANCES }, begin));

      const ids = Array.from({ length: aggregates }, () => newId());
      const rounds = Array.from({ length: versions }, (_, i) =>
        ids.map((orderId) => aRecord(fact(OrderCompleted, { orderId }), { aggregateVersion: i + 1 })),
      );
      const producer = new KafkaProducer(kafka);
      const publishing = (async () => {
        for (const round of rounds) {
          await producer.publish(round);
          await sleep(200);
        }
        for (const round of rounds) await producer.publish(random.shuffle(round));
      })();
      let killed = 0;
      for (; killed < kills; killed += 1) {
        await sleep(random.between(300, 1_500));
        const alive = processes.filter((child) => child.exitCode === null && child.signalCode === null);
        random.pick(alive).kill('SIGKILL');
        await begin();
        progress((killed / kills) * 0.7);
      }
      await publishing;
      await producer.disconnect();
      const letters = new DeadLetters(database, name);
      const rows = await eventually(async () => {
        const found = await database.query<{ aggregate_id: string; versions: number[] }>({
          name: 'ledger-read',
          text: 'SELECT aggregate_id, array_agg(version ORDER BY id) AS versions FROM ledger GROUP BY aggregate_id',
        });
        const written = found.reduce((sum, row) => sum + row.versions.length, 0);
        progress(0.7 + (0.3 * written) / (aggregates * versions));
        if (written >= aggregates * versions) return found;
        await letters.redrive({}, { by: 'chaos', why: 'chance', ratePerSecond: 10_000 });
        await sleep(300);
        throw new Violation([`${written} of ${aggregates * versions} effects are there`]);
      }, 240_000);
      const expected = Array.from({ length: versions }, (_, i) => i + 1).join();
      const wrong = rows.filter((row) => row.versions.join() !== expected);
      if (wrong.length > 0)
        throw new Violation([
          `${wrong.length} aggregates were applied out of order or twice, such as ${wrong[0]!.aggregate_id}: ${wrong[0]!.versions.join()}`,
        ]);
      const [counts] = await database.query<{ redriven: number }>({
        name: 'ledger-actions',
        text: `SELECT count(*)::int AS redriven FROM dead_letter_actions`,
      });
      return {
        faults: { 'kill -9 of an instance': killed, 'events delivered twice': aggregates * versions },
        figures: { 'events in order': aggregates * versions, 'dead letters sent back': counts!.redriven },
      };
    } finally {
      for (const child of processes) child.kill('SIGKILL');
      await database.close();
      await isolated.end();
    }
  },
};
