import { machine } from './chaos/report';
import { Random } from './chaos/random';
import { CHAOS_ENV, runScenario, SCENARIOS } from './chaos/run';
import { SHORT } from './chaos/scenario';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADDRESS, CONSUMERS, System } from './system';

const SEED = 20_261_121;

let system: System;
const random = new Random(SEED);
beforeAll(async () => {
  // The level of production: this is about what would be logged there.
  system = await System.start({ ...CHAOS_ENV, LOG_LEVEL: 'info' });
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

  it('has left nothing personal and no secret in the log of any process, whatever broke (P2, P3)', async () => {
    const { folder, keyStore } = system.stack;
    const logs = readdirSync(join(folder, 'logs')).map((name) => ({ name, text: readFileSync(join(folder, 'logs', name), 'utf8') }));
    const holding = (wanted: string) => logs.filter(({ text }) => text.includes(wanted)).map(({ name }) => name);
    const secrets = Object.values(JSON.parse(readFileSync(join(folder, 'passwords.json'), 'utf8')) as Record<string, string>);
    const encoded = secrets.flatMap((secret) => [secret, Buffer.from(secret).toString('base64')]);
    const masterKey = keyStore.env('orders')['MASTER_KEYS']!.split(':')[1]!;

    for (const wanted of [ADDRESS.recipient, ADDRESS.street, 'tok_', 'sealed.v1.', 'eyJ', 'whsec_', masterKey, ...encoded])
      expect(holding(wanted)).toEqual([]);
    // What is looked through is what was logged: every service is there, and says which flow it worked for.
    const [order] = await system.query<{ correlation_id: string }>(
      'orders',
      'SELECT correlation_id FROM orders ORDER BY placed_at LIMIT 1',
    );
    expect(holding(order!.correlation_id)).toEqual(expect.arrayContaining(CONSUMERS.map((service) => `${service}.log`)));
  });
});
