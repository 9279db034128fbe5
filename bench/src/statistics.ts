/** The middle of some numbers and how far they spread. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws Error if there are none */
export function spreadOf(numbers: readonly number[]): Spread {
  if (numbers.length === 0) throw new Error('There is no middle of no numbers.');
  const sorted = [...numbers].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0]!, max: sorted.at(-1)! };
}

/**
 * A quantile of numbers that ascend, interpolated between neighbours.
 * @param share 0.5 for the median, 0.99 for the 99th percentile
 */
export function quantile(ascending: readonly number[], share: number): number {
  const at = (ascending.length - 1) * share;
  const below = ascending[Math.floor(at)]!;
  return below + (ascending[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

/** The p50 and p99 of some durations. */
export function percentiles(durationsMs: readonly number[]): { p50Ms: number; p95Ms: number; p99Ms: number } {
  const sorted = [...durationsMs].sort((a, b) => a - b);
  return { p50Ms: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95), p99Ms: quantile(sorted, 0.99) };
}
