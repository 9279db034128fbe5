import type { PartitionLag } from '../kafka/consumer-lag';

/** Where a consumer is to go on: at a moment (ISO 8601), at an offset, at the oldest event or behind the newest one. */
export type Target = 'earliest' | 'latest' | { readonly time: string } | { readonly offset: string };

/** Where a consumer is to go on, and why. */
export interface ResetCommand {
  readonly topic: string;
  /** All of them, if left out. */
  readonly partition?: number | undefined;
  readonly to: Target;
  readonly why?: string | undefined;
}

/** What a reset is for one partition. */
export interface PartitionMove {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the oldest event that is not done now. */
  readonly from: bigint;
  /** Offset of the event that is to come next. */
  readonly to: bigint;
  /** Offset that the next event of the partition will have, now. */
  readonly end: bigint;
}

/** Which part of a command to reset a position cannot be done. */
export type RefusedPart = 'topic' | 'partition' | 'to';

/** A reset that cannot be done; the message says in one sentence why. */
export class ResetRefused extends Error {
  override name = 'ResetRefused';

  constructor(
    readonly part: RefusedPart,
    message: string,
  ) {
    super(message);
  }
}

/**
 * What a command means for each partition.
 * @param at the first offset of each partition at the moment that the command names or later
 * @throws ResetRefused if there is no such partition, or the offset is not between the oldest event and the end of each of them
 */
export function movesOf(
  { topic, partition, to }: Pick<ResetCommand, 'topic' | 'partition' | 'to'>,
  all: readonly PartitionLag[],
  at: ReadonlyMap<number, bigint>,
): PartitionMove[] {
  const meant = all.filter((one) => one.topic === topic && (partition === undefined || one.partition === partition));
  if (meant.length === 0) throw new ResetRefused('partition', `${topic} has no partition ${partition}; it has 0 to ${all.length - 1}.`);
  return meant.map((one) => ({ topic, partition: one.partition, from: one.position, to: offsetOf(to, one, at), end: one.end }));
}

/** Whether the events between are handled again, skipped, or there are none. */
export function directionOf({ from, to }: Pick<PartitionMove, 'from' | 'to'>): 'back' | 'forward' | 'stays' {
  if (to === from) return 'stays';
  return to < from ? 'back' : 'forward';
}

/** Events between the two. Kafka may have fewer: some offsets hold none. */
export function eventsBetween({ from, to }: Pick<PartitionMove, 'from' | 'to'>): number {
  return Number(to < from ? from - to : to - from);
}

function offsetOf(to: Target, { topic, partition, earliest, end }: PartitionLag, at: ReadonlyMap<number, bigint>): bigint {
  if (to === 'earliest') return earliest;
  if (to === 'latest') return end;
  if ('time' in to) {
    const found = at.get(partition) ?? end;
    // The topic may have gone on, or lost its oldest events, between the two questions.
    return found < earliest ? earliest : found > end ? end : found;
  }
  const offset = BigInt(to.offset);
  if (offset < earliest || offset > end)
    throw new ResetRefused(
      'to',
      `Offset ${offset} is not on partition ${partition} of ${topic}, which has ${earliest} to ${end} (its end); choose one of these, or a time.`,
    );
  return offset;
}
