import type { Parts } from './parts';

/** What one run of a program came to. */
export interface Sample {
  /** What was measured, by name: `perSecond`, `p50Ms` and so on. */
  readonly values: Readonly<Record<string, number>>;
}

/** One of the programs that do the same work. */
export interface Contender {
  readonly name: string;
  /** What it is, in a few words. */
  readonly what: string;
  /** Does the work once and says what it came to. Called in every round. */
  readonly run: (parts: Parts, round: number) => Promise<Sample>;
}

/** What is wanted: a value of one contender divided by that of another in the same round, or the value itself where it stands alone. */
export interface Goal {
  readonly of: string;
  readonly beside?: string;
  /** The value that is compared. */
  readonly value: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Programs that do the same work, measured in turns. */
export interface Comparison {
  readonly name: string;
  readonly title: string;
  /** The work, exactly. */
  readonly work: string;
  /** Names of the values in the order in which they are shown, with their units. */
  readonly units: Readonly<Record<string, string>>;
  readonly contenders: readonly Contender[];
  readonly goals: readonly Goal[];
  /** Rounds, where more than a few would take too long and tell nothing more. */
  readonly rounds?: number;
}

/**
 * Contenders that one measurement tells of, such as the parts of one running system: it is made once in each round, for whoever comes first.
 * @param contenders what each of them is, by name
 * @param measure makes the measurement; returns the values of each contender, by its name
 */
export function measuredTogether(
  contenders: Readonly<Record<string, string>>,
  measure: (parts: Parts, round: number) => Promise<Readonly<Record<string, Sample>>>,
): Contender[] {
  const made = new Map<number, ReturnType<typeof measure>>();
  return Object.entries(contenders).map(([name, what]) => ({
    name,
    what,
    async run(parts, round) {
      if (!made.has(round)) made.set(round, measure(parts, round));
      const sample = (await made.get(round)!)[name];
      if (!sample) throw new Error(`Nothing was measured of "${name}".`);
      return sample;
    },
  }));
}
