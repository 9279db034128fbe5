import { rmSync } from 'node:fs';
import { runningParts } from './running-parts';

/** Stops what the setup started; the data of a test run is not worth an orderly end. */
export default async function globalTeardown(): Promise<void> {
  const running = runningParts();
  if (!running) return;
  await Promise.all(running.parts.map((part) => (part.kill ? part.kill() : part.stop(1_000))));
  rmSync(running.folder, { recursive: true, force: true });
}
