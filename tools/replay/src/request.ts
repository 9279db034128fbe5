import { allTopics } from '@past-tense/contracts';
import { Complaint } from '@past-tense/local';
import { declaredConsumers } from '@past-tense/messaging';
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';

/** A span of time of topics. */
export interface Span {
  readonly topics: readonly string[];
  /** First moment, milliseconds since 1970. */
  readonly fromMs: number;
  /** The moment after the last one. */
  readonly toMs: number;
}

/** Events of a file: all of them, or those of some topics and times. */
export interface FileChoice {
  readonly file: string;
  readonly topics: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was asked for on the command line. */
export type Request = { readonly json: boolean } & (
  | ({ readonly command: 'run'; readonly events: Span | FileChoice } & RunOptions)
  | { readonly command: 'export'; readonly events: Span; readonly file: string }
  | { readonly command: 'list'; readonly consumer: string }
  | { readonly command: 'show' | 'cancel'; readonly consumer: string; readonly id: string }
  | ({ readonly command: 'resume'; readonly id: string } & Pick<RunOptions, 'consumer' | 'ratePerSecond'>)
);

export interface RunOptions {
  readonly consumer: string;
  readonly generation: number | 'next' | undefined;
  readonly ratePerSecond: number;
  readonly why: string;
  readonly by: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

const COMMANDS = ['export', 'list', 'show', 'resume', 'cancel'] as const;
const MAX_RATE = 100_000;
// Without a zone it would be the time of whoever's machine this is.
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Reads the command line.
 * @returns undefined if help is wanted
 * @throws Complaint saying what is wrong with it
 */
export function readRequest(args: readonly string[]): Request | undefined {
  const { values, positionals } = parse(args);
  const [word, ...rest] = positionals;
  if (values.help || word === 'help' || args.length === 0) return undefined;
  const command = COMMANDS.find((known) => known === word);
  if (word !== undefined && !command)
    throw new Complaint(`There is no command "${word}"; there are ${COMMANDS.join(', ')}. See npm run replay -- help.`);
  const json = values.json ?? false;
  switch (command) {
    case undefined:
      return { command: 'run', json, events: eventsOf(values), ...runOptions(values) };
    case 'export':
      if (!values.file) throw new Complaint('Where to? Name the file with --file.');
      return { command, json, events: spanOf(values), file: values.file };
    case 'list':
      return { command, json, consumer: consumerOf(values) };
    case 'show':
    case 'cancel':
      return { command, json, consumer: consumerOf(values), id: idOf(rest) };
    case 'resume':
      return { command, json, consumer: consumerOf(values), id: idOf(rest), ratePerSecond: rateOf(values.rate) };
  }
}

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        topic: { type: 'string', multiple: true },
        from: text,
        to: text,
        consumer: text,
        generation: text,
        'from-file': text,
        file: text,
        rate: text,
        why: text,
        by: text,
        'dry-run': flag,
        yes: flag,
        json: flag,
        help: flag,
      },
    });
  } catch (error) {
    throw new Complaint(`${(error as Error).message.split('. ')[0]}. See npm run replay -- help.`);
  }
}

function runOptions(values: Values): RunOptions {
  return {
    consumer: consumerOf(values),
    generation: generationOf(values.generation),
    ratePerSecond: rateOf(values.rate),
    why: values.why?.trim() ?? '',
    by: values.by?.trim() || userInfo().username,
    dryRun: values['dry-run'] ?? false,
    yes: values.yes ?? false,
  };
}

function eventsOf(values: Values): Span | FileChoice {
  const file = values['from-file'];
  if (file === undefined) return spanOf(values);
  const [fromMs, toMs] = [
    values.from === undefined ? Number.NEGATIVE_INFINITY : timeOf('--from', values.from),
    values.to === undefined ? Number.POSITIVE_INFINITY : timeOf('--to', values.to),
  ];
  requireOrder(fromMs, toMs);
  return { file, topics: topicsOf(values.topic ?? []), fromMs, toMs };
}

function spanOf({ topic = [], from, to }: Values): Span {
  if (topic.length === 0) throw new Complaint('Which events? Name the topic with --topic, or a file with --from-file.');
  const topics = topicsOf(topic);
  if (from === undefined || to === undefined) throw new Complaint('From when until when? Say --from and --to, such as 2026-11-20T08:00Z.');
  const [fromMs, toMs] = [timeOf('--from', from), timeOf('--to', to)];
  requireOrder(fromMs, toMs);
  return { topics, fromMs, toMs };
}

function topicsOf(names: readonly string[]): string[] {
  const known = allTopics().map(({ name }) => name);
  const all = [...new Set(names.flatMap((name) => name.split(',')))];
  for (const name of all) if (!known.includes(name)) throw new Complaint(`There is no topic "${name}"; there are ${known.join(', ')}.`);
  return known.filter((name) => all.includes(name));
}

function consumerOf({ consumer }: Values): string {
  const known = declaredConsumers();
  if (consumer === undefined) throw new Complaint(`Which consumer? Name it with --consumer: ${known.join(', ')}.`);
  if (!known.includes(consumer)) throw new Complaint(`There is no consumer "${consumer}"; there are ${known.join(', ')}.`);
  return consumer;
}

function idOf([id, ...rest]: readonly string[]): string {
  if (id === undefined) throw new Complaint('Which replay? npm run replay -- list --consumer <name> names them.');
  if (rest.length > 0) throw new Complaint('One replay at a time.');
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    throw new Complaint(`"${id}" is not the id of a replay; npm run replay -- list names them.`);
  return id;
}

function timeOf(option: string, text: string): number {
  const time = Date.parse(text); // A date without a time is UTC.
  if (!TIME.test(text) || Number.isNaN(time) || !isOfCalendar(text))
    throw new Complaint(`${option} must be a time with its zone, such as 2026-11-20T08:00:00.000Z, not "${text}".`);
  return time;
}

/** JavaScript takes the 31st of November for the 1st of December. */
function isOfCalendar(text: string): boolean {
  return new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10));
}

function requireOrder(fromMs: number, toMs: number): void {
  if (fromMs >= toMs) throw new Complaint('The span is empty: --to must be later than --from.');
}

function generationOf(text: string | undefined): RunOptions['generation'] {
  if (text === undefined || text === 'next') return text;
  const generation = Number(text);
  if (!Number.isInteger(generation) || generation < 2 || generation > 999_999)
    throw new Complaint(`--generation must be a whole number from 2, or next, not "${text}".`);
  return generation;
}

function rateOf(text = '500'): number {
  const rate = Number(text);
  if (!(rate > 0 && rate <= MAX_RATE))
    throw new Complaint(`--rate must be a number of events per second from 0 to ${MAX_RATE}, not "${text}".`);
  return rate;
}
