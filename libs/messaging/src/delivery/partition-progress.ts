/** How far one partition has been worked through, for as long as it is assigned. */
export class PartitionProgress {
  /** Offsets accepted and not yet passed, in order. */
  readonly #open: { readonly offset: bigint; done: boolean }[] = [];
  #next: bigint | undefined;
  #committed: bigint | undefined;

  /** Messages accepted that are not done. */
  get waiting(): number {
    return this.#open.length;
  }

  /** Notes a message. Returns what to call when it is done. */
  accept(offset: string): () => void {
    const entry = { offset: BigInt(offset), done: false };
    this.#open.push(entry);
    return () => {
      entry.done = true;
      while (this.#open[0]?.done) this.#next = this.#open.shift()!.offset + 1n;
    };
  }

  /** The offset before which everything is done; undefined until the first message is. */
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
}
