import type { Database } from '@past-tense/database';
import type { Logger } from '@past-tense/telemetry';
import type { HeldEvents } from '../retry/held-events';
import type { Figures } from './figures';
import type { Turns } from './turns';

export interface GapWatchOptions {
  readonly consumer: string;
  readonly database: Database;
  readonly turns: Turns;
  readonly held: HeldEvents;
  readonly figures: Figures;
  readonly logger: Logger;
  readonly everyMs: number;
}

/** Looks for early events that have waited too long for what they need: that is a gap, and somebody has to know. */
export class GapWatch {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(private readonly options: GapWatchOptions) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking = this.#look();
    }, this.options.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { database, held, logger } = this.options;
    try {
      const overdue = await database.transaction((transaction) => held.overdue(transaction, new Date()));
      for (const event of overdue) await this.#giveUp(event);
    } catch (error) {
      logger.warn({ err: error }, 'early events could not be looked at; the next look makes up for it');
    }
  }

  async #giveUp(event: { id: string; aggregateId: string; waitsFor: string }): Promise<void> {
    const { consumer, database, turns, figures, logger } = this.options;
    const dead = await database.transaction((transaction) => turns.giveUp(transaction, event));
    if (!dead) return; // Woken, or given up by another instance.
    figures.deadLettered(dead.eventType ?? undefined, dead.message.origin.topic, 'GAP');
    logger.error(
      { consumer, eventId: event.id, correlationId: dead.correlationId, eventType: dead.eventType, ...dead.message.origin, reason: 'GAP' },
      `${dead.message.origin.topic} is dead-lettered: ${dead.errorMessage ?? 'what it needs has not come'}`,
    );
  }
}
