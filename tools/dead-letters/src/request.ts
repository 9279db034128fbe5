import { Complaint } from '@past-tense/local';
import { DEATH_REASONS, type DeadLetterFilter, type Reason } from '@past-tense/messaging';
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';

/** What was asked for on the command line. */
export interface Request {
  readonly command: 'list' | 'show' | 'redrive' | 'discard';
  readonly consumers: readonly string[];
  readonly filter: DeadLetterFilter;
  readonly why: string;
  readonly by: string;
  readonly dryRun: boolean;
  readonly ratePerSecond: number;
  readonly json: boolean;
}

const COMMANDS = ['list', 'show', 'redrive', 'discard'];

/**
 * Reads the command line.
 * @returns undefined if help is wanted
 * @throws Complaint saying what is wrong with it
 */
export function readRequest(args: readonly string[], consumers: readonly string[]): Request | undefined {
  const { values, positionals } = parse(args);
  const [command = '', id, ...rest] = positionals;
  if (values.help || command === 'help' || positionals.length === 0) return undefined;
  if (!COMMANDS.includes(command))
    throw new Complaint(`There is no command "${command}"; there are ${COMMANDS.join(', ')}. See npm run dlq -- help.`);
  if (rest.length > 0 || (id !== undefined && values.id !== undefined)) throw new Complaint('One id at a time.');
  if (values.consumer !== undefined && !consumers.includes(values.consumer))
    throw new Complaint(`There is no consumer "${values.consumer}"; there are ${consumers.join(', ')}.`);
  const filter: DeadLetterFilter = {
    id: id ?? values.id,
    eventType: values.type,
    reason: reasonOf(values.reason),
    aggregateId: values.aggregate,
    since: timeOf('--since', values.since),
    until: timeOf('--until', values.until),
  };
  const request: Request = {
    command: command as Request['command'],
    consumers: values.consumer === undefined ? consumers : [values.consumer],
    filter,
    why: values.why?.trim() ?? '',
    by: values.by?.trim() || userInfo().username,
    dryRun: values['dry-run'] ?? false,
    ratePerSecond: rateOf(values.rate),
    json: values.json ?? false,
  };
  requireEnough(request, values.all ?? false, values.consumer !== undefined);
  return request;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        consumer: text,
        id: text,
        type: text,
        reason: text,
        aggregate: text,
        since: text,
        until: text,
        why: text,
        by: text,
        rate: text,
        all: flag,
        json: flag,
        help: flag,
        'dry-run': flag,
      },
    });
  } catch (error) {
    throw new Complaint(`${(error as Error).message.split('. ')[0]}. See npm run dlq -- help.`);
  }
}

function requireEnough({ command, filter, why, dryRun }: Request, all: boolean, oneConsumer: boolean): void {
  if (command === 'show' && filter.id === undefined) throw new Complaint('Which letter? npm run dlq -- show <id>; list --json names them.');
  if (command !== 'redrive' && command !== 'discard') return;
  const narrowed = oneConsumer || Object.values(filter).some((value) => value !== undefined);
  if (!narrowed && !all) throw new Complaint(`Which letters? Name some (see npm run dlq -- help), or say --all.`);
  if (!dryRun && why === '') throw new Complaint(`Say why with --why "…"; it is recorded with who did it and when.`);
}

function reasonOf(text: string | undefined): Reason | undefined {
  if (text === undefined) return undefined;
  const reason = DEATH_REASONS.find((known) => known === text.toUpperCase());
  if (!reason) throw new Complaint(`--reason must be one of ${DEATH_REASONS.join(', ')}, not "${text}".`);
  return reason;
}

function timeOf(option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new Complaint(`${option} must be a time such as 2026-11-21T08:00:00Z, not "${text}".`);
  return time;
}

function rateOf(text = '50'): number {
  const rate = Number(text);
  if (!(rate > 0 && rate <= 10_000)) throw new Complaint(`--rate must be a number of letters per second from 0 to 10000, not "${text}".`);
  return rate;
}
