const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

interface Outage {
  /** Events that wait, in the order of coming; each is told whether it is to probe. */
  readonly waiting: ((probe: boolean) => void)[];
  failedProbes: number;
  /** Whether one of them is trying right now. */
  probing: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Which kinds of events cannot be handled right now because something they need is away. While that lasts, one event at a time
 * probes, with growing pauses, and all others of its kind wait; nothing hammers what is struggling, and no attempt is counted.
 * The waiting events take turns as the probe: were it always the same one, an event that alone meets trouble would hold up all.
 */
export class Outages {
  readonly #outages = new Map<string, Outage>();
  readonly #ended = new Map<string, number>();
  #stopped = false;

  constructor(
    stopping: AbortSignal,
    /** Told when an outage begins and ends. */
    private readonly changed: (kind: string, away: boolean) => void,
  ) {
    stopping.addEventListener('abort', () => {
      this.#stopped = true;
      for (const outage of this.#outages.values()) release(outage);
    });
  }

  /** Kinds of events that wait now. */
  get away(): string[] {
    return [...this.#outages.keys()];
  }

  /** Whether somebody of this kind waits for its turn. */
  othersWait(kind: string): boolean {
    return (this.#outages.get(kind)?.waiting.length ?? 0) > 0;
  }

  isAway(kind: string): boolean {
    return this.#outages.has(kind);
  }

  /** How many outages of a kind have ended, because one of its events got through. */
  ended(kind: string): number {
    return this.#ended.get(kind) ?? 0;
  }

  /** Waits until an event of a kind may be tried, or the consumer stops. Returns whether it is the probe. */
  async turn(kind: string): Promise<boolean> {
    const outage = this.#outages.get(kind);
    if (!outage || this.#stopped) return false;
    return await new Promise<boolean>((resolve) => {
      outage.waiting.push(resolve);
      this.#arm(outage);
    });
  }

  /** Notes that an event found something away. */
  met(kind: string, probing: boolean): void {
    const known = this.#outages.get(kind);
    if (!known) {
      this.#outages.set(kind, { waiting: [], failedProbes: 0, probing: false, timer: undefined });
      this.changed(kind, true);
    } else if (probing) {
      known.failedProbes += 1;
      known.probing = false;
      this.#arm(known);
    }
  }

  /** Notes that an event got through, whatever it met there: all others may go on. */
  over(kind: string): void {
    const outage = this.#outages.get(kind);
    if (!outage) return;
    this.#outages.delete(kind);
    this.#ended.set(kind, this.ended(kind) + 1);
    this.changed(kind, false);
    release(outage);
  }

  /** Lets the next one probe after a pause, unless that is arranged already. */
  #arm(outage: Outage): void {
    if (outage.timer || outage.probing || outage.waiting.length === 0) return;
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(outage.failedProbes, 10)) * (0.5 + Math.random() / 2);
    outage.timer = setTimeout(() => {
      outage.timer = undefined;
      outage.probing = true;
      outage.waiting.shift()!(true);
    }, pauseMs);
  }
}

function release(outage: Outage): void {
  clearTimeout(outage.timer);
  for (const resume of outage.waiting.splice(0)) resume(false);
}
