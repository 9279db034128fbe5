import { factNameOf, topicOfType } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import type { ProcessedEvents } from '@past-tense/dedup';
import type { Envelope } from '@past-tense/envelope';
import type { Logger } from '@past-tense/telemetry';
import type { Figures } from '../delivery/figures';
import type { Message } from '../delivery/message';
import type { AnyReaction, Event } from '../reaction';
import type { HeldEvents } from '../retry/held-events';
import { SOURCE } from '../retry/ordered-retry';
import { LeftVersions } from './left-versions';
import { canShadow, compare, lookAt, tryOut, type Comparison, type Outcome } from './shadow';
import { effectiveVersion, type Stage } from './stage';

export interface VersionsOptions {
  readonly consumer: string;
  /** By the name that all versions of an event share. Without a stage, each event takes effect. */
  readonly stages: ReadonlyMap<string, Stage>;
  readonly processed: ProcessedEvents;
  readonly held: HeldEvents;
  readonly figures: Figures;
  readonly logger: Logger;
}

/** Whether the fact has taken effect, has to take effect by the version at hand, or neither yet. */
type Standing = 'done' | 'effective' | 'open';

/**
 * Sees to it that a fact which was published in several versions takes effect once, in the version that the consumer's stage says. All versions bear
 * one event id, so the dedup store lets only one of them through; which one would be chance. So a version that is not to take effect is left to the
 * other one, and that is noted: should the stage have changed by the time the other one comes, it takes effect all the same. Nothing is lost or done
 * twice, whatever the order of the versions and of the changes.
 */
export class Versions {
  readonly #left: LeftVersions;

  constructor(private readonly options: VersionsOptions) {
    this.#left = new LeftVersions(options.consumer);
  }

  /** Whether an event is to be left to another version of it that was published as well. What comes back from a retry was begun here and is ended here. */
  areLeft(message: Message, envelope: Envelope): boolean {
    return message.from === SOURCE && envelope.alsoAs !== undefined && this.#effectiveType(envelope) !== envelope.eventType;
  }

  /**
   * Leaves an event to the version of it that takes effect; in shadow it is tried out first.
   * @returns undefined if that version was left, too, before the stage changed: then this one takes effect
   */
  async leave(transaction: Transaction, event: Event<never>, reaction: AnyReaction<never>): Promise<'left' | 'duplicate' | undefined> {
    const shadowing = this.#stageOf(event)?.kind === 'shadow' && canShadow(reaction);
    const standing = await this.#standing(transaction, event);
    if (!shadowing || standing === 'effective') return await this.#settle(transaction, event, standing);
    const actual = standing === 'done' ? await lookAt(reaction, event, transaction) : undefined;
    const tried = await tryOut(reaction, event, transaction);
    if (actual && tried) this.#report(transaction, event, compare(actual, tried));
    return await this.#settle(transaction, event, standing, tried);
  }

  /**
   * Leaves an event that cannot be tried: what is wrong with it must not keep the version that takes effect from coming through.
   * @returns whether it is settled; if not, it is the one that takes effect
   */
  async leaveUntried(transaction: Transaction, envelope: Envelope): Promise<boolean> {
    const standing = await this.#standing(transaction, envelope);
    return (await this.#settle(transaction, envelope, standing)) !== undefined;
  }

  /** How it stands, under the lock of the aggregate, with a fact of which this is a version that is to be left. */
  async #standing(transaction: Transaction, envelope: Envelope): Promise<Standing> {
    const { processed, held } = this.options;
    processed.requireInWindow(envelope.eventId);
    await held.lock(transaction, envelope.aggregateId);
    if (await processed.has(transaction, envelope.eventId)) return 'done';
    return (await this.#left.has(transaction, envelope.eventId, this.#effectiveType(envelope))) ? 'effective' : 'open';
  }

  async #settle(
    transaction: Transaction,
    { eventId, eventType }: Envelope,
    standing: Standing,
    tried?: Outcome | Error,
  ): Promise<'left' | 'duplicate' | undefined> {
    if (standing === 'effective') return undefined;
    if (standing === 'done') return 'duplicate';
    await this.#left.note(transaction, eventId, eventType, tried);
    return 'left';
  }

  /** Ends what was noted about the other versions of an event that has taken effect; what was tried out before is compared with it. */
  async took(transaction: Transaction, event: Event<never>, reaction: AnyReaction<never>): Promise<void> {
    if (event.alsoAs === undefined) return;
    for (const { eventType, tried } of await this.#left.take(transaction, event.eventId)) {
      if (tried && canShadow(reaction))
        this.#report(transaction, { ...event, eventType }, compare(await lookAt(reaction, event, transaction), tried));
    }
  }

  /** The type of the version that takes effect, among those in which the fact was published. */
  #effectiveType(envelope: Envelope): string {
    const stage = this.#stageOf(envelope);
    const topics = [envelope.eventType, ...(envelope.alsoAs ?? [])].flatMap((type) => topicOfType(type) ?? []);
    const own = topics.find(({ eventType }) => eventType === envelope.eventType);
    // Whoever is not a version of the same event has nothing to say here, whatever a header claims.
    const versions = own ? topics.filter((topic) => factNameOf(topic) === factNameOf(own)) : [];
    if (!stage || versions.length < 2) return envelope.eventType;
    const effective = effectiveVersion(
      stage,
      envelope.aggregateId,
      versions.map(({ version }) => version),
    );
    return versions.find(({ version }) => version === effective)!.eventType;
  }

  #stageOf({ eventType }: Envelope): Stage | undefined {
    const topic = topicOfType(eventType);
    return topic && this.options.stages.get(factNameOf(topic));
  }

  #report(transaction: Transaction, { eventId, eventType, aggregateId }: Envelope, comparison: Comparison): void {
    const { consumer, figures, logger } = this.options;
    transaction.afterCommit(() => {
      figures.shadowed(eventType, comparison === 'same' ? 'same' : 'failed' in comparison ? 'failed' : 'different');
      if (comparison === 'same') return;
      logger.warn(
        { consumer, eventId, eventType, aggregateId, ...comparison },
        `in shadow ${eventType} came to something else than the version that took effect`,
      );
    });
  }
}
