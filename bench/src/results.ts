import type { Comparison, Goal, Sample } from './comparison';
import type { Machine } from './machine';
import { spreadOf, type Spread } from './statistics';

export interface ContenderResult {
  readonly name: string;
  readonly what: string;
  readonly rounds: readonly Readonly<Record<string, number>>[];
  readonly values: Readonly<Record<string, Spread>>;
}

export interface GoalResult extends Goal {
  /** The ratio within each round: what disturbed one contender in a round has most likely disturbed its neighbour, too. Or the value that stands alone. */
  readonly ratio: Spread;
  readonly met: boolean;
}

export interface ComparisonResult {
  readonly name: string;
  readonly title: string;
  readonly work: string;
  readonly units: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly contenders: readonly ContenderResult[];
  readonly goals: readonly GoalResult[];
}

export interface Results {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly seconds: number;
  readonly comparisons: readonly ComparisonResult[];
}

/** @param samples of each contender, by its name, in the order of the rounds */
export function resultOf(
  { name, title, work, units, contenders, goals }: Comparison,
  samples: ReadonlyMap<string, readonly Sample[]>,
): ComparisonResult {
  const measured = contenders.map((contender) => {
    const rounds = samples.get(contender.name)!.map(({ values }) => values);
    const names = Object.keys(rounds[0]!);
    const values = Object.fromEntries(names.map((value) => [value, spreadOf(rounds.map((round) => round[value]!))]));
    return { name: contender.name, what: contender.what, rounds, values };
  });
  const roundsOf = (contender: string) => measured.find((one) => one.name === contender)!.rounds;
  return {
    name,
    title,
    work,
    units,
    rounds: measured[0]!.rounds.length,
    contenders: measured,
    goals: goals.map((goal) => {
      const beside = goal.beside === undefined ? undefined : roundsOf(goal.beside);
      const ratio = spreadOf(roundsOf(goal.of).map((round, i) => round[goal.value]! / (beside?.[i]![goal.value] ?? 1)));
      const met = ratio.median >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && ratio.median <= (goal.atMost ?? Number.POSITIVE_INFINITY);
      return { ...goal, ratio, met };
    }),
  };
}
