import { SERVICES } from '@past-tense/local';
import { measuredTogether, type Comparison, type Sample } from '../comparison';
import { stackIn, withFolder } from '../running-stack';

const INFRASTRUCTURE = { PostgreSQL: 'with its databases', Kafka: 'one broker', 'Schema registry': 'Apicurio', Issuer: 'of tokens' };
const CATALOGUE = 'Catalogue';
const ALL = 'everything';
const AT_ONCE = 'all of this kind at once';

const phases = {
  [ALL]: 'from nothing running until every service is ready',
  ...Object.fromEntries(Object.entries(INFRASTRUCTURE).map(([part, what]) => [part, `${what}; ${AT_ONCE}`])),
  [CATALOGUE]: 'topics and schemas compared with the contracts; after those',
  ...Object.fromEntries(SERVICES.map((service) => [service, `until it is ready; after the catalogue, ${AT_ONCE}`])),
};

export const start: Comparison = {
  name: 'start',
  title: 'Starting everything, warm',
  work: 'What npm start does once the checkout is compiled, on data folders that an earlier start has filled: every process until it is ready.',
  units: { ms: 'ms' },
  contenders: measuredTogether(phases, () =>
    withFolder(async (folder) => {
      await timedStart(folder);
      return await timedStart(folder);
    }),
  ),
  goals: [],
  rounds: 3,
};

/** Starts everything and stops it again. Returns how long each phase took. */
async function timedStart(folder: string): Promise<Record<string, Sample>> {
  const samples: Record<string, Sample> = {};
  const progress = (part: string, _detail: string, ms: number) => {
    if (part in phases) samples[part] = { values: { ms } };
  };
  const stack = await stackIn(folder, { progress });
  try {
    const startedAt = performance.now();
    await stack.startInfrastructure();
    await stack.startServices();
    samples[ALL] = { values: { ms: performance.now() - startedAt } };
    return samples;
  } finally {
    await stack.stop();
  }
}
