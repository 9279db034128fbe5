import { ATTACKS } from './fuzz/http-attacks';
import { barrage, type BarrageReport } from './fuzz/barrage';
import { System } from './system';

const SEED = 2026;
const REQUESTS = 450;
const MIB = 1_048_576;

let system: System;
let report: BarrageReport;
beforeAll(async () => {
  // Half a request is waited for only so long; here it is shorter, because the test waits for its end.
  system = await System.start({ HTTP_REQUEST_TIMEOUT_MS: '2000', DEPLOYMENT: 'development' });
  report = await barrage(system, { seed: SEED, requests: REQUESTS });
}, 300_000);
afterAll(() => system.end());

// The long one is `npm run fuzz`.
it('answers whatever is sent to it, and no answer is a fault of its own or tells of the inside', () => {
  expect(report.faults).toEqual([]);
  expect(Object.keys(report.answers).sort()).toEqual(Object.keys(ATTACKS).sort());
});

it.each([
  ['a body that is too large', '413'],
  ['broken JSON', '400'],
  ['JSON that is nested too deeply', '400'],
  ['thousands of unknown fields', '400'],
  ['headers that are too large', '431'],
  ['a request that never ends', '408'],
  ['an encoding that is not', '415'],
])('%s is answered with %s', (attack, status) => {
  expect(Object.keys(report.answers[attack]!)).toContain(status);
});

it('does not grow', () => {
  for (const [warm, end] of Object.values(report.memory)) expect(end - warm).toBeLessThan(100 * MIB);
});

it('tells a caller who asks too much to come back', async () => {
  const { stack } = system;
  await stack.service('payments')!.stop(8_000);
  await stack.startService('payments', { RATE_LIMIT_PER_SECOND: '5' });
  const answers = await Promise.all(Array.from({ length: 40 }, () => fetch(`${stack.url('payments')}/payments/x`)));

  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(20);
  for (const answer of refused) {
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  }
});
