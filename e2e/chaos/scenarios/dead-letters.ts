import { ROOT } from '@past-tense/local';
import { eventually } from '@past-tense/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Violation } from '../invariants';
import type { Chaos, Outcome, Scenario } from '../scenario';
import { behave } from './outside-world';

const TOOL = join(ROOT, 'tools', 'dead-letters', 'dist', 'main.js');

/** Letters are sent back with the tool, which is killed in the middle and run again, twice. */
export const deadLetters: Scenario = {
  name: 'dead-letters',
  what: 'dead letters sent back twice with npm run dlq, killed in the middle',
  async run({ system, scale, load, random, progress }: Chaos): Promise<Outcome> {
    await behave(system, { failure: 'nonsense' });
    await load.run({ orders: scale.letters, wish: 'happy', pauseMs: 1 });
    const left = async () =>
      (
        await system.query<{ dead: number }>(
          'payments',
          `SELECT count(*)::int AS dead FROM held_events WHERE place = 'dlq' AND reason = 'FAILED'`,
        )
      )[0]!.dead;
    await eventually(async () => {
      if ((await left()) < load.accepted.length) throw new Error(`${await left()} of ${load.accepted.length} orders are dead-lettered.`);
    }, 240_000);
    progress(0.4);
    await behave(system, {});

    const redrive = (rate: number) =>
      spawn(
        process.execPath,
        [
          TOOL,
          'redrive',
          '--consumer',
          'payments',
          '--reason',
          'failed',
          '--why',
          'the provider talks sense again',
          '--rate',
          String(rate),
        ],
        { env: { ...process.env, PAYMENTS_DATABASE_URL: system.stack.serviceEnv('payments')['DATABASE_URL'] }, stdio: 'ignore' },
      );
    const first = redrive(scale.letters / 5);
    while ((await left()) > scale.letters * (0.3 + 0.4 * random.next())) await sleep(20);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const interrupted = await left();
    if (interrupted === 0 || interrupted === load.accepted.length) throw new Error('The tool was not killed in the middle.');
    progress(0.6);
    for (let i = 0; i < 2; i += 1) {
      const [code] = (await once(redrive(10_000), 'exit')) as [number];
      if (code !== 0) throw new Violation([`the tool ended with ${code}`]);
    }
    progress(0.8);
    const [{ actions } = { actions: 0 }] = await system.query<{ actions: number }>(
      'payments',
      `SELECT count(*)::int AS actions FROM dead_letter_actions WHERE action = 'redrive'`,
    );
    if (actions !== load.accepted.length) throw new Violation([`${actions} re-drives are recorded, of ${load.accepted.length} letters`]);
    return {
      faults: { 'dead letters': load.accepted.length, 'tool killed in the middle': 1 },
      figures: { lettersLeftWhenKilled: interrupted },
    };
  },
};
