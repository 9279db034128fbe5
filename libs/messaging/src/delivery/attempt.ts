import { SpanKind, type Attributes, type SpanContext } from '@opentelemetry/api';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Database, Transaction } from '@past-tense/database';
import type { Envelope } from '@past-tense/envelope';
import type { PersonalData } from '@past-tense/privacy';
import { causedBy, inSpan, SEARCHABLE, type TraceFlow } from '@past-tense/telemetry';
import { isForgetful, staysInside, type AnyReaction, type Event, type Forgetful } from '../reaction';
import type { GroupCommit } from './group-commit';
import { classify, InvalidEventError, type EarlyEventError } from './failure';
import type { Figures } from './figures';
import type { Message } from './message';
import { openEvent, readEvent, type OpenedEvent } from './read-event';
import { SOURCE } from '../retry/ordered-retry';
import type { ReplayResults } from '../replay/results';
import type { Turn, Turns } from './turns';
import type { Versions } from '../versions/versions';

export interface AttemptOptions {
  readonly consumer: string;
  readonly database: Database;
  readonly turns: Turns;
  readonly groups: GroupCommit;
  readonly versions: Versions;
  readonly reactions: ReadonlyMap<DescMessage, AnyReaction<never>>;
  readonly figures: Figures;
  readonly traceFlow: TraceFlow;
  readonly results: ReplayResults;
  /** Whether what the consumer keeps follows from the events alone, so that it may be derived again. */
  readonly projection: boolean;
  /** Opens what the consumer may read of personal data. */
  readonly personal: PersonalData | undefined;
}

/** What an attempt that did not fail came to. */
export type Result = 'applied' | 'duplicate' | 'behind' | 'held' | 'left' | 'not-begun';

/** What is known of an attempt beforehand. */
export interface Trying {
  /** 1 for the first attempt at the event, wherever it was made. */
  readonly attempt: number;
  /** The span of the attempt before. */
  readonly before: SpanContext | undefined;
  /** Told the span before anything happens. */
  readonly started: (span: SpanContext) => void;
  /** Whether it may still be begun, asked just before. */
  readonly mayBegin: () => boolean;
}

/** One attempt at an event: its turn, its reaction, its commit, in a span of its own. */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #known: ReadonlyMap<string, DescMessage>;
  readonly #reactions: ReadonlyMap<string, AnyReaction<never>>;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#known = new Map([...options.reactions.keys()].map((event) => [event.typeName, event]));
    this.#reactions = new Map([...options.reactions].map(([event, reaction]) => [event.typeName, reaction]));
  }

  /**
   * Makes the attempt. Its span's parent (or, should flows be linked, its first link) is the moment the fact was recorded; it links
   * to the attempt before.
   * @returns what it came to; the error of an early event, which is no failure
   * @throws whatever else the reaction or the database throws; nothing is changed then
   */
  async make(message: Message, envelope: Envelope, trying: Trying): Promise<Result | EarlyEventError> {
    const { attempt, before, started } = trying;
    // A flow that ended long ago does not get longer by a replay: that has traces of its own, with links to where its events come from.
    const { parent, links } = causedBy(envelope, message.replayed ? 'linked' : this.#options.traceFlow);
    if (before) links.push({ context: before });
    const { topic } = message.origin;
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1000;
    return await inSpan(
      `process ${topic}`,
      { kind: SpanKind.CONSUMER, links, attributes: this.#attributes(message, envelope, attempt) },
      parent,
      async (span) => {
        started(span.spanContext());
        try {
          const event = this.#read(message, envelope);
          const result = await this.#react(
            message,
            this.#isPersonal(event) ? await this.#open(event) : { event, forgotten: false },
            trying,
          );
          span.setAttribute('past_tense.result', result);
          this.#options.figures.attempted(topic, seconds());
          if (result === 'applied' && !message.replayed)
            this.#options.figures.applied(envelope.eventType, envelope.schemaVersion, envelope.publishedAt);
          return result;
        } catch (error) {
          this.#options.figures.attempted(topic, seconds(), error instanceof Error ? error.name : 'unknown');
          if (classify(error) !== 'early') throw error;
          span.setAttribute('past_tense.result', 'early');
          return error as EarlyEventError;
        }
      },
    );
  }

  /** Whether the effects of an event of this type are one transaction, and nobody outside is called. */
  staysInside({ eventType }: Envelope): boolean {
    const reaction = this.#reactions.get(eventType);
    return reaction !== undefined && staysInside(reaction);
  }

  /** What the reaction would throw right now; nothing of it is kept. */
  async rehearse(transaction: Transaction, message: Message, envelope: Envelope): Promise<unknown> {
    const { event, forgotten } = await this.#open(this.#read(message, envelope));
    const reaction = this.#reactions.get(event.eventType)!;
    return await transaction.rehearse(() =>
      forgotten
        ? requireForgetful(reaction).reactToForgotten(event, transaction)
        : staysInside(reaction)
          ? reaction.react(event, transaction)
          : reaction.intend(event, transaction),
    );
  }

  #read(message: Message, envelope: Envelope): Event<never> {
    return readEvent(message, envelope, this.#known);
  }

  /** Whether there is something in it to be opened; most events have nothing, and do not wait for that. */
  #isPersonal({ eventType }: Event<never>): boolean {
    return this.#options.personal?.reads(this.#known.get(eventType)!) ?? false;
  }

  #open(event: Event<never>): Promise<OpenedEvent> {
    return openEvent(event, this.#known.get(event.eventType)!, this.#options.personal);
  }

  async #react(message: Message, { event, forgotten }: OpenedEvent, trying: Trying): Promise<Result> {
    const { database, turns, versions } = this.#options;
    const reaction = this.#reactions.get(event.eventType)!;
    const generation = message.replayed?.generation;
    if (generation !== undefined && !this.#options.projection)
      throw new InvalidEventError(
        `it was fed to derive generation ${generation} of ${this.#options.consumer} again, which is no projection`,
      );
    if (forgotten)
      return await this.#inTurn(message, event, (transaction) => requireForgetful(reaction).reactToForgotten(event, transaction));
    if (versions.areLeft(message, event)) {
      if (generation !== undefined) return 'left'; // Nothing is noted: the version that takes effect is among what is derived again, or not wanted.
      const result = await database.transaction((transaction) => versions.leave(transaction, event, reaction));
      if (result) return result;
    }
    if (staysInside(reaction)) return await this.#commit(message, event, trying, (transaction) => reaction.react(event, transaction));

    const intended = await database.transaction(async (transaction) => {
      const turn = await turns.begin(transaction, message, event, false);
      return { turn, intent: turn.kind === 'react' ? ((await reaction.intend(event, transaction)) as unknown) : undefined };
    });
    if (intended.turn.kind !== 'react') return intended.turn.kind;
    if (intended.intent === undefined) return await this.#commit(message, event, trying, async () => undefined);
    const outcome: unknown = await reaction.call(intended.intent);
    // What was asked outside is recorded, whatever begins or ends here meanwhile; otherwise it would be asked again.
    const called = { ...trying, mayBegin: () => true };
    return await this.#commit(message, event, called, (transaction) => reaction.record(event, outcome, transaction));
  }

  /**
   * Commits the effects of an event, together with others where that makes no difference to it. What has failed before, is held or is one of several
   * versions of a fact may have more to decide, or more to spoil.
   */
  async #commit(
    message: Message,
    event: Event<never>,
    { attempt, mayBegin }: Trying,
    work: (transaction: Transaction) => Promise<void>,
  ): Promise<Result> {
    const maySpoil = attempt > 1 || message.from !== SOURCE || message.replayed?.generation !== undefined || event.alsoAs !== undefined;
    if (maySpoil) return await this.#inTurn(message, event, work);
    const reaction = this.#reactions.get(event.eventType)!;
    return await this.#options.groups.commit({
      message,
      event,
      reaction,
      work,
      mayBegin,
      alone: (timed) => this.#inTurn(message, event, timed),
    });
  }

  /** Claims the event and does the work in one transaction, if it is its turn. */
  async #inTurn(message: Message, event: Event<never>, work: (transaction: Transaction) => Promise<void>): Promise<Result> {
    const { database, turns, versions, figures, results } = this.#options;
    return await database.transaction(async (transaction) => {
      const startedAt = performance.now();
      const turn: Turn = await turns.begin(transaction, message, event, true);
      figures.claimed((performance.now() - startedAt) / 1000);
      if (turn.kind !== 'react') return turn.kind;
      await work(transaction);
      await versions.took(transaction, event, this.#reactions.get(event.eventType)!);
      await results.applied(transaction, message);
      await turns.succeed(transaction, event, turn);
      return 'applied';
    });
  }

  #attributes({ origin, arrived, from, replayed }: Message, envelope: Envelope, attempt: number): Attributes {
    return {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': origin.topic,
      'messaging.destination.partition.id': String(origin.partition),
      'messaging.kafka.offset': Number(origin.offset),
      'messaging.kafka.message.key': envelope.aggregateId,
      'messaging.consumer.group.name': this.#options.consumer,
      'messaging.message.id': envelope.eventId,
      'messaging.message.conversation_id': envelope.correlationId,
      [SEARCHABLE.aggregateId]: envelope.aggregateId,
      'past_tense.attempt': attempt,
      ...(arrived.topic !== origin.topic && { 'past_tense.arrived_from': replayed && from === SOURCE ? 'replay' : from }),
      ...(replayed && { 'past_tense.replay_id': replayed.replayId }),
    };
  }
}

/** The manifest was checked when the service started, so this throws only in a consumer that was put together by hand. */
function requireForgetful<T>(reaction: AnyReaction<T>): AnyReaction<T> & Forgetful<T> {
  if (isForgetful(reaction)) return reaction;
  throw new InvalidEventError('it is about somebody who was forgotten, and the reaction has no reactToForgotten');
}
