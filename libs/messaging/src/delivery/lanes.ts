type Task = () => Promise<void>;

/** Runs tasks: those of one key one after the other in the order they came, those of different keys side by side. */
export class Lanes {
  /** Tasks of each key; the first one runs. A key without tasks has no lane. */
  readonly #lanes = new Map<string, Task[]>();
  readonly #idle: (() => void)[] = [];

  /** Adds a task to the lane of its key. The task must not throw. */
  add(key: string, task: Task): void {
    const lane = this.#lanes.get(key);
    if (lane) {
      lane.push(task);
      return;
    }
    this.#lanes.set(key, [task]);
    this.#run(key, task);
  }

  /** Forgets every task that has not begun. */
  forgetWaiting(): void {
    for (const lane of this.#lanes.values()) lane.splice(1);
  }

  /** Resolves when no task runs or waits. */
  async idle(): Promise<void> {
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #run(key: string, task: Task): void {
    void task().finally(() => {
      const lane = this.#lanes.get(key)!;
      lane.shift();
      const next = lane[0];
      if (next) this.#run(key, next);
      else this.#lanes.delete(key);
      if (this.#lanes.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }
}
