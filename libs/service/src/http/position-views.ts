import {
  directionOf,
  eventsBetween,
  RESET_STATES,
  type ConsumerPositions,
  type PartitionMove,
  type PositionReset,
  type RecordedMove,
} from '@past-tense/messaging';
import { z } from 'zod';

const time = z.iso.datetime();
const offset = z.string().regex(/^\d{1,19}$/, 'must be an offset: a whole number in quotes');
const count = z.int().nonnegative();
const partition = z.int('must be a whole number').nonnegative('must be at least 0').max(2_147_483_647, 'must be a number of a partition');
const catchUpSeconds = z
  .number()
  .nonnegative()
  .optional()
  .describe('Until nothing is left, by how fast that became less lately (seen each time it is asked for). Absent while it does not.');
const ID = '019aa000-0000-7000-8000-0000000000f1';

const target = z
  .union(
    [
      z.literal('earliest'),
      z.literal('latest'),
      z.strictObject({ time: z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-21T08:00:00Z' }) }),
      z.strictObject({ offset }),
    ],
    'must be "earliest", "latest", {"time": "2026-11-21T08:00:00Z"} or {"offset": "123"}',
  )
  .describe(
    'The oldest event, the end, the first event whose record bears this time or a later one (the end if there is none), or the event at this offset.',
  );

/** What an operator sends to have a consumer go on elsewhere. */
export const resetRequest = z
  .strictObject({
    topic: z.string().min(1, 'must be the name of a topic').max(249, 'must be the name of a topic'),
    partition: partition.optional().describe('All of them, if left out.'),
    to: target,
    why: z
      .string()
      .max(1_000, 'must have at most 1000 characters')
      // PostgreSQL takes no text with a zero in it.
      .regex(/^[^\u0000]*$/, 'must have no zero characters')
      .optional()
      .describe('Recorded with who asked, and when.'),
    dryRun: z.boolean('must be true or false').optional().describe('Only says what it would be.'),
  })
  .meta({ example: { topic: 'order-placed', to: { time: '2026-11-21T08:00:00Z' }, why: 'totals were wrong until 1.4.2', dryRun: true } });
export type ResetRequest = z.infer<typeof resetRequest>;

export const resetsQuery = z.strictObject({
  limit: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(100, 'must be at most 100')
    .default(20),
  cursor: z.uuid('must be a cursor from the page before').optional(),
});
export type ResetsQuery = z.infer<typeof resetsQuery>;

export const positionsView = z
  .object({
    consumer: z.string(),
    partitions: z.array(
      z.object({
        topic: z.string(),
        partition: count,
        earliest: offset.describe('Of the oldest event that Kafka has.'),
        position: offset.describe('Of the oldest event that is not done.'),
        end: offset.describe('That the next event will have.'),
        lag: z.int().describe('Events that are not done.'),
      }),
    ),
    lag: z.int().describe('Events that are not done, on all of them.'),
    catchUpSeconds,
  })
  .meta({
    example: {
      consumer: 'tracking',
      partitions: [{ topic: 'order-placed', partition: 0, earliest: '0', position: '250', end: '1250', lag: 1000 }],
      lag: 1000,
      catchUpSeconds: 12.5,
    },
  });

const moveFields = {
  topic: z.string(),
  partition: count,
  from: offset.describe('Of the oldest event that was not done when it was asked for.'),
  to: offset.describe('Of the event that comes next.'),
  events: count.describe('Between the two; Kafka may have fewer.'),
  direction: z.enum(['back', 'forward', 'stays']),
};
const sums = {
  again: count.describe('Events that come once more; the dedup absorbs those that took effect.'),
  skipped: count.describe('Events that are never handled.'),
};
const exampleMove = { topic: 'order-placed', partition: 0, from: '250', to: '100', events: 150, direction: 'back' as const };

export const resetPreview = z
  .object({ topic: z.string(), partitions: z.array(z.object(moveFields)), ...sums })
  .meta({ example: { topic: 'order-placed', partitions: [exampleMove], again: 150, skipped: 0 } });

export const resetView = z
  .object({
    id: z.uuid(),
    consumer: z.string(),
    topic: z.string(),
    partition: count.optional(),
    to: target,
    by: z.string().describe('Who asked for it: the subject of the token.'),
    requestedAt: time,
    why: z.string(),
    state: z
      .enum(RESET_STATES)
      .describe('`pending` until every partition was taken there; `superseded` if later resets came before for all of them.'),
    partitions: z.array(
      z.object({
        ...moveFields,
        state: z.enum(RESET_STATES),
        doneBy: z.string().optional().describe('The instance that has taken it there.'),
        doneAt: time.optional(),
        supersededBy: z.uuid().optional().describe('A later reset that came before.'),
        remaining: count.optional().describe('Events that are not done, of those that were there when it was asked for.'),
      }),
    ),
    ...sums,
    remaining: count
      .optional()
      .describe('The same on all of them; 0 is caught up. Absent where many resets are listed, or if Kafka does not answer.'),
    catchUpSeconds,
  })
  .meta({
    example: {
      id: ID,
      consumer: 'tracking',
      topic: 'order-placed',
      to: { time: '2026-11-21T08:00:00Z' },
      by: 'operator',
      requestedAt: '2026-11-21T09:30:00.000Z',
      why: 'totals were wrong until 1.4.2',
      state: 'done',
      partitions: [{ ...exampleMove, state: 'done', doneBy: 'host/4711', doneAt: '2026-11-21T09:30:00.700Z', remaining: 20 }],
      again: 150,
      skipped: 0,
      remaining: 20,
      catchUpSeconds: 1.5,
    },
  });

export const resetPage = z
  .object({
    items: z.array(resetView),
    nextCursor: z.uuid().optional().describe('Ask for the next page with it; absent on the last one.'),
  })
  .meta({ example: { items: [] } });

export function positionsOf({ consumer, partitions, lag, catchUpSeconds }: ConsumerPositions): z.infer<typeof positionsView> {
  return {
    consumer,
    partitions: partitions.map(({ topic, partition, earliest, position, end, lag }) => ({
      topic,
      partition,
      earliest: String(earliest),
      position: String(position),
      end: String(end),
      lag,
    })),
    lag,
    catchUpSeconds,
  };
}

export function previewOf(topic: string, moves: readonly PartitionMove[]): z.infer<typeof resetPreview> {
  return { topic, partitions: moves.map(moveOf), ...sumsOf(moves) };
}

/** @param now how far the consumer is, if that is known */
export function resetOf(reset: PositionReset, now?: ConsumerPositions): z.infer<typeof resetView> {
  const { id, consumer, topic, partition, to, requestedBy, requestedAt, why, moves } = reset;
  const partitions = moves.map((move) => ({
    ...moveOf(move),
    state: move.state,
    doneBy: move.doneBy,
    doneAt: move.doneAt?.toISOString(),
    supersededBy: move.supersededBy,
    remaining: now && remainingOf(move, now),
  }));
  const remaining = now && partitions.reduce((sum, one) => sum + (one.remaining ?? 0), 0);
  return {
    id,
    consumer,
    topic,
    partition,
    to,
    by: requestedBy,
    requestedAt: requestedAt.toISOString(),
    why,
    state: stateOf(moves),
    partitions,
    ...sumsOf(moves),
    remaining,
    catchUpSeconds: remaining ? now?.catchUpSeconds : remaining,
  };
}

/** A page of resets; one more than the limit was asked for, to know whether there is a next page. */
export function pageOf(found: readonly PositionReset[], limit: number): z.infer<typeof resetPage> {
  const items = found.slice(0, limit).map((reset) => resetOf(reset));
  return { items, nextCursor: found.length > limit ? items.at(-1)?.id : undefined };
}

function moveOf(move: PartitionMove) {
  const { topic, partition, from, to } = move;
  return { topic, partition, from: String(from), to: String(to), events: eventsBetween(move), direction: directionOf(move) };
}

function sumsOf(moves: readonly PartitionMove[]): { again: number; skipped: number } {
  const sum = (direction: ReturnType<typeof directionOf>) =>
    moves.filter((move) => directionOf(move) === direction).reduce((events, move) => events + eventsBetween(move), 0);
  return { again: sum('back'), skipped: sum('forward') };
}

function stateOf(moves: readonly RecordedMove[]): RecordedMove['state'] {
  if (moves.some(({ state }) => state === 'pending')) return 'pending';
  return moves.every(({ state }) => state === 'superseded') ? 'superseded' : 'done';
}

/** Nothing remains of what was superseded: somebody else counts it. */
function remainingOf({ topic, partition, state, to, end }: RecordedMove, now: ConsumerPositions): number | undefined {
  if (state === 'superseded') return undefined;
  const found = now.partitions.find((one) => one.topic === topic && one.partition === partition);
  const position = state === 'pending' || !found ? to : found.position;
  return position < end ? Number(end - position) : 0;
}
