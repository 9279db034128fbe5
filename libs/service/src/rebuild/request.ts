import { RebuildRefusal } from '@past-tense/messaging';
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';

/** What was asked for on the command line. */
export interface RebuildRequest {
  readonly command: 'run' | 'list' | 'drop' | 'abandon';
  /** The rebuild that is meant; only for drop and abandon. */
  readonly id: string;
  readonly by: string;
  readonly why: string;
  /** Nobody is to be asked. */
  readonly yes: boolean;
  /** Fill and compare, and swap nothing. */
  readonly dryRun: boolean;
  readonly allowDifferences: boolean;
  readonly json: boolean;
}

const COMMANDS = ['list', 'drop', 'abandon'] as const;

/**
 * Reads the arguments after `rebuild`.
 * @returns undefined if help is wanted
 * @throws RebuildRefusal saying what is wrong with them
 */
export function readRequest(args: readonly string[]): RebuildRequest | undefined {
  const { values, positionals } = parse(args);
  const [command = 'run', id = '', ...rest] = positionals;
  if (values.help || command === 'help') return undefined;
  const known = command === 'run' && positionals.length === 0 ? 'run' : COMMANDS.find((name) => name === command);
  if (!known) throw new RebuildRefusal(`There is no command "${command}"; there are ${COMMANDS.join(', ')}, and none for a rebuild.`);
  if (rest.length > 0 || (known === 'list' && id)) throw new RebuildRefusal(`"${rest[0] ?? id}" is one word too many.`);
  if ((known === 'drop' || known === 'abandon') && !id) throw new RebuildRefusal(`Which rebuild? ${known} <id>; list shows them.`);
  return {
    command: known,
    id,
    by: values.by?.trim() || userInfo().username,
    why: values.why?.trim() ?? '',
    yes: values.yes ?? false,
    dryRun: values['dry-run'] ?? false,
    allowDifferences: values['allow-differences'] ?? false,
    json: values.json ?? false,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { why: text, by: text, yes: flag, 'dry-run': flag, 'allow-differences': flag, json: flag, help: flag },
    });
  } catch (error) {
    throw new RebuildRefusal(`${(error as Error).message.split('. ')[0]}.`);
  }
}
