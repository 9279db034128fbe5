type Task = () => Promise<void>;

/**
 * Runs tasks: those of one key one after the other in the order they came, those of different keys side by side, at most so
 * many at once.
 */
export class Lanes {
  /** Tasks of each key; the first one runs or is next. A key without tasks has no lane. */
  readonly #lanes = new Map<string, Task[]>();
  readonly #ready: string[] = [];
  readonly #idle: (() => void)[] = [];
  #running = 0;

  constructor(private readonly concurrency: number) {}

  /** Adds a task to the lane of its key. The task must not throw. */
  add(key: string, task: Task): void {
    const lane = this.#lanes.get(key);
    if (lane) {
      lane.push(task);
      return;
    }
    this.#lanes.set(key, [task]);
    this.#ready.push(key);
    this.#startReady();
  }

  /** Resolves when no task runs or waits. */
  async idle(): Promise<void> {
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #startReady(): void {
    while (this.#running < this.concurrency) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      this.#running += 1;
      void this.#lanes.get(key)![0]!().finally(() => this.#finished(key));
    }
  }

  #finished(key: string): void {
    this.#running -= 1;
    const lane = this.#lanes.get(key)!;
    lane.shift();
    if (lane.length > 0) this.#ready.push(key);
    else this.#lanes.delete(key);
    this.#startReady();
    if (this.#lanes.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
