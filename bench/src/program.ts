import { basename } from 'node:path';

// What every program under programs/ begins with. Each is a process of its own, so that its processor time and memory are its own.

import type { Observed } from './observe';

/** What the work came to: how many events, and whatever else was measured. */
export interface Work {
  readonly events?: number;
  readonly values?: Readonly<Record<string, number>>;
}

/** A program that is ready to work. */
export interface Prepared {
  /** The work that is measured. */
  readonly run: () => Promise<Work>;
  readonly end?: () => Promise<void>;
}

export type FromProgram = { readonly ready: true } | { readonly figures: Readonly<Record<string, number>> };

/**
 * Waits for its options, prepares, says so, works when it is told to, and says what that took. Any program may be told to trace and count what it
 * does, as a service does. It ends with whoever has started it.
 */
export function program<Options>(prepare: (options: Options) => Promise<Prepared>): void {
  const received = () => new Promise<unknown>((resolve) => process.once('message', resolve));
  const tell = (message: FromProgram) => new Promise<void>((resolve) => process.send!(message, () => resolve()));
  process.once('disconnect', () => process.exit(1));
  const main = async () => {
    const options = (await received()) as Options & Observed;
    // Loaded only where it is wanted: the memory of the others is their own.
    if (options.telemetry) await (await import('./observe.js')).observe(options.telemetry);
    const { run, end } = await prepare(options);
    const told = received();
    await tell({ ready: true });
    await told;
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const profile = await profileIfWanted();
    const { events, values } = await run();
    await profile?.();
    const seconds = (performance.now() - startedAt) / 1_000;
    const cpu = process.cpuUsage(cpuBefore);
    const cpuSeconds = (cpu.user + cpu.system) / 1_000_000;
    await tell({
      figures: {
        seconds,
        cpuSeconds,
        peakMegabytes: process.resourceUsage().maxRSS / 1_024,
        ...(events !== undefined && { events, perSecond: events / seconds, cpuMsPerThousand: (cpuSeconds * 1_000_000) / events }),
        ...values,
      },
    });
    await end?.();
  };
  main().then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
}

/** The folder for profiles is named in BENCH_PROFILE, if they are wanted. What it takes to make them is loaded only then: it is memory, too. */
async function profileIfWanted(): Promise<(() => Promise<void>) | undefined> {
  const folder = process.env['BENCH_PROFILE'];
  if (!folder) return undefined;
  const { beginProfile } = await import('./profile.js');
  return await beginProfile(folder, basename(process.argv[1]!, '.js'));
}
