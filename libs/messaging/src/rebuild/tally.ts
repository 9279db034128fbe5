import type { Candidate } from './candidates';
import type { FailedMessage, RebuildCounts, RebuildRecord } from './rebuilds';
import { failureOf, type Effect } from './steps';

const MAX_FAILURES_KEPT = 20;

/** Counts what becomes of the messages of one step. Begun anew when the step is. */
export class Tally {
  readonly #counts: { -readonly [Name in keyof RebuildCounts]: RebuildCounts[Name] };
  readonly #failures: FailedMessage[];
  /** Events that took effect in this step. */
  readonly applied: string[] = [];
  /** Events of this step that had been applied ahead. */
  readonly met = new Set<string>();

  /** @param ahead events that were applied before their turn, and not counted then */
  constructor(
    { counts, failures }: Pick<RebuildRecord, 'counts' | 'failures'>,
    private readonly ahead: ReadonlySet<string>,
  ) {
    this.#counts = { ...counts };
    this.#failures = [...failures];
  }

  get counts(): RebuildCounts {
    return this.#counts;
  }

  get failures(): readonly FailedMessage[] {
    return this.#failures;
  }

  readonly tell = (effect: Effect, eventId: string, failure?: FailedMessage): void => {
    if (effect === 'waits') return;
    const isMet = effect === 'duplicates' && this.ahead.has(eventId) && !this.met.has(eventId);
    if (isMet) this.met.add(eventId);
    if (effect === 'applied') this.applied.push(eventId);
    this.#counts[isMet ? 'applied' : effect] += 1;
    if (failure) this.#keep(failure);
  };

  left(): void {
    this.#counts.left += 1;
  }

  discarded(events: number): void {
    this.#counts.discarded += events;
  }

  invalid(candidate: Candidate, error: Error): void {
    this.#counts.invalid += 1;
    this.#keep(failureOf('invalid', candidate, error));
  }

  #keep(failure: FailedMessage): void {
    if (this.#failures.length < MAX_FAILURES_KEPT) this.#failures.push(failure);
  }
}
