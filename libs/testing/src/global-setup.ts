import { ensureJars, freePort, Kafka, Postgres, Registry, ROOT } from '@past-tense/local';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setRunningParts } from './running-parts';

const PASSWORD = 'only-for-tests';

/** Starts the PostgreSQL, the Kafka and the schema registry that all suites of a run share. */
export default async function globalSetup(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'past-tense-test-'));
  const jars = await ensureJars(join(ROOT, '.past-tense', 'jars'), () =>
    process.stderr.write('Maven fetches Kafka and the schema registry …\n'),
  );
  const data = (part: string) => ({ dataDir: join(folder, part), logFile: join(folder, `${part}.log`) });
  const postgres = new Postgres({ ...data('postgres'), port: await freePort(), password: PASSWORD });
  const kafka = new Kafka({ ...data('kafka'), jars: jars.kafka, port: await freePort() });
  const registry = new Registry({ ...data('registry'), jars: jars.registry, port: await freePort() });
  setRunningParts({ folder, parts: [postgres, kafka, registry] });
  await Promise.all([postgres.start(), kafka.start(), registry.start()]);
  process.env['PAST_TENSE_TEST_POSTGRES'] = postgres.url('postgres');
  process.env['PAST_TENSE_TEST_KAFKA'] = kafka.broker;
  process.env['PAST_TENSE_TEST_REGISTRY'] = registry.url;
}
