import { allTopics } from '@past-tense/contracts';
import { Complaint } from '@past-tense/local';
import { parseArgs } from 'node:util';

/** Where the consumer is to go on, as the service wants it said. */
export type Target = 'earliest' | 'latest' | { readonly time: string } | { readonly offset: string };

/** A command to go on elsewhere. */
export interface Reset {
  readonly topic: string;
  readonly partition?: number;
  readonly to: Target;
  readonly why?: string;
}

/** What was asked for on the command line. */
export type Request = { readonly consumer: string; readonly json: boolean } & (
  | { readonly command: 'show'; readonly topic: string | undefined }
  | { readonly command: 'list' }
  | { readonly command: 'reset'; readonly reset: Reset; readonly yes: boolean; readonly dryRun: boolean; readonly wait: boolean }
);

const HELP = 'see npm run position -- help';

/**
 * Reads the command line.
 * @returns undefined if help is wanted
 * @throws Complaint saying what is wrong with it
 */
export function readRequest(args: readonly string[]): Request | undefined {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help || command === 'help' || args.length === 0) return undefined;
  if ((command !== undefined && command !== 'list') || rest.length > 0)
    throw new Complaint(`There is no command "${positionals.join(' ')}"; ${HELP}.`);
  const consumer = consumerOf(values.consumer);
  const json = values.json ?? false;
  if (command === 'list') return { command, consumer, json };
  const to = targetOf(values.to, values['to-offset']);
  if (to === undefined) {
    if (values.partition !== undefined || values.why !== undefined)
      throw new Complaint(`Where to? Say it with --to or --to-offset; ${HELP}.`);
    return { command: 'show', consumer, json, topic: values.topic };
  }
  const { topic, why } = values;
  if (topic === undefined)
    throw new Complaint(`Which topic? Say it with --topic; npm run position -- --consumer ${consumer} shows which there are.`);
  if (json && !values.yes && !values['dry-run']) throw new Complaint('With --json nobody is asked; say --yes, or --dry-run.');
  const partition = values.partition === undefined ? {} : { partition: wholeNumber('--partition', values.partition) };
  return {
    command: 'reset',
    consumer,
    json,
    reset: { topic, ...partition, to, ...(why !== undefined && { why }) },
    yes: values.yes ?? false,
    dryRun: values['dry-run'] ?? false,
    wait: !values['no-wait'],
  };
}

function parse(args: readonly string[]) {
  const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        consumer: text,
        topic: text,
        partition: text,
        to: text,
        'to-offset': text,
        why: text,
        yes: flag,
        'dry-run': flag,
        'no-wait': flag,
        json: flag,
        help: flag,
      },
    });
  } catch (error) {
    throw new Complaint(`${(error as Error).message.split('. ')[0]}; ${HELP}.`);
  }
}

function consumerOf(given: string | undefined): string {
  const known = [...new Set(allTopics().flatMap(({ consumers }) => consumers))].sort();
  if (given === undefined) throw new Complaint(`Which consumer? Say it with --consumer; there are ${known.join(', ')}.`);
  if (!known.includes(given)) throw new Complaint(`There is no consumer "${given}"; there are ${known.join(', ')}.`);
  return given;
}

function targetOf(to: string | undefined, offset: string | undefined): Target | undefined {
  if (to !== undefined && offset !== undefined) throw new Complaint('--to and --to-offset are two targets; give one.');
  if (offset !== undefined) return { offset: String(wholeNumber('--to-offset', offset)) };
  if (to === undefined || to === 'earliest' || to === 'latest') return to;
  // JavaScript takes nearly everything for a time, a number of an offset among it.
  const time = new Date(/^\d{4}-\d{2}-\d{2}/.test(to) ? to : Number.NaN);
  if (Number.isNaN(time.getTime()))
    throw new Complaint(`--to must be earliest, latest or a time such as 2026-11-21T08:00:00Z, not "${to}".`);
  return { time: time.toISOString() };
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new Complaint(`${option} must be a whole number, not "${text}".`);
  return number;
}
