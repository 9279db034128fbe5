import type { Positions, Preview, Recorded } from './operations';

/** How far a consumer is, as a table. */
export function positionsInWords({ consumer, partitions, lag, catchUpSeconds }: Positions): string {
  const rows = partitions.map((one) => [one.topic, String(one.partition), one.earliest, one.position, one.end, String(one.lag)]);
  const soon = catchUpSeconds === undefined || lag === 0 ? '' : `, caught up in about ${seconds(catchUpSeconds)}`;
  return `${table(['TOPIC', 'PARTITION', 'EARLIEST', 'POSITION', 'END', 'LAG'], rows)}\n\n${consumer}: ${events(lag)} not done${soon}`;
}

/** What a reset would be, as a table and in one sentence. */
export function previewInWords({ topic, partitions, again, skipped }: Preview): string {
  const rows = partitions.map((one) => [
    String(one.partition),
    one.from,
    one.to,
    one.direction === 'stays' ? '-' : `${one.events} ${one.direction}`,
  ]);
  return `${topic}\n${table(['PARTITION', 'FROM', 'TO', 'EVENTS'], rows)}\n\n${sumInWords({ again, skipped })}`;
}

/** A reset in one line. */
export function resetInWords({ id, topic, to, by, requestedAt, why, state, again, skipped }: Recorded): string {
  const target = typeof to === 'string' ? to : 'time' in to ? to.time : `offset ${to.offset}`;
  return `${requestedAt}  ${id}  ${topic} to ${target}, ${state}, by ${by}. ${sumInWords({ again, skipped })}${why && ` Because: ${why}`}`;
}

/** How far a reset is. */
export function progressInWords({ state, remaining, catchUpSeconds }: Recorded): string {
  if (state === 'pending') return 'waits for the instances that have the partitions';
  if (remaining === undefined) return 'is done; how much is left is not known right now';
  if (remaining === 0) return 'is done, and caught up';
  return `is done; ${events(remaining)} left${catchUpSeconds === undefined ? '' : `, about ${seconds(catchUpSeconds)}`}`;
}

function sumInWords({ again, skipped }: Pick<Preview, 'again' | 'skipped'>): string {
  if (again + skipped === 0) return 'No event comes again, and none is skipped.';
  return [
    ...(again > 0 ? [`${events(again)} will come again; those that took effect are absorbed.`] : []),
    ...(skipped > 0 ? [`${events(skipped)} will be skipped and never handled.`] : []),
  ].join(' ');
}

function events(count: number): string {
  return `${count} ${count === 1 ? 'event' : 'events'}`;
}

function seconds(count: number): string {
  if (count < 90) return `${Math.ceil(count)} s`;
  return count < 5_400 ? `${Math.ceil(count / 60)} min` : `${(count / 3_600).toFixed(1)} h`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  return [heads, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
