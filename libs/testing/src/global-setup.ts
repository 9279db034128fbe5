import { ensureJars, freePort, Kafka, Postgres, ROOT } from '@past-tense/local';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setRunningParts } from './running-parts';

const PASSWORD = 'only-for-tests';

/** Starts the PostgreSQL and the Kafka that all suites of a run share. */
export default async function globalSetup(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-test-'));
  const jars = await ensureJars(join(ROOT, '.past-tense', 'jars'), () =>
    process.stderr.write('Maven fetches Kafka and the schema registry …\n'),
  );
  const data = (part: string) => ({ dataDir: join(folder, part), logFile: join(folder, `${part}.log`) });
  const postgres = new Postgres({ ...data('postgres'), port: await freePort(), password: PASSWORD });
  const kafka = new Kafka({ ...data('kafka'), jars: jars.kafka, port: await freePort() });
  setRunningParts({ folder, parts: [postgres, kafka] });
  await Promise.all([postgres.start(), kafka.start()]);
  process.env['PAST_TENSE_TEST_POSTGRES'] = postgres.url('postgres');
  process.env['PAST_TENSE_TEST_KAFKA'] = kafka.broker;
}
