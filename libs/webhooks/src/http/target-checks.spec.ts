import { Problem } from '@past-tense/service';
import type { LookupAddress } from 'node:dns';
import { Targets } from '../targets/targets';
import { TargetChecks } from './target-checks';

const SLOW = 'https://slow.example.com/';
const FAST = 'https://93.184.215.14/';

let answer: (addresses: LookupAddress[]) => void;
let checks: TargetChecks;
beforeEach(() => {
  const answered = new Promise<LookupAddress[]>((resolve) => (answer = resolve));
  checks = new TargetChecks(new Targets({ resolve: () => answered }));
});
const found = [{ address: '93.184.215.14', family: 4 }];

async function refusalOf(check: Promise<URL>): Promise<Problem> {
  const error: unknown = await check.catch((refusal: unknown) => refusal);
  if (!(error instanceof Problem)) throw new Error('it was not refused');
  return error;
}

describe('checks of targets', () => {
  it('are made one at a time for an owner, and what is more may come back in a second', async () => {
    const first = checks.check('ada', SLOW);

    const refusal = await refusalOf(checks.check('ada', FAST));

    expect([refusal.getStatus(), refusal.headers]).toEqual([429, { 'Retry-After': '1' }]);
    expect((await checks.check('eve', FAST)).href).toBe(FAST);
    answer(found);
    expect((await first).href).toBe(SLOW);
    expect((await checks.check('ada', FAST)).href).toBe(FAST);
  });

  it('are made for twenty owners at once', async () => {
    const made = Array.from({ length: 20 }, (_, owner) => checks.check(String(owner), SLOW));

    const refusal = await refusalOf(checks.check('ada', FAST));

    expect([refusal.getStatus(), refusal.headers]).toEqual([429, { 'Retry-After': '1' }]);
    answer(found);
    await Promise.all(made);
    expect((await checks.check('ada', FAST)).href).toBe(FAST);
  });

  it('leave their place when the target is refused', async () => {
    const first = checks.check('ada', SLOW);
    answer([{ address: '10.0.0.1', family: 4 }]);

    expect((await refusalOf(first)).getStatus()).toBe(422);
    expect((await checks.check('ada', FAST)).href).toBe(FAST);
  });
});
