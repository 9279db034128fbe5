import { ROOT } from '@past-tense/local';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The sections of every runbook, in their order. */
export const HEADINGS = ['Symptom', 'Owner', 'Look', 'Decide', 'Do', 'Verify'] as const;
export type Heading = (typeof HEADINGS)[number];

/** Commands of a runbook that stand together. */
export interface Block {
  readonly heading: string;
  /** Where they begin in the file. */
  readonly line: number;
  readonly commands: string;
}

export interface Runbook {
  readonly name: string;
  readonly headings: readonly string[];
  readonly blocks: readonly Block[];
  /** What each section says besides its commands. */
  readonly prose: Readonly<Record<string, string>>;
}

/** Called with what a block has said, before the next one runs. */
export type AfterBlock = (said: string) => unknown;

/** Longer than any wait of a runbook that comes to its end. */
const TIMEOUT_MS = 90_000;
const FOLDER = join(ROOT, 'docs', 'runbooks');
// Ends what a block says. A control character that no program prints.
const END_OF_BLOCK = '\u001e';

/** The names of all runbooks. */
export function runbookNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .map((file) => file.slice(0, -3))
    .sort();
}

/** Reads a runbook: its sections, their text and their commands. */
export function readRunbook(name: string): Runbook {
  const headings: string[] = [];
  const blocks: Block[] = [];
  const prose: Record<string, string> = {};
  let heading = '';
  let block: { line: number; lines: string[] } | undefined;
  for (const [i, text] of readFileSync(join(FOLDER, `${name}.md`), 'utf8')
    .split('\n')
    .entries()) {
    if (block && text === '```') {
      blocks.push({ heading, line: block.line, commands: block.lines.join('\n') });
      block = undefined;
    } else if (block) block.lines.push(text);
    else if (text === '```sh') block = { line: i + 2, lines: [] };
    else if (text.startsWith('## ')) headings.push((heading = text.slice(3)));
    else prose[heading] = `${prose[heading] ?? ''}${text}\n`;
  }
  return { name, headings, blocks, prose };
}

/**
 * Runs every command of a runbook as a person would who copies block after block into one shell, which ends at the first that fails.
 * @param after called between the blocks: one function after each block of a section
 * @throws Error naming the block that failed, with what was said; and what `after` throws
 */
export async function follow(
  { name, blocks }: Runbook,
  env: NodeJS.ProcessEnv,
  after: Partial<Record<Heading, readonly AfterBlock[]>>,
): Promise<void> {
  const script = blocks.map(({ commands }) => `${commands}\nprintf '\\036'\nread -r _ <&3\n`);
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
        throw new Error(`docs/runbooks/${name}.md:${line} ${how}:\n${words}`);
      }
      const earlier = blocks.slice(0, i).filter((block) => block.heading === heading).length;
      await after[heading as Heading]?.[earlier]?.(words);
      goOn.write('\n');
    }
    const code = await ended;
    if (code !== 0) throw new Error(`docs/runbooks/${name}.md ends with exit code ${code}.`);
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
