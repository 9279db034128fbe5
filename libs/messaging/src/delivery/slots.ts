/** So many may wait for a slot that know what they are; the others of a backlog wait at the door, where they are only messages. */
const MAX_WAITING = 128;

/** A fixed number of slots for work that runs at once; who finds none free waits in the order of coming. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  readonly #atTheDoor: (() => void)[] = [];
  /** Those let in of which nobody knows yet whether they wait for a slot. */
  #letIn = 0;
  #opening: NodeJS.Immediate | undefined;
  #free: number;

  constructor(private readonly total: number) {
    this.#free = total;
  }

  /**
   * Waits while many wait for a slot already. What has been read, checked and given a flow and a trace takes ten times the memory of a message, and
   * the garbage collector carries it along for as long as it waits. Nothing is reserved: who is let in may wait for something else.
   */
  async room(): Promise<void> {
    if (this.#atTheDoor.length > 0 || this.#room === 0) return await new Promise<void>((resolve) => this.#atTheDoor.push(resolve));
    this.#letIn += 1;
    this.#open();
  }

  /** Runs `work` in one slot, or in as many as it weighs. */
  run<T>(work: () => Promise<T>, weight = 1): Promise<T> {
    return this.#with(Math.min(weight, this.total), work);
  }

  /** Runs `work` alone: nothing else runs meanwhile. */
  runAlone<T>(work: () => Promise<T>): Promise<T> {
    return this.#with(this.total, work);
  }

  async #with<T>(slots: number, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || this.#free < slots) await this.#wait(slots);
    else this.#free -= slots;
    try {
      return await work();
    } finally {
      this.#free += slots;
      this.#waiting[0]?.();
    }
  }

  /** First come, first served, also for those who need all slots; otherwise they would wait for ever on a busy consumer. */
  #wait(slots: number): Promise<void> {
    return new Promise((resolve) => {
      const tryNow = () => {
        if (this.#free < slots) return;
        this.#waiting.shift();
        if (this.#atTheDoor.length > 0) this.#open();
        this.#free -= slots;
        resolve();
        this.#waiting[0]?.();
      };
      this.#waiting.push(tryNow);
      if (this.#waiting.length === 1) tryNow();
    });
  }

  get #room(): number {
    return Math.max(0, MAX_WAITING - this.#waiting.length - this.#letIn);
  }

  /** Lets in as many as there is room for, when those that were let in before have had the time to begin to wait. */
  #open(): void {
    this.#opening ??= setImmediate(() => {
      this.#opening = undefined;
      this.#letIn = 0;
      const entering = this.#atTheDoor.splice(0, this.#room);
      this.#letIn = entering.length;
      for (const enter of entering) enter();
      if (entering.length > 0) this.#open();
    });
  }
}
