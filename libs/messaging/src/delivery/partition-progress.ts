import { setMaxListeners } from 'node:events';

interface Entry {
  readonly offset: bigint;
  readonly publishedMs: number;
  readonly bytes: number;
  done: boolean;
}

// setTimeout counts no further than 2^31 − 1 ms.
const MAX_TIMER_MS = 2_147_483_647;

/** How far one partition has been worked through, for as long as it is assigned. */
export class PartitionProgress {
  readonly name: string;
  /** Offset after the last message on the partition, as the last fetch told it. */
  highWatermark = 0n;
  /** Messages accepted and not yet passed, in order. */
  readonly #open: Entry[] = [];
  /** What is not due yet, in the order in which it came. */
  readonly #later: { readonly dueMs: number; readonly start: () => void }[] = [];
  readonly #givenUp = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** The first message, and where the partition ended when it came. */
  #found: { readonly first: bigint; readonly end: bigint } | undefined;
  #waitingBytes = 0;
  #next: bigint | undefined;
  #committed: bigint | undefined;

  /** @param reset the reset by which it begins at an offset, if there was one */
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly reset?: { readonly id: string; readonly offset: bigint },
  ) {
    this.name = `${topic}/${partition}`;
    this.#next = reset?.offset;
    setMaxListeners(0, this.givenUp); // Every event that waits listens.
  }

  /** Aborted when nothing more is to be begun. */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal;
  }

  /** Messages accepted and not yet passed. */
  get waiting(): number {
    return this.#open.length;
  }

  /** Bytes of their values. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Notes a message.
   * @returns whether it may have been begun before this assignment, by a process that did not finish it: it was there when that began, and nothing
   * has been committed since that the process before would have committed too; and what to call when it is done
   */
  accept(offset: string, publishedMs = Date.now(), bytes = 0): { suspect: boolean; done: () => void } {
    const entry: Entry = { offset: BigInt(offset), publishedMs, bytes, done: false };
    this.#waitingBytes += bytes;
    this.#open.push(entry);
    this.#found ??= { first: entry.offset, end: this.highWatermark };
    const { first, end } = this.#found;
    const suspect = entry.offset < end && (this.#committed ?? first) <= first;
    const done = () => {
      entry.done = true;
      while (this.#open[0]?.done) {
        const passed = this.#open.shift()!;
        this.#waitingBytes -= passed.bytes;
        this.#next = passed.offset + 1n;
      }
    };
    return { suspect, done };
  }

  /** Starts something when it is due, and not before what came earlier and is not due yet. 0 is at once. */
  whenDue(dueMs: number, start: () => void): void {
    if (this.#later.length === 0 && dueMs <= Date.now()) {
      start();
      return;
    }
    this.#later.push({ dueMs, start });
    if (this.#later.length === 1) this.#wait();
  }

  /** Starts nothing more: the partition is no longer this member's, it goes on elsewhere, or the member stops. */
  giveUp(): void {
    this.#givenUp.abort();
    clearTimeout(this.#timer);
    this.#later.splice(0);
  }

  /** The offset before which everything is done; undefined until the first message is, unless it began with a reset. */
  get position(): string | undefined {
    return this.#next?.toString();
  }

  /** Whether the position has moved since it was last committed. */
  get moved(): boolean {
    return this.#next !== this.#committed;
  }

  committed(offset: string): void {
    this.#committed = BigInt(offset);
  }

  /** Whether the group knows of a position. */
  get isCommitted(): boolean {
    return this.#committed !== undefined;
  }

  /** Events that are not done, and how long ago the oldest of them was published. */
  get lag(): { events: number; seconds: number } {
    const first = this.#open[0];
    const from = first?.offset ?? this.#next ?? this.highWatermark;
    const events = Number(this.highWatermark > from ? this.highWatermark - from : 0n);
    return { events, seconds: first ? Math.max(0, Date.now() - first.publishedMs) / 1000 : 0 };
  }

  #wait(): void {
    const first = this.#later[0];
    if (!first) return;
    this.#timer = setTimeout(
      () => {
        while (this.#later[0] && this.#later[0].dueMs <= Date.now()) this.#later.shift()!.start();
        this.#wait();
      },
      Math.min(MAX_TIMER_MS, Math.max(0, first.dueMs - Date.now())),
    );
  }
}
