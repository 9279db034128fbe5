import { Injectable } from '@nestjs/common';
import { Problem } from '@past-tense/service';
import { setTimeout as sleep } from 'node:timers/promises';

export const parties = ['payments', 'carrier'] as const;
export type Party = (typeof parties)[number];

/**
 * How a party misbehaves.
 * - `none`: it does not.
 * - `error`: it answers 500 and does nothing.
 * - `error-after-effect`: it does what it was asked and answers 500 all the same.
 * - `silence-after-effect`: it does what it was asked and never answers.
 * - `closed`: it drops the connection.
 * - `nonsense`: it does nothing and answers with something nobody can use.
 */
export const failures = ['none', 'error', 'error-after-effect', 'silence-after-effect', 'closed', 'nonsense'] as const;
export type Failure = (typeof failures)[number];

export interface Behaviour {
  /** Milliseconds before every answer. */
  readonly latencyMs: number;
  readonly failure: Failure;
}

const LONG_SILENCE_MS = 120_000;

/** How the outside world behaves right now. It is kept in memory: after a restart everybody behaves. */
@Injectable()
export class Behaviours {
  readonly #now = new Map<Party, Behaviour>();

  of(party: Party): Behaviour {
    return this.#now.get(party) ?? { latencyMs: 0, failure: 'none' };
  }

  set(party: Party, behaviour: Behaviour): void {
    this.#now.set(party, behaviour);
  }

  /**
   * Does what a party was asked to do, the way it behaves right now.
   * @param close drops the caller's connection
   */
  async perform<T>(party: Party, close: () => void, effect: () => Promise<T>): Promise<T> {
    const { latencyMs, failure } = this.of(party);
    await sleep(latencyMs);
    if (failure === 'closed') close();
    if (failure === 'error' || failure === 'closed') throw broken(party);
    if (failure === 'nonsense') throw nonsense();
    const result = await effect();
    if (failure === 'silence-after-effect') await sleep(LONG_SILENCE_MS, undefined, { ref: false });
    if (failure !== 'none') throw broken(party);
    return result;
  }
}

/** Not a server's fault, so nobody waits for it to pass; and not an answer the callers know. */
export function nonsense(): Problem {
  return new Problem(418, 'told-to-talk-nonsense', 'Told to talk nonsense', 'The sandbox was told to talk nonsense.');
}

function broken(party: Party): Problem {
  return new Problem(500, 'told-to-fail', 'Told to fail', `The sandbox was told to let ${party} fail.`);
}
