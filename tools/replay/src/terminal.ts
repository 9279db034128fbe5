import { createInterface } from 'node:readline/promises';

const WIDTH = 24;

/** Prints a line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What the one at the keyboard sees and is asked. Where JSON is wanted, everything else is left out. */
export class Terminal {
  constructor(private readonly json: boolean) {}

  say(line: string): void {
    if (!this.json) say(line);
  }

  /** Prints the outcome for programs. */
  result(outcome: object): void {
    if (this.json) say(JSON.stringify(outcome, null, 2));
  }

  /** Whether somebody can be asked. */
  get canAsk(): boolean {
    return process.stdin.isTTY && process.stdout.isTTY;
  }

  /** Asks; an empty answer is one, too. */
  async ask(question: string): Promise<string> {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return (await terminal.question(`${question} `)).trim();
    } finally {
      terminal.close();
    }
  }

  /** Shows how far something is, in place. */
  progress(what: string, done: number, all: number | undefined): void {
    if (!process.stderr.isTTY || this.json) return;
    const share = all ? Math.min(1, done / all) : 0;
    const bar = all === undefined ? '' : `[${'#'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '.')}] `;
    process.stderr.write(
      `\r\u001b[K${bar}${what} ${done.toLocaleString('en')}${all === undefined ? '' : ` of ${all.toLocaleString('en')}`}`,
    );
  }

  /** Takes the progress away. */
  clear(): void {
    if (process.stderr.isTTY && !this.json) process.stderr.write('\r\u001b[K');
  }
}
