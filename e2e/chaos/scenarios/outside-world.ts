import { ask } from '@past-tense/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkInvariants } from '../invariants';
import type { Chaos, Outcome, Scenario } from '../scenario';

const PARTIES = ['payments', 'carrier'] as const;
/** How long the callers wait for an answer by default, milliseconds. */
const CALL_TIMEOUT_MS = 3_000;
const MISBEHAVIOURS: Record<string, { latencyMs?: number; failure?: string }> = {
  down: { failure: 'closed' },
  slow: { latencyMs: CALL_TIMEOUT_MS / 2 },
  'answering 500': { failure: 'error' },
  'answering 500 although it charged': { failure: 'error-after-effect' },
  'answering after the timeout although it charged': { latencyMs: CALL_TIMEOUT_MS + 1_000 },
};

/** The payment provider and the carrier misbehave in every way there is, each for a while. */
export const outsideWorld: Scenario = {
  name: 'outside-world',
  what: 'the payment provider and the carrier down, slow, answering 500, answering too late although they did it',
  async run({ system, scale, load, progress }: Chaos): Promise<Outcome> {
    const faults: Record<string, number> = {};
    const figures: Record<string, number> = {};
    for (const [i, [name, misbehaviour]] of Object.entries(MISBEHAVIOURS).entries()) {
      const before = await calls(system);
      let misbehaving = true;
      const misbehave = async () => {
        await behave(system, misbehaviour);
        await sleep(scale.outageMs);
        await behave(system, {});
        misbehaving = false;
      };
      await Promise.all([load.run({ orders: 10, concurrency: 2, pauseMs: 300, while: () => misbehaving }), misbehave()]);
      const startedAt = performance.now();
      await checkInvariants(system, load.wanted);
      figures[`s until all is well after: ${name}`] = Math.round((performance.now() - startedAt) / 100) / 10;
      faults[`s ${name}`] = Math.round(scale.outageMs / 1000);
      figures[`calls entered in the books during: ${name}`] = (await calls(system)) - before;
      progress((i + 1) / Object.keys(MISBEHAVIOURS).length);
    }
    return { faults, figures };
  },
};

/** Tells both parties how to behave; well, if nothing is said. */
export async function behave(
  system: Chaos['system'],
  { latencyMs = 0, failure = 'none' }: { latencyMs?: number; failure?: string },
): Promise<void> {
  for (const party of PARTIES) {
    const { status } = await ask(`${system.stack.url('sandbox')}/behaviour/${party}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ latencyMs, failure }),
    });
    if (status >= 300) throw new Error(`The sandbox answered ${status} when told to behave like ${failure}.`);
  }
}

async function calls(system: Chaos['system']): Promise<number> {
  return (await system.books()).reduce((sum, totals) => sum + totals.calls, 0);
}
