interface Sample {
  readonly atMs: number;
  /** Offset that the next message will have. */
  readonly end: bigint;
}

const MAX_SAMPLES = 720;

/**
 * How far a group is behind on one partition, in time, from what an onlooker sees: where the partition ended at some moments. The
 * oldest message that is not done was there by the first sample that ends behind it. So the answer is short by one sampling interval at
 * most; of what was there before the first sample, all that is known is that it is at least as old as that sample.
 */
export class LagHistory {
  #samples: Sample[] = [];

  /**
   * Notes where the partition ends and how far the group has got.
   * @param position offset of the oldest message that is not done
   * @returns lag in events and in milliseconds
   */
  note(atMs: number, position: bigint, end: bigint): { events: number; ms: number } {
    this.#samples = this.#samples.filter((sample) => sample.end > position);
    if (end <= position) {
      this.#samples = [];
      return { events: 0, ms: 0 };
    }
    this.#samples.push({ atMs, end });
    // Who is hours behind need not be known to the second.
    if (this.#samples.length > MAX_SAMPLES) this.#samples = this.#samples.filter((_, i) => i % 2 === 0);
    return { events: Number(end - position), ms: atMs - this.#samples[0]!.atMs };
  }
}
