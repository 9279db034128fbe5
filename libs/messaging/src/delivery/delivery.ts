import type { SpanContext } from '@opentelemetry/api';
import type { Database } from '@past-tense/database';
import { fromHeaders, type Envelope } from '@past-tense/envelope';
import { inFlow, type Logger } from '@past-tense/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { REDRIVE, SOURCE } from '../retry/ordered-retry';
import type { Attempt, Result } from './attempt';
import { backOff, type RetryPolicy } from './back-off';
import { classify, type EarlyEventError } from './failure';
import type { Figures } from './figures';
import { where, type Message } from './message';
import type { Moves } from './moves';
import type { Outages } from './outages';
import type { ReplayResults } from '../replay/results';
import { letterId } from '../retry/held-events';
import type { Slots } from './slots';
import type { Starts } from './starts';
import { TooManyHeldError, type Failure, type Turns } from './turns';

export interface DeliveryOptions {
  readonly consumer: string;
  readonly database: Database;
  readonly attempt: Attempt;
  readonly turns: Turns;
  readonly moves: Moves;
  readonly outages: Outages;
  readonly slots: Slots;
  /** Slots of an event that calls somebody outside; others have one, because they wait for each other's commit. */
  readonly outsideWeight: number;
  /** Those of them that events fed again may have at once, so that they leave room for what is new. */
  readonly replaySlots: Slots;
  readonly results: ReplayResults;
  readonly starts: Starts;
  readonly figures: Figures;
  readonly retry: RetryPolicy;
  /** How often a message may be begun without being finished before it counts as one that kills the process. */
  readonly maxStarts: number;
  readonly logger: Logger;
  /** For the lines of which every event has one. */
  readonly eventLogger: Logger;
  /** Aborted when the consumer stops: nothing new is tried then. */
  readonly stopping: AbortSignal;
}

/** What is known about the attempts at one delivery. */
interface Progress {
  attempts: number;
  firstFailedAt: Date | undefined;
  lastSpan: SpanContext | undefined;
  /** What the last attempt came to, unless it failed. */
  result: Result | undefined;
  probing: boolean;
  /** How many outages of its kind had ended when it last met one, and how often one had ended in between. */
  outagesEnded: number | undefined;
  metAlone: number;
  /** How often it said that it is early and did not when it was asked again. */
  earlyInVain: number;
  /** How often there was no room to let it wait. */
  noRoom: number;
}

const CONFLICT_DELAY_MS = 20;
/** So many outages of its kind may end without an event getting through before that counts against the event. */
const MAX_MET_ALONE = 20;
/** How an event waits for room to wait in; its partition is paused when many do. */
const WITHOUT_ROOM = { firstDelayMs: 200, maxDelayMs: 5_000 };
/** What says so more often is not early: what it needs has come, or it says so where nobody can wait, after calling outside. */
const MAX_EARLY_IN_VAIN = 10;
const NOT_NOW = Symbol('not now');

/** Takes a message from its arrival to the point where its offset may be passed. */
export class Delivery {
  constructor(private readonly options: DeliveryOptions) {}

  /**
   * Handles a message until it is settled: its effects are committed, it was a duplicate, or it waits somewhere else. Never
   * throws.
   * @param suspect whether it may have been begun before by a process that did not finish it
   * @returns false if the consumer stopped first; the message will be delivered again
   */
  async settle(message: Message, suspect: boolean): Promise<boolean> {
    const envelope = envelopeOf(message);
    const progress = newProgress(message);
    if (envelope instanceof Error) {
      const buried = await this.options.moves.bury(message, undefined, this.#failure(envelope, 'INVALID', message, progress));
      return buried && (await this.#noteReplayed(message, undefined, progress));
    }
    const flow = { correlationId: envelope.correlationId, causationId: envelope.eventId, eventId: envelope.eventId };
    const settled = await inFlow(flow, () =>
      suspect
        ? this.#settleSuspect(message, envelope, progress)
        : this.#settleEvent(message, envelope, progress, { counted: false, alone: false }),
    );
    return settled && (!message.replayed || (await this.#noteReplayed(message, envelope, progress)));
  }

  /** Notes what came of an event that was fed again, before its offset is passed. What took effect noted that together with its effects. */
  async #noteReplayed(message: Message, envelope: Envelope | undefined, { result }: Progress): Promise<boolean> {
    const { moves, results, figures } = this.options;
    if (!message.replayed) return true;
    const outcome = result === 'applied' ? 'applied' : result === 'duplicate' || result === 'left' ? 'absorbed' : 'held';
    figures.replayed(outcome);
    if (outcome === 'applied') return true;
    const heldIds = [...(envelope ? [envelope.eventId] : []), letterId(message)];
    return await moves.persist(message, () => results.note(message, outcome, heldIds));
  }

  /** Settles a message that may have been begun before by a process that did not finish it. */
  async #settleSuspect(message: Message, envelope: Envelope, progress: Progress): Promise<boolean> {
    const { starts, maxStarts, logger } = this.options;
    let begun = 0;
    const known = await this.options.moves.persist(message, async () => {
      begun = await starts.before(message);
    });
    if (!known) return false;
    if (begun === 0) return await this.#settleEvent(message, envelope, progress, { counted: true, alone: false });
    if (begun < maxStarts) {
      logger.info({ ...where(message), begun }, `${message.origin.topic} was begun before and not finished; it is handled alone`);
      return await this.#settleEvent(message, envelope, progress, { counted: true, alone: true });
    }
    const error = new Error(`the process ended ${begun} times while it handled this message`);
    const failure = this.#failure(error, 'CRASHED', message, progress);
    const settled = await this.options.moves.onward(message, envelope, failure);
    if (settled) starts.end(message);
    return settled;
  }

  async #settleEvent(
    message: Message,
    envelope: Envelope,
    progress: Progress,
    { counted, alone }: { counted: boolean; alone: boolean },
  ): Promise<boolean> {
    const { attempt, outages, slots, outsideWeight, starts, stopping } = this.options;
    const { eventType } = envelope;
    const weight = attempt.staysInside(envelope) ? 1 : outsideWeight;
    const tryOnce = async () => {
      // Whoever waited for a slot until the consumer was told to stop, or an outage began, does not begin any more.
      if (!this.#mayBegin(envelope, progress)) return NOT_NOW;
      try {
        if (counted) await starts.begin(message);
      } catch (error) {
        return error;
      }
      const error = await this.#tryOnce(message, envelope, progress);
      if (counted) starts.end(message);
      return error;
    };
    while (!stopping.aborted) {
      progress.probing = outages.isAway(eventType) && (await outages.turn(eventType));
      const inSlot = () => (alone ? slots.runAlone(tryOnce) : slots.run(tryOnce, weight));
      const error = await (message.replayed ? this.options.replaySlots.run(inSlot, weight) : inSlot());
      if (error === NOT_NOW) continue;
      const settled = error === undefined || (await this.#afterError(message, envelope, progress, error));
      if (settled) {
        if (progress.probing) outages.over(eventType);
        return true;
      }
    }
    return false;
  }

  #mayBegin({ eventType }: Envelope, { probing }: Progress): boolean {
    const { stopping, outages } = this.options;
    return !stopping.aborted && (probing || !outages.isAway(eventType));
  }

  /** Returns what the attempt threw; undefined if it settled the message. */
  async #tryOnce(message: Message, envelope: Envelope, progress: Progress): Promise<unknown> {
    const { attempt, eventLogger } = this.options;
    const startedAt = performance.now();
    try {
      const result = await attempt.make(message, envelope, {
        attempt: message.attempts + progress.attempts + 1,
        before: progress.lastSpan,
        started: (span) => (progress.lastSpan = span),
        mayBegin: () => this.#mayBegin(envelope, progress),
      });
      if (typeof result !== 'string') return result;
      if (result === 'not-begun') return NOT_NOW;
      progress.result = result;
      const { eventType, aggregateId, aggregateVersion } = envelope;
      eventLogger.info(
        { ...where(message), eventType, aggregateId, aggregateVersion, result, ms: Math.round(performance.now() - startedAt) },
        `handled ${message.origin.topic}`,
      );
      return undefined;
    } catch (error) {
      progress.firstFailedAt ??= new Date();
      return error ?? new Error('the reaction threw undefined');
    }
  }

  /** Decides by the error how it goes on. Returns whether the message is settled. */
  async #afterError(message: Message, envelope: Envelope, progress: Progress, error: unknown): Promise<boolean> {
    const { outages, figures, logger } = this.options;
    if (error instanceof TooManyHeldError) {
      if (progress.probing) outages.over(envelope.eventType); // It is not the outage that stops it now.
      if (progress.noRoom === 0) logger.error({ ...where(message), err: error }, error.message);
      await this.#wait(backOff(progress.noRoom++, WITHOUT_ROOM));
      return false;
    }
    const kind = classify(error);
    if (kind === 'unavailable' && !this.#isAlone(envelope, progress)) {
      outages.met(envelope.eventType, progress.probing);
      return false;
    }
    if (progress.probing) {
      // It got through to whoever was away, or is in trouble alone; what it met there is its own affair.
      outages.over(envelope.eventType);
      progress.probing = false;
    }
    if (kind === 'conflict') {
      await this.#wait(CONFLICT_DELAY_MS * (0.5 + Math.random()));
      return false;
    }
    if (kind === 'early' && progress.earlyInVain < MAX_EARLY_IN_VAIN)
      return await this.#waitForOthers(message, envelope, progress, error as EarlyEventError);
    progress.attempts += 1;
    const reason = kind === 'invalid' ? 'INVALID' : kind === 'unknown-value' ? 'UNKNOWN_VALUE' : 'FAILED';
    const failure = this.#failure(error, reason, message, progress);
    if (kind === 'invalid') return await this.options.moves.bury(message, envelope, failure);
    if (kind === 'unknown-value') return await this.options.moves.onward(message, envelope, failure);
    if (progress.attempts >= this.#attemptsInPlace(message)) return await this.options.moves.onward(message, envelope, failure);
    const waitMs = backOff(progress.attempts - 1, this.options.retry);
    figures.retried(envelope.eventType, 'in-place');
    logger.warn({ ...where(message), err: error, attempts: failure.attempts, waitMs }, `${message.origin.topic} failed; it is tried again`);
    await this.#wait(waitMs);
    return false;
  }

  /**
   * Whether an event finds someone away again and again while others of its kind get through. Then it is no outage but the
   * event, and it must not stop the others for ever.
   */
  #isAlone({ eventType }: Envelope, progress: Progress): boolean {
    const ended = this.options.outages.ended(eventType);
    const othersGotThrough = progress.outagesEnded !== undefined && ended > progress.outagesEnded;
    // Where nobody else of its kind comes any more, because its partition is paused behind it, its own probes count.
    const nobodyElse = progress.metAlone > 0 && progress.probing && !this.options.outages.othersWait(eventType);
    if (othersGotThrough || nobodyElse) progress.metAlone += 1;
    progress.outagesEnded = ended;
    return progress.metAlone > MAX_MET_ALONE;
  }

  /** What comes from a retry tier has waited long enough to deserve one attempt; everything else gets them all. */
  #attemptsInPlace({ from }: Message): number {
    return from === SOURCE || from === REDRIVE ? this.options.retry.attempts : 1;
  }

  /**
   * Lets an event wait for what must come first. That is decided under the lock of the key it waits for, and looked at once
   * more there: what it waits for may have been committed since, and then nobody would wake it.
   */
  async #waitForOthers(message: Message, envelope: Envelope, progress: Progress, early: EarlyEventError): Promise<boolean> {
    const { database, turns, attempt, figures, logger } = this.options;
    const failure = this.#failure(early, 'EARLY', message, progress);
    let still = false;
    const persisted = await this.options.moves.persist(message, async () => {
      still = await database.transaction(async (transaction) => {
        await turns.lockBoth(transaction, envelope.aggregateId, early.waitsFor);
        const error = await attempt.rehearse(transaction, message, envelope);
        // It may wait for something else by now, which has to be looked at under that lock.
        if (classify(error) !== 'early' || (error as EarlyEventError).waitsFor !== early.waitsFor) return false;
        await turns.waitFor(transaction, message, envelope, early, failure);
        return true;
      });
    });
    if (!persisted || !still) {
      progress.earlyInVain += 1;
      return false;
    }
    figures.retried(envelope.eventType, 'early');
    logger.info({ ...where(message), waitsFor: early.waitsFor }, `${message.origin.topic} is early: ${early.message}; it waits`);
    return true;
  }

  #failure(error: unknown, reason: Failure['reason'], message: Message, { attempts, firstFailedAt, lastSpan }: Progress): Failure {
    return {
      error,
      reason,
      attempts: message.attempts + attempts,
      firstFailedAt: message.firstFailedAt ?? firstFailedAt ?? new Date(),
      attemptTrace: lastSpan && `00-${lastSpan.traceId}-${lastSpan.spanId}-01`,
    };
  }

  /** Waits, but not past the moment the consumer stops. */
  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.options.stopping }).catch(() => undefined);
  }
}

function newProgress(message: Message): Progress {
  return {
    attempts: 0,
    firstFailedAt: undefined,
    lastSpan: message.linked,
    result: undefined,
    probing: false,
    outagesEnded: undefined,
    metAlone: 0,
    earlyInVain: 0,
    noRoom: 0,
  };
}

function envelopeOf({ headers }: Message): Envelope | Error {
  try {
    return fromHeaders(headers);
  } catch (error) {
    return error as Error;
  }
}
