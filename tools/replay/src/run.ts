import { allServices, allTopics } from '@past-tense/contracts';
import { Complaint } from '@past-tense/local';
import {
  EventFile,
  feed,
  KafkaProducer,
  replayTopic,
  requireTopics,
  Surveyor,
  TopicSpan,
  declaredTopics,
  type KafkaOptions,
  type Replay,
  type ReplayRecords,
  type ReplaySource,
} from '@past-tense/messaging';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, preview, previewData, resultOf } from './describe';
import { Manifest } from './manifest';
import type { FileChoice, RunOptions, Span } from './request';
import { notesOn } from './span';
import type { Terminal } from './terminal';

const POLL_MS = 250;
/** So long a consumer may take for one event before it is taken for one that does not run. */
const SILENCE_MS = 60_000;

interface Options {
  readonly kafka: KafkaOptions;
  readonly records: ReplayRecords;
  readonly consumer: string;
  readonly terminal: Terminal;
}

/** One replay, from what was asked for to what came of it. */
export class Run {
  readonly #stopping = new AbortController();

  constructor(readonly options: Options) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => this.#stopping.abort());
  }

  /**
   * Shows what would be fed, asks, and feeds it. Goes on with a replay of the same that was interrupted.
   * @throws Complaint if it cannot be or should not be done, or is not wanted
   */
  async begin(options: RunOptions, events: Span | FileChoice): Promise<void> {
    const { records, consumer, terminal } = this.options;
    const manifest = new Manifest(consumer);
    const generation = await this.#generationOf(options.generation, manifest);
    const requested = 'file' in events ? [] : events.topics;
    requireConsumed(consumer, requested);
    const remembersMs = allServices().find(({ name }) => name === consumer)!.remembersMs;
    const surveyor = new Surveyor({ records, generation, remembersMs });
    const { source, notes } = await this.#find(events, surveyor);
    const { survey } = surveyor;
    requireConsumed(consumer, [...survey.byTopic.keys()]);
    if (survey.tooOld > 0)
      throw new Complaint(
        `${survey.tooOld} of the events are older than what ${consumer} remembers (${Math.round(remembersMs / 86_400_000)} days): it could not know whether it has processed them. Choose a later --from.`,
      );
    const reactions = manifest.reactionsTo([...survey.byTopic.keys()]);
    for (const line of preview(survey, { consumer, generation, reactions, ratePerSecond: options.ratePerSecond, notes }))
      terminal.say(line);
    const begun = (await records.open()).find((replay) => isSame(replay, source, generation));
    if (begun)
      terminal.say(
        `This was begun at ${begun.startedAt.toISOString()} by ${begun.by} (${begun.id}), and ${begun.fed.messages} events were fed; it goes on.`,
      );
    if (options.dryRun) {
      terminal.say('Nothing was fed.');
      return terminal.result({ dryRun: true, ...previewData(survey) });
    }
    await requireTopics(
      this.options.kafka,
      declaredTopics().filter(({ name }) => name === replayTopic(consumer)),
    );
    const why = await this.#consent(options, begun !== undefined);
    const replay = begun ?? (await records.begin({ generation, source: source.description, by: options.by, why, events: survey.events }));
    await this.#feed(replay, source, options.ratePerSecond);
  }

  /** Goes on with a replay that was interrupted. */
  async goOn(replay: Replay, ratePerSecond: number): Promise<void> {
    const { kafka } = this.options;
    if (replay.state === 'done' || replay.state === 'cancelled')
      throw new Complaint(`Replay ${replay.id} is ${replay.state}; there is nothing to go on with.`);
    const { source } = replay;
    await this.#feed(replay, source.kind === 'topics' ? new TopicSpan(kafka, source) : new EventFile(source), ratePerSecond);
  }

  async #find(events: Span | FileChoice, surveyor: Surveyor): Promise<{ source: ReplaySource; notes: string[] }> {
    const { kafka, terminal } = this.options;
    const look = async (messages: Parameters<Surveyor['add']>[0]) => {
      await surveyor.add(messages);
      terminal.progress('found', surveyor.survey.events, undefined);
    };
    if ('file' in events) {
      const source = await EventFile.open(events.file, events);
      for await (const messages of source.read({ messages: 0, positions: {} })) await look(messages);
      terminal.clear();
      if (surveyor.survey.events === 0) throw new Complaint(`${events.file} holds no such events.`);
      return { source, notes: [] };
    }
    const found = await TopicSpan.find(kafka, events, look);
    terminal.clear();
    return { source: found.span, notes: notesOn(events, found, surveyor.survey.events) };
  }

  async #generationOf(asked: RunOptions['generation'], manifest: Manifest): Promise<number | undefined> {
    if (asked === undefined) return undefined;
    manifest.requireProjection();
    const { records, consumer } = this.options;
    const present = await records.generation();
    if (asked === 'next' || asked === present + 1) return present + 1;
    if (asked === present) return present;
    const besides = present > 1 ? `, and ${present} goes on with the present one` : '';
    throw new Complaint(`${consumer} is at generation ${present}, so --generation ${asked} is none: ${present + 1} is the next${besides}.`);
  }

  /** @returns why it is done */
  async #consent({ yes, why }: RunOptions, goesOn: boolean): Promise<string> {
    const { terminal } = this.options;
    if (yes) return why;
    if (!terminal.canAsk) throw new Complaint('Nothing was fed: nobody can be asked here. Say --yes if that is what you want.');
    if (!/^y(es)?$/i.test(await terminal.ask('Feed them? [y/N]'))) throw new Complaint('Nothing was fed.');
    return why || goesOn ? why : await terminal.ask('Why? (is recorded)');
  }

  async #feed(replay: Replay, source: ReplaySource, ratePerSecond: number): Promise<void> {
    const { kafka, records, terminal } = this.options;
    const producer = new KafkaProducer(kafka);
    terminal.say(`Replay ${replay.id}`);
    try {
      const progress = (fed: number) => terminal.progress('fed', fed, replay.events);
      const all = await records.alone(replay, () =>
        replay.state === 'fed'
          ? Promise.resolve(true)
          : feed(replay, { records, producer, source, ratePerSecond, progress, stopping: this.#stopping.signal }),
      );
      terminal.clear();
      if (!all) throw new Complaint(this.#interrupted(replay, 'Feeding was stopped.'));
    } finally {
      await producer.disconnect();
    }
    await this.#untilSettled((await records.get(replay.id))!);
    const outcome = await records.outcome(replay);
    await records.end(replay, outcome);
    terminal.say(`Done: ${resultOf(outcome)}.`);
    terminal.result(describe({ ...(await records.get(replay.id))!, outcome }, outcome));
    if (outcome.failed === 0) return;
    throw new Complaint(`${outcome.failed} events are dead letters: npm run dlq -- list --consumer ${replay.consumer} says why.`);
  }

  /** Waits until the consumer is done with everything that was fed, which is less than was found if Kafka has deleted some of it meanwhile. */
  async #untilSettled(replay: Replay): Promise<void> {
    const fed = replay.fed.messages;
    const { records, terminal } = this.options;
    let settled = -1;
    let lookedAt = Date.now();
    for (;;) {
      const now = await records.settled(replay);
      terminal.progress('handled', now, fed);
      if (now >= fed) break;
      if (now > settled) [settled, lookedAt] = [now, Date.now()];
      if (this.#stopping.signal.aborted)
        throw new Complaint(this.#interrupted(replay, 'Everything was fed; it is not known yet what comes of it.'));
      if (Date.now() - lookedAt > SILENCE_MS)
        throw new Complaint(
          this.#interrupted(
            replay,
            `${replay.consumer} has handled ${settled} of ${fed} events and none for a minute; see that it runs. They wait for it.`,
          ),
        );
      await sleep(POLL_MS);
    }
    terminal.clear();
  }

  #interrupted({ id, consumer }: Replay, what: string): string {
    this.options.terminal.clear();
    return `${what} Go on with: npm run replay -- resume ${id} --consumer ${consumer}`;
  }
}

function requireConsumed(consumer: string, names: readonly string[]): void {
  for (const name of names) {
    const topic = allTopics().find((one) => one.name === name);
    if (!topic) throw new Complaint(`There is no topic "${name}"; events of it cannot be fed.`);
    if (!topic.consumers.includes(consumer))
      throw new Complaint(`${consumer} does not consume ${name}; its consumers are ${topic.consumers.join(', ') || 'none'}.`);
  }
}

function isSame({ source, generation }: Replay, other: ReplaySource, of: number | undefined): boolean {
  const { description } = other;
  const sameFile =
    source.kind === 'file' ? description.kind === 'file' && source.sha256 === description.sha256 : description.kind === 'topics';
  return (
    generation === of &&
    sameFile &&
    source.topics.join() === description.topics.join() &&
    source.from === description.from &&
    source.to === description.to
  );
}
