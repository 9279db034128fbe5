/** Something to sleep on that can be woken; a wake-up that comes while nobody sleeps is not lost. */
export class WakeUp {
  #woken = false;
  #wake: (() => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Sleeps until it is woken, at most `ms` milliseconds. Returns whether it was woken. */
  async sleep(ms: number): Promise<boolean> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const woken = this.#woken;
    this.#woken = false;
    return woken;
  }
}
