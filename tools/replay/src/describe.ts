import type { Replay, ReplayOutcome, Survey } from '@past-tense/messaging';

const number = (of: number) => of.toLocaleString('en');
const time = (ms: number) => new Date(ms).toISOString();

/** What would be fed, line by line. */
export function preview(
  survey: Survey,
  {
    consumer,
    generation,
    reactions,
    ratePerSecond,
    notes,
  }: {
    consumer: string;
    generation: number | undefined;
    reactions: readonly string[];
    ratePerSecond: number;
    notes: readonly string[];
  },
): string[] {
  const missed = survey.events - survey.processed;
  const topics = [...survey.byTopic].map(([topic, events]) => `${topic} ${number(events)}`).join(', ');
  const dedup =
    generation === undefined
      ? `${number(survey.processed)} have been processed and will be absorbed; ${number(missed)} will take effect`
      : `generation ${generation} has a dedup of its own: ${number(missed)} will take effect again, ${number(survey.processed)} did in this generation`;
  return [
    `${generation === undefined ? 'Redeliver' : 'Derive again'}: to ${consumer}`,
    `  events     ${number(survey.events)} (${topics}) on ${survey.partitions} partitions, ${number(survey.keys)} keys`,
    `  published  ${time(survey.firstMs)} to ${time(survey.lastMs)}`,
    `  reactions  ${reactions.join(', ')}`,
    `  dedup      ${dedup}`,
    `  rate       at most ${number(ratePerSecond)} a second, so at least ${number(Math.ceil(survey.events / ratePerSecond))} s`,
    ...notes.map((note) => `  note       ${note}`),
  ];
}

/** The same for programs. */
export function previewData(survey: Survey): object {
  return {
    events: survey.events,
    byTopic: Object.fromEntries(survey.byTopic),
    partitions: survey.partitions,
    keys: survey.keys,
    firstPublishedAt: time(survey.firstMs),
    lastPublishedAt: time(survey.lastMs),
    processed: survey.processed,
  };
}

/** A replay as a person wants to see it, and JSON can hold it. */
export function describe(replay: Replay, outcome: ReplayOutcome): Record<string, unknown> {
  const { source } = replay;
  return {
    id: replay.id,
    consumer: replay.consumer,
    kind: replay.generation === undefined ? 'redeliver' : 're-derive',
    ...(replay.generation !== undefined && { generation: replay.generation }),
    topics: source.topics,
    ...(source.kind === 'topics' ? { from: source.from, to: source.to } : { file: source.file }),
    by: replay.by,
    why: replay.why,
    startedAt: replay.startedAt.toISOString(),
    state: replay.state,
    ...(replay.endedAt && { endedAt: replay.endedAt.toISOString() }),
    events: replay.events,
    fed: replay.fed.messages,
    ...outcome,
  };
}

/** A replay in one line. */
export function summaryOf(replay: Replay): string {
  const { source, generation, outcome } = replay;
  const what = source.kind === 'topics' ? `${source.topics.join(', ')} from ${source.from} to ${source.to}` : source.file;
  const came = outcome ? `: ${resultOf(outcome)}` : '';
  const kind = generation === undefined ? '' : ` for generation ${generation}`;
  return `${replay.id}  ${replay.startedAt.toISOString()}  ${replay.by}  ${what}${kind}, ${replay.state} (${number(replay.fed.messages)} of ${number(replay.events)} fed)${came}`;
}

/** What came of it, in words. */
export function resultOf({ applied, absorbed, waiting, failed }: ReplayOutcome): string {
  const waits = waiting > 0 ? `, ${number(waiting)} waiting` : '';
  return `${number(applied)} applied, ${number(absorbed)} absorbed, ${number(failed)} failed${waits}`;
}
