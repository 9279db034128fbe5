interface Sample {
  readonly atMs: number;
  readonly events: number;
}

const WINDOW_MS = 60_000;
/** Looks that follow closer than this are not kept, so that their number is bounded. */
const RESOLUTION_MS = 250;

/** When a lag will be gone, by the rate at which it has shrunk since its last peak, at most a minute ago. */
export class LagTrend {
  /** Falling: what is not above a later lag was no peak. */
  #samples: readonly Sample[] = [];

  /**
   * Notes a lag.
   * @param atMs milliseconds since 1970, or of any other clock that only goes on
   * @returns seconds until the lag will be gone; 0 if it is; undefined as long as it does not shrink
   */
  note(atMs: number, events: number): number | undefined {
    this.#samples = this.#samples.filter((sample) => sample.events > events && sample.atMs >= atMs - WINDOW_MS);
    const peak = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!last || atMs - last.atMs >= RESOLUTION_MS) this.#samples = [...this.#samples, { atMs, events }];
    if (events === 0) return 0;
    if (!peak || atMs <= peak.atMs) return undefined;
    return (events * (atMs - peak.atMs)) / (peak.events - events) / 1000;
  }
}
