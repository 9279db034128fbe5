import type { System } from '../system';
import type { Load } from './load';
import type { Random } from './random';

/** How much of everything. */
export interface Scale {
  readonly orders: number;
  readonly kills: number;
  readonly infrastructureKills: number;
  readonly crashHits: number;
  /** How many of the consumers are scaled. */
  readonly scaledConsumers: number;
  readonly standstillMs: number;
  readonly outageMs: number;
  readonly malformed: number;
  readonly letters: number;
  readonly ledger: { readonly aggregates: number; readonly versions: number; readonly kills: number };
  readonly backlog: number;
  readonly latencyOrders: number;
  /** A day that is replayed: events on the topics at least, orders they are from, and how fast the tool feeds until it is killed. */
  readonly replayed: { readonly events: number; readonly orders: number; readonly pauseMs: number; readonly rateBeforeKill: number };
}

/** What the issue of a reliable system is measured by. */
export const FULL: Scale = {
  orders: 2_000,
  kills: 20,
  infrastructureKills: 5,
  crashHits: 20,
  scaledConsumers: 4,
  standstillMs: 45_000,
  outageMs: 60_000,
  malformed: 10_000,
  letters: 1_000,
  ledger: { aggregates: 200, versions: 10, kills: 10 },
  backlog: 100_000,
  latencyOrders: 300,
  replayed: { events: 100_000, orders: 2_000, pauseMs: 0, rateBeforeKill: 2_000 },
};

/** The same in a few minutes, for every run of the tests. */
export const SHORT: Scale = {
  orders: 25,
  kills: 1,
  infrastructureKills: 1,
  crashHits: 1,
  scaledConsumers: 1,
  standstillMs: 7_000,
  outageMs: 2_000,
  malformed: 150,
  letters: 30,
  ledger: { aggregates: 20, versions: 6, kills: 1 },
  backlog: 1_000,
  latencyOrders: 20,
  replayed: { events: 500, orders: 10, pauseMs: 20, rateBeforeKill: 50 },
};

export interface Chaos {
  readonly system: System;
  readonly scale: Scale;
  readonly random: Random;
  /** Orders of this scenario. */
  readonly load: Load;
  /** Told how far the scenario is, from 0 to 1. */
  readonly progress: (done: number) => void;
}

export interface Outcome {
  /** How often each fault was really hit. */
  readonly faults: Readonly<Record<string, number>>;
  readonly figures?: Readonly<Record<string, number | string>>;
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  run(chaos: Chaos): Promise<Outcome>;
}
