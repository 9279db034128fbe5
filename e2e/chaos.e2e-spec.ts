import { machine } from './chaos/report';
import { Random } from './chaos/random';
import { CHAOS_ENV, runScenario, SCENARIOS } from './chaos/run';
import { SHORT } from './chaos/scenario';
import { System } from './system';

const SEED = 20_261_121;

let system: System;
const random = new Random(SEED);
beforeAll(async () => {
  system = await System.start(CHAOS_ENV);
});
afterAll(() => system.end());

describe(`chaos, the short version (Q1; seed ${SEED}, ${machine()})`, () => {
  // A replay that is killed is tried in replay.e2e-spec.ts, with everything that the services keep.
  it.each(SCENARIOS.filter(({ name }) => name !== 'replay').map((scenario) => [scenario.what, scenario] as const))(
    '%s',
    async (_, scenario) => {
      const entry = await runScenario(scenario, { system, scale: SHORT, random: random.fork(), progress: () => undefined });
      expect(entry.violations).toEqual([]);
    },
    300_000,
  );
});
