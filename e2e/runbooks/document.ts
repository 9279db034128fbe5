import { PART_PORTS, ROOT, SERVICE_PORTS } from '@past-tense/local';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The sections of every runbook, in their order. */
export const HEADINGS = ['Symptom', 'Owner', 'Look', 'Decide', 'Do', 'Verify'] as const;
export type Heading = (typeof HEADINGS)[number];

/** Commands of a document that stand together. */
export interface Block {
  readonly heading: string;
  /** Where they begin in the file. */
  readonly line: number;
  readonly commands: string;
  /** What their first line says of itself, if it says why no test runs them, or who does. */
  readonly mark?: Mark | undefined;
}

/** `# No test runs this: <reason>.` or `# Run by <file> and <file>.` */
export type Mark = { readonly reason: string } | { readonly runBy: readonly string[] };

export interface Document {
  /** Path in the repository. */
  readonly path: string;
  readonly headings: readonly string[];
  readonly blocks: readonly Block[];
  /** Each block that is no block of commands; its language is empty if it says none, and `indented` if it has no fence at all. */
  readonly others: readonly { readonly line: number; readonly language: string; readonly text: string }[];
  /** What each section says besides its commands. */
  readonly prose: Readonly<Record<string, string>>;
}

/** Called with what a block has said, before the next one runs. */
export type AfterBlock = (said: string) => unknown;
/** Functions to call after the blocks of a section, one after each. */
export type AfterBlocks<Headings extends string = string> = Readonly<Partial<Record<Headings, readonly AfterBlock[]>>>;

/** Longer than any wait of a document that comes to its end. */
const TIMEOUT_MS = 90_000;
const RUNBOOKS = 'docs/runbooks';
// Ends what a block says. A control character that no program prints.
const END_OF_BLOCK = '\u001e';
const FENCE = /^( *)```(\w*)/;

/** The names of all runbooks. */
export function runbookNames(): string[] {
  return readdirSync(join(ROOT, RUNBOOKS))
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .map((file) => file.slice(0, -3))
    .sort();
}

/** The paths of all documents for people who run or change the system. */
export function documentPaths(): string[] {
  const inFolders = ['docs', 'docs/how-to'].flatMap((folder) => readdirSync(join(ROOT, folder)).map((file) => `${folder}/${file}`));
  return ['README.md', ...inFolders.filter((path) => path.endsWith('.md'))];
}

/** Reads a runbook. */
export const readRunbook = (name: string): Document => readDocument(`${RUNBOOKS}/${name}.md`);

/** Reads a document: its sections, their text and their commands, which are the blocks fenced as `sh`. */
export function readDocument(path: string): Document {
  const headings: string[] = [];
  const blocks: Block[] = [];
  const others: { line: number; language: string; text: string }[] = [];
  const prose: Record<string, string> = {};
  let heading = '';
  let block: { line: number; lines: string[]; indent: string; language: string } | undefined;
  let before = '';
  for (const [i, text] of readFileSync(join(ROOT, path), 'utf8').split('\n').entries()) {
    const [, indent, language] = FENCE.exec(text) ?? [];
    if (block && text === `${block.indent}\`\`\``) {
      if (block.language === 'sh') blocks.push({ heading, line: block.line, ...commandsOf(block.lines) });
      else others.push({ line: block.line, language: block.language, text: block.lines.join('\n') });
      block = undefined;
    } else if (block) block.lines.push(text.slice(block.indent.length));
    else if (indent !== undefined) block = { line: i + 2, lines: [], indent, language: language! };
    else {
      if (before === '' && /^ {4,}\S/.test(text)) others.push({ line: i + 1, language: 'indented', text });
      if (text.startsWith('## ')) headings.push((heading = text.slice(3)));
      else prose[heading] = `${prose[heading] ?? ''}${text}\n`;
    }
    before = text;
  }
  return { path, headings, blocks, others, prose };
}

function commandsOf(lines: readonly string[]): Pick<Block, 'commands' | 'mark'> {
  const commands = lines.join('\n');
  const reason = /^# No test runs this: (.+)\.$/.exec(lines[0]!)?.[1];
  if (reason) return { commands, mark: { reason } };
  const files = /^# Run by (.+)\.$/.exec(lines[0]!)?.[1];
  return { commands, mark: files ? { runBy: files.split(' and ') } : undefined };
}

/** The commands with the ports of a stack that does not have its default ones. */
function onPortsOf(env: NodeJS.ProcessEnv, commands: string): string {
  const parts = Object.entries({ ...SERVICE_PORTS, ...PART_PORTS });
  return commands.replace(/\b127\.0\.0\.1:(\d+)\b/g, (address, port) => {
    const part = parts.find(([, own]) => own === Number(port))?.[0];
    return part ? `127.0.0.1:${env[`${part.toUpperCase()}_PORT`]}` : address;
  });
}

/**
 * Runs every command of a document as a person would who copies block after block into one shell, which ends at the first that fails. Blocks
 * that say who else runs them, or why nobody does, are left out.
 * @param env in which the commands find the stack
 * @throws Error naming the block that failed, with what was said; and what `after` throws
 */
export async function follow({ path, blocks: all }: Document, env: NodeJS.ProcessEnv, after: AfterBlocks): Promise<void> {
  const blocks = all.filter(({ mark }) => !mark);
  const script = blocks.map(({ commands }) => `${onPortsOf(env, commands)}\nprintf '\\036'\nread -r _ <&3\n`);
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', `exec 2>&1\n${script.join('')}`], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    // In a group of its own, so that what hangs is ended together with the shell.
    detached: true,
  });
  const ended = new Promise<number | null>((resolve) => shell.once('close', resolve));
  const said = readBlocks(shell.stdout!);
  const goOn = shell.stdio[3] as Writable;
  goOn.on('error', () => undefined); // The shell has ended, and says so by its exit code.
  let tooLong = false;
  const killed = setTimeout(() => {
    tooLong = true;
    process.kill(-shell.pid!, 'SIGKILL');
  }, TIMEOUT_MS);
  try {
    for (const [i, { heading, line }] of blocks.entries()) {
      const { value: words = '', done } = await said.next();
      if (done) {
        const code = await ended;
        const how = tooLong ? `does not end within ${TIMEOUT_MS / 1_000} s` : `has failed (exit code ${code})`;
        throw new Error(`${path}:${line} ${how}:\n${words}`);
      }
      const earlier = blocks.slice(0, i).filter((block) => block.heading === heading).length;
      await after[heading]?.[earlier]?.(words);
      goOn.write('\n');
    }
    const code = await ended;
    if (code !== 0) throw new Error(`${path} ends with exit code ${code}.`);
  } finally {
    clearTimeout(killed);
    if (shell.exitCode === null && shell.signalCode === null) process.kill(-shell.pid!, 'SIGKILL');
    await ended;
  }
}

/** What each block says; the last value, returned, is what the shell said of the block in which it ended. */
async function* readBlocks(output: Readable): AsyncGenerator<string, string> {
  let words = '';
  output.setEncoding('utf8');
  for await (const chunk of output as AsyncIterable<string>) {
    const parts = (words + chunk).split(END_OF_BLOCK);
    words = parts.pop()!;
    yield* parts;
  }
  return words;
}
