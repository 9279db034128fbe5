import { System } from '../system';
import { checkInvariants, Violation } from './invariants';
import { Load } from './load';
import { Random } from './random';
import { machine, type Entry, type Report } from './report';
import type { Outcome, Scale, Scenario } from './scenario';
import { backlog } from './scenarios/backlog';
import { crashPoints } from './scenarios/crash-points';
import { deadLetters } from './scenarios/dead-letters';
import { instances } from './scenarios/instances';
import { killedInfrastructure, killedServices, restartEnded } from './scenarios/killed-processes';
import { ledger } from './scenarios/ledger';
import { malformed } from './scenarios/malformed';
import { outsideWorld } from './scenarios/outside-world';
import { poison } from './scenarios/poison';
import { replay } from './scenarios/replay';
import { redelivery } from './scenarios/redelivery';
import { standstill } from './scenarios/standstill';

export const SCENARIOS: readonly Scenario[] = [
  ledger,
  redelivery,
  replay,
  killedServices,
  killedInfrastructure,
  standstill,
  crashPoints,
  instances,
  outsideWorld,
  poison,
  deadLetters,
  malformed,
  backlog,
];

/** What is quicker than in production, so that a retry of ten minutes does not take ten. */
export const CHAOS_ENV: NodeJS.ProcessEnv = {
  LOG_LEVEL: 'warn',
  RETRY_FIRST_DELAY_MS: '20',
  RETRY_MAX_DELAY_MS: '200',
  RETRY_TIER_DELAYS_MS: '200,400,800',
  OUTBOX_LEASE_MS: '2000',
  CONSUMER_SESSION_TIMEOUT_MS: '6000',
};

/**
 * Runs one scenario and checks the invariants after it. A scenario whose fault was never hit fails: it has proved nothing.
 * Never throws.
 */
export async function runScenario(
  scenario: Scenario,
  { system, scale, random, progress }: { system: System; scale: Scale; random: Random; progress: (done: number) => void },
): Promise<Entry> {
  const startedAt = performance.now();
  const load = new Load(system, random.fork());
  let outcome: Outcome = { faults: {} };
  let violations: readonly string[] = [];
  let settlingAt = startedAt;
  try {
    outcome = await scenario.run({ system, scale, random, load, progress });
    settlingAt = performance.now();
    const missed = Object.entries(outcome.faults).filter(([, hits]) => !(hits > 0));
    if (missed.length > 0 || Object.keys(outcome.faults).length === 0)
      throw new Violation([`never hit: ${missed.map(([name]) => name).join(', ') || 'any fault'}`]);
    await checkInvariants(system, load.wanted);
  } catch (error) {
    violations = error instanceof Violation ? error.what : [(error as Error).stack ?? String(error)];
    await restartEnded(system).catch(() => undefined);
  }
  return {
    name: scenario.name,
    what: scenario.what,
    ...outcome,
    passed: violations.length === 0,
    seconds: (performance.now() - startedAt) / 1000,
    settledAfter: (performance.now() - settlingAt) / 1000,
    orders: load.accepted.length,
    violations,
  };
}

/** Runs scenarios one after the other on one system and reports. */
export async function runAll(
  scenarios: readonly Scenario[],
  { seed, scale, named }: { seed: number; scale: Scale; named: Report['scale'] },
  said: { progress: (scenario: Scenario, done: number) => void; ended: (entry: Entry) => void },
): Promise<Report> {
  const started = new Date();
  const random = new Random(seed);
  const system = await System.start(CHAOS_ENV);
  const entries: Entry[] = [];
  try {
    for (const scenario of scenarios) {
      const entry = await runScenario(scenario, {
        system,
        scale,
        random: random.fork(),
        progress: (done) => said.progress(scenario, done),
      });
      said.ended(entry);
      entries.push(entry);
    }
  } finally {
    await system.end();
  }
  return {
    seed,
    scale: named,
    startedAt: started.toISOString(),
    machine: machine(),
    passed: entries.every(({ passed }) => passed),
    seconds: (Date.now() - started.getTime()) / 1000,
    scenarios: entries,
  };
}
