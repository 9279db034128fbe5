/** A fixed number of slots for work that runs at once; who finds none free waits in the order of coming. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(private readonly total: number) {
    this.#free = total;
  }

  /** Runs `work` in one slot, or in as many as it weighs. */
  async run<T>(work: () => Promise<T>, weight = 1): Promise<T> {
    return this.#with(Math.min(weight, this.total), work);
  }

  /** Runs `work` alone: nothing else runs meanwhile. */
  async runAlone<T>(work: () => Promise<T>): Promise<T> {
    return this.#with(this.total, work);
  }

  async #with<T>(slots: number, work: () => Promise<T>): Promise<T> {
    await this.#take(slots);
    try {
      return await work();
    } finally {
      this.#free += slots;
      this.#waiting[0]?.();
    }
  }

  /** First come, first served, also for those who need all slots; otherwise they would wait for ever on a busy consumer. */
  async #take(slots: number): Promise<void> {
    if (this.#waiting.length > 0 || this.#free < slots) {
      await new Promise<void>((resolve) => {
        const tryNow = () => {
          if (this.#free < slots) return;
          this.#waiting.shift();
          this.#free -= slots;
          resolve();
          this.#waiting[0]?.();
        };
        this.#waiting.push(tryNow);
        if (this.#waiting.length === 1) tryNow();
      });
      return;
    }
    this.#free -= slots;
  }
}
