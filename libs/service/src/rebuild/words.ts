import type { RebuildOutcome, RebuildRecord, TableComparison } from '@past-tense/messaging';

const KIB = 1024;

/** What the arguments after `rebuild` may be. */
export const USAGE = `Usage: rebuild [options] | rebuild list | rebuild drop <id> | rebuild abandon <id>

Fills a copy of the read model from the oldest event beside the one that serves, compares the two, and swaps them in one transaction.
What was interrupted goes on where it ended when it is run again.

  list                  the rebuilds there were, and where what they replaced is
  drop <id>             drops the tables that a rebuild has replaced
  abandon <id>          gives up a rebuild that has not swapped, and drops its copy

  --dry-run             fills and compares, and swaps nothing; the copy stays for a later run
  --allow-differences   swaps although the two differ
  --why <text>          the reason, which is recorded
  --by <name>           who does it; the user of this machine, if left out
  --yes                 asks nothing
  --json                prints JSON instead of text
`;

/** A number as people read it. */
export const number = (value: number) => value.toLocaleString('en');

/** An amount of bytes as people read it. */
export function bytes(value: number): string {
  const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = value < KIB ? 0 : Math.min(steps.length - 1, Math.floor(Math.log(value) / Math.log(KIB)));
  return `${(value / KIB ** step).toFixed(step === 0 ? 0 : 1)} ${steps[step]}`;
}

/** A span of time as people read it. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${(ms / 1_000).toFixed(1)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** A rebuild in one line. */
export function summaryOf({ id, state, startedAt, by, why, counts, replacedSchema }: RebuildRecord): string {
  const what = state === 'swapped' ? `; the replaced tables are in ${replacedSchema}` : '';
  return `${id}  ${state.padEnd(9)}  begun ${startedAt.toISOString()} by ${by}${why && ` (${why})`}: ${number(counts.applied)} events${what}`;
}

/** What became of the messages, line by line. */
export function countsOf({ record: { counts, failures }, waiting }: Pick<RebuildOutcome, 'record' | 'waiting'>): string[] {
  const others = [
    [counts.duplicates, 'were there more than once'],
    [counts.left, 'were left to another version of theirs'],
    [counts.discarded, 'were given up as dead letters before'],
    [waiting, 'wait for what must come first'],
    [counts.invalid, 'are no events, as the consumer dead-letters them'],
    [counts.failed, 'failed'],
  ] as const;
  return [
    `${number(counts.applied)} events are in the copy${others.flatMap(([count, words]) => (count > 0 ? [`; ${number(count)} ${words}`] : [])).join('')}.`,
    ...failures.map(({ topic, partition, offset, error }) => `  ${topic}/${partition} at ${offset}: ${error}`),
  ];
}

/** What a comparison came to, line by line. */
export function comparisonOf(comparison: readonly TableComparison[]): string[] {
  return comparison.flatMap(({ table, servingRows, copyRows, equal, onlyServing, onlyCopy, different, samples }) => [
    equal
      ? `${table}: ${number(servingRows)} rows, all equal.`
      : `${table}: ${number(servingRows)} rows serve and ${number(copyRows)} are in the copy; ${number(onlyServing)} only serve, ${number(onlyCopy)} are only in the copy, ${number(different)} differ.`,
    ...samples.map(
      (sample) =>
        `  ${sample.in === 'both' ? `differs in ${sample.columns.join(', ')}` : sample.in === 'copy' ? 'only in the copy' : 'only serves'}: ${JSON.stringify(sample.key)}`,
    ),
  ]);
}

/** Why nothing was swapped, and what can be done about it. */
export function refusalOf({ comparison, record: { counts }, waiting }: RebuildOutcome, copySchema: string): string {
  const reasons = [
    ...(comparison.some(({ onlyServing, different }) => onlyServing + different > 0)
      ? ['what serves and is not in the copy would be lost; it may be older than what Kafka keeps']
      : []),
    ...(counts.failed > 0 ? [`${number(counts.failed)} events failed`] : []),
    ...(waiting > 0 ? [`${number(waiting)} events wait for what must come first`] : []),
  ];
  return `Nothing was swapped, because the two differ${reasons.map((reason) => `; ${reason}`).join('')}. The copy stays in schema ${copySchema}. If what differs is what the rebuild is for, run it again with --allow-differences.`;
}
