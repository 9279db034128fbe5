/** What the setup of a test run has started and its teardown stops. Both run in the process of the test runner. */
export interface RunningParts {
  readonly folder: string;
  readonly parts: readonly { kill?(): Promise<void>; stop(timeoutMs?: number): Promise<void> }[];
}

const KEY = Symbol.for('past-tense running parts');
const holder = globalThis as unknown as Record<symbol, RunningParts | undefined>;

export function setRunningParts(running: RunningParts): void {
  holder[KEY] = running;
}

export function runningParts(): RunningParts | undefined {
  return holder[KEY];
}
