import { Complaint } from '@past-tense/local';

/** Whose read model is meant, and what the service is told. */
export interface Request {
  readonly consumer: string;
  readonly args: readonly string[];
}

const OPTION = '--consumer';

/**
 * Reads the command line: `--consumer` is for this tool, everything else for the service.
 * @returns undefined if help is wanted
 * @throws Complaint if it does not name a consumer
 */
export function readRequest(args: readonly string[], consumers: readonly string[]): Request | undefined {
  if (args.length === 0 || args[0] === 'help' || args.includes('--help')) return undefined;
  const at = args.findIndex((argument) => argument === OPTION || argument.startsWith(`${OPTION}=`));
  if (at < 0) throw new Complaint(`Whose read model? Say ${OPTION} <name>; there are ${consumers.join(', ')}.`);
  const joined = args[at] !== OPTION;
  const consumer = joined ? args[at]!.slice(OPTION.length + 1) : (args[at + 1] ?? '');
  if (!consumers.includes(consumer)) throw new Complaint(`There is no consumer "${consumer}"; there are ${consumers.join(', ')}.`);
  return { consumer, args: args.toSpliced(at, joined ? 1 : 2) };
}
