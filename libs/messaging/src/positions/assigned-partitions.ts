import type { Logger } from '@past-tense/telemetry';
import type { Lag } from '../delivery/figures';
import { PartitionProgress } from '../delivery/partition-progress';
import type { Position } from '../kafka/source';
import { LagTrend } from './lag-trend';
import type { OpenMove } from './reset-records';

// A commit that was given up as unanswered may still arrive, after a later one. Committing every position again now and then puts that right.
const COMMIT_ALL_INTERVAL_MS = 15_000;

/** The partitions that are assigned to a member: how far each is, and what the group knows of that. */
export class AssignedPartitions {
  /** Replaced as a whole when the assignment changes: what ran before counts no more. */
  #assigned = new Map<string, PartitionProgress>();
  /** Of the lag of each topic. */
  readonly #trends = new Map<string, LagTrend>();
  /** The commit that is on its way. */
  #committing: Promise<void> | undefined;
  #committedAllAtMs = Date.now();

  constructor(
    private readonly send: (positions: readonly Position[]) => Promise<void>,
    private readonly logger: Logger,
  ) {}

  /** Whether this is how far its partition is, and not what was before. */
  has(progress: PartitionProgress): boolean {
    return this.#assigned.get(progress.name) === progress;
  }

  get all(): PartitionProgress[] {
    return [...this.#assigned.values()];
  }

  progressOf(topic: string, partition: number): PartitionProgress {
    const name = `${topic}/${partition}`;
    const progress = this.#assigned.get(name) ?? new PartitionProgress(topic, partition);
    this.#assigned.set(name, progress);
    return progress;
  }

  /** Counts a partition from where a reset leads. Returns what was before; undefined if that was this reset already. */
  goOnAt({ resetId, topic, partition, to }: OpenMove): { before: PartitionProgress; now: PartitionProgress } | undefined {
    const before = this.progressOf(topic, partition);
    if (before.reset?.id === resetId) return undefined;
    const now = new PartitionProgress(topic, partition, { id: resetId, offset: to });
    now.highWatermark = before.highWatermark;
    this.#assigned.set(now.name, now);
    return { before, now };
  }

  /** Whether the group knows of a reset. */
  hasCommitted({ resetId, topic, partition }: OpenMove): boolean {
    const progress = this.#assigned.get(`${topic}/${partition}`);
    return progress?.reset?.id === resetId && progress.isCommitted;
  }

  forget(): void {
    this.#assigned = new Map();
    this.#trends.clear();
  }

  /** How far this member is behind, by topic. How that develops is only seen by looking now and then. */
  lag(): Map<string, Lag> {
    const lags = new Map<string, Lag>();
    for (const progress of this.#assigned.values()) {
      const { events, seconds } = progress.lag;
      const before = lags.get(progress.topic) ?? { events: 0, seconds: 0 };
      lags.set(progress.topic, { events: before.events + events, seconds: Math.max(before.seconds, seconds) });
    }
    for (const [topic, lag] of lags) {
      const trend = this.#trends.get(topic) ?? new LagTrend();
      this.#trends.set(topic, trend);
      lags.set(topic, { ...lag, catchUpSeconds: trend.note(performance.now(), lag.events) });
    }
    return lags;
  }

  /** Resolves when no commit is on its way. */
  async untilCommitted(): Promise<void> {
    await this.#committing;
  }

  /** Commits unless a commit is on its way. */
  commitWhenFree(): void {
    if (!this.#committing) void this.commit();
  }

  /** Commits the positions before which everything is done. A commit that fails is made up for by the next one. */
  async commit(): Promise<void> {
    const committing = this.#commit();
    this.#committing = committing;
    await committing;
    if (this.#committing === committing) this.#committing = undefined;
  }

  async #commit(): Promise<void> {
    const all = Date.now() - this.#committedAllAtMs > COMMIT_ALL_INTERVAL_MS;
    if (all) this.#committedAllAtMs = Date.now();
    const positions = this.all.flatMap((progress) => {
      const { topic, partition, position: offset } = progress;
      return offset !== undefined && (all || progress.moved) ? [{ topic, partition, offset, progress }] : [];
    });
    if (positions.length === 0) return;
    try {
      await this.send(positions.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
      for (const { progress, offset } of positions) progress.committed(offset);
    } catch (error) {
      this.logger.warn({ err: error }, 'offsets could not be committed; the next commit makes up for it');
    }
  }
}
