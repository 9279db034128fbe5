import { createInterface } from 'node:readline/promises';

const WIDTH = 24;
const BETWEEN_PRINTS_MS = 200;

/** What the one at the keyboard sees and is asked. Where JSON is wanted, everything else is left out. */
export class Terminal {
  #printedAtMs = 0;

  constructor(private readonly json: boolean) {}

  /** Prints a line. */
  say(line = ''): void {
    this.clear();
    if (!this.json) process.stdout.write(`${line}\n`);
  }

  /** Prints the outcome for programs. */
  result(outcome: object): void {
    if (this.json) process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`);
  }

  /** Prints what went wrong. */
  complain(sentence: string): void {
    this.clear();
    process.stderr.write(`${sentence}\n`);
  }

  /** Whether somebody can be asked. */
  get canAsk(): boolean {
    return process.stdin.isTTY && process.stderr.isTTY;
  }

  /** Asks a question that is answered with yes or no; anything else is no. */
  async agrees(question: string): Promise<boolean> {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
    } finally {
      terminal.close();
    }
  }

  /** Shows how far something is, in place. */
  progress(done: number, all: number, what: string): void {
    if (!process.stderr.isTTY || this.json || Date.now() - this.#printedAtMs < BETWEEN_PRINTS_MS) return;
    this.#printedAtMs = Date.now();
    const filled = Math.round(WIDTH * Math.min(1, all > 0 ? done / all : 1));
    process.stderr.write(`\r\u001b[K[${'#'.repeat(filled).padEnd(WIDTH, '.')}] ${what}`);
  }

  /** Takes the progress away. */
  clear(): void {
    if (process.stderr.isTTY && !this.json) process.stderr.write('\r\u001b[K');
  }
}
