const WEEK_MS = 7 * 86_400_000;
// 1970-01-05 was a Monday.
const FIRST_MONDAY_MS = 4 * 86_400_000;

/** A calendar week in UTC, Monday to Monday: the span of one partition. */
export interface Week {
  /** Monday, 00:00 UTC, milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  /** The Monday as YYYYMMDD. */
  readonly name: string;
}

/** The week a moment lies in. */
export function weekOf(timeMs: number): Week {
  const startMs = Math.floor((timeMs - FIRST_MONDAY_MS) / WEEK_MS) * WEEK_MS + FIRST_MONDAY_MS;
  return { startMs, endMs: startMs + WEEK_MS, name: new Date(startMs).toISOString().slice(0, 10).replaceAll('-', '') };
}

/** The week that has the name `20261123`. */
export function weekNamed(name: string): Week {
  return weekOf(Date.parse(`${name.slice(0, 4)}-${name.slice(4, 6)}-${name.slice(6)}T00:00:00Z`));
}

/** Every week from the one `fromMs` lies in to the one `toMs` lies in. */
export function weeksBetween(fromMs: number, toMs: number): Week[] {
  const weeks: Week[] = [];
  for (let week = weekOf(fromMs); week.startMs <= toMs; week = weekOf(week.endMs)) weeks.push(week);
  return weeks;
}
