import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample } from './comparison';
import type { Work } from './program';
import { until } from './until';

/** What a program does with others or alone, from its first effect to its last one, in milliseconds since 1970. */
interface Span {
  readonly firstMs: number;
  readonly lastMs: number;
}

const LOOK_MS = 20;
/** Who has done nothing for so long may have done everything. */
const QUIET_MS = 60;

/**
 * Notes when a program does its work. Asking the database all the time how far it is would cost what is measured, so it is asked only when this
 * program has nothing to do any more.
 */
export class Progress {
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  #done = 0;

  /** Forgets what was done before, to warm up. */
  begin(): void {
    this.#firstMs = undefined;
    this.#lastMs = undefined;
    this.#done = 0;
  }

  /** Effects of this program that are committed. */
  get done(): number {
    return this.#done;
  }

  /** Called when an effect begins. */
  started(): void {
    this.#firstMs ??= now();
  }

  /** Called when effects are committed. */
  committed(effects = 1): void {
    this.#lastMs = now();
    this.#done += effects;
  }

  /**
   * Waits until there are as many effects as there must be, whoever has them.
   * @param count counts the effects there are
   * @param all how many there must be
   * @param look called every 20 ms meanwhile
   */
  async untilAll(count: () => Promise<number>, all: number, look: () => void = () => undefined): Promise<void> {
    const isAll = async () => {
      look();
      if (this.#lastMs !== undefined && now() - this.#lastMs < QUIET_MS) return false;
      return (await count()) >= all;
    };
    await sleep(QUIET_MS);
    await until(`there are ${all} effects`, isAll, LOOK_MS);
  }

  /** @param events of all programs that share the work */
  work(events: number, more: Readonly<Record<string, number>> = {}): Work {
    const [firstMs, lastMs] = [this.#firstMs, this.#lastMs];
    return { events, values: { ...(firstMs !== undefined && lastMs !== undefined && { firstMs, lastMs }), ...more } };
  }
}

/**
 * What programs came to that shared one work: the time from the first effect of any to the last one of any, and what all of them used.
 * @param samples made with `Progress.work`
 * @param events of all of them
 */
export function together(samples: readonly Sample[], events: number): Sample {
  const spans = samples.filter(({ values }) => values['firstMs'] !== undefined).map(({ values }) => values as unknown as Span);
  const seconds = (Math.max(...spans.map(({ lastMs }) => lastMs)) - Math.min(...spans.map(({ firstMs }) => firstMs))) / 1_000;
  const of = (name: string) => samples.map(({ values }) => values[name]!);
  const sum = (name: string) => of(name).reduce((all, one) => all + one, 0);
  const { firstMs: _, lastMs: __, ...first } = samples[0]!.values;
  return {
    values: {
      ...first,
      seconds,
      perSecond: events / seconds,
      cpuSeconds: sum('cpuSeconds'),
      cpuMsPerThousand: sum('cpuMsPerThousand'),
      machineMsPerThousand: Math.max(...of('machineMsPerThousand')),
      peakMegabytes: sum('peakMegabytes'),
    },
  };
}

const now = () => performance.timeOrigin + performance.now();
