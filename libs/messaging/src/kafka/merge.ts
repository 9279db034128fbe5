import type { StoredMessage } from './read-topic';

/** A partition that is being read. */
export interface MergedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Offset up to which everything was read. */
  next: bigint;
  /** Offset at which reading ends. */
  readonly to: bigint;
  /** Read, and not yet taken. */
  readonly buffer: StoredMessage[];
  paused: boolean;
}

/**
 * Brings what several partitions hold into the order of publication: always the oldest of their next messages. Nothing is taken while a partition
 * that has more to come shows nothing, because its next message could be older than all the others.
 */
export class Merge {
  /** How far each buffer was taken; its messages are cut off now and then, because cutting one at a time is slow. */
  readonly #taken = new Map<MergedPartition, number>();

  constructor(private readonly partitions: readonly MergedPartition[]) {}

  /** Whether everything was read and taken. */
  get ended(): boolean {
    return this.partitions.every(({ next, to, buffer }) => next >= to && buffer.length === 0);
  }

  /** Takes as many messages as are in order now, at most `limit`. */
  take(limit: number): StoredMessage[] {
    const messages: StoredMessage[] = [];
    while (messages.length < limit) {
      const [oldest, second] = this.#twoOldest();
      if (!oldest) break;
      // As long as it stays ahead of every other one, nobody has to be asked. Of two at the same moment the first partition goes first, so that the
      // order is the same every time.
      const until = second === undefined ? Number.MAX_VALUE : this.#time(second);
      do messages.push(this.#shift(oldest));
      while (messages.length < limit && this.#shows(oldest) && this.#time(oldest) < until);
    }
    for (const [part, taken] of this.#taken) part.buffer.splice(0, taken);
    this.#taken.clear();
    return messages;
  }

  /** The partitions with the oldest next message and the second oldest; none while one of them shows nothing yet. */
  #twoOldest(): [MergedPartition?, MergedPartition?] {
    let oldest: MergedPartition | undefined;
    let second: MergedPartition | undefined;
    for (const part of this.partitions) {
      const time = this.#time(part);
      if (time === Number.NEGATIVE_INFINITY) return [];
      if (time === Number.POSITIVE_INFINITY) continue;
      if (!oldest || time < this.#time(oldest)) [oldest, second] = [part, oldest];
      else if (!second || time < this.#time(second)) second = part;
    }
    return [oldest, second];
  }

  /** When the next message of a partition was published; infinite if there is none, negative while that is not known. */
  #time(part: MergedPartition): number {
    const message = part.buffer[this.#taken.get(part) ?? 0];
    if (message) return message.timestampMs;
    return part.next >= part.to ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  #shows(part: MergedPartition): boolean {
    return part.buffer.length > (this.#taken.get(part) ?? 0);
  }

  #shift(part: MergedPartition): StoredMessage {
    const taken = this.#taken.get(part) ?? 0;
    this.#taken.set(part, taken + 1);
    return part.buffer[taken]!;
  }
}
