import type { DeclaredTopic } from './contract';

const DAY_MS = 86_400_000;
/** Days for which something deprecated is kept, so that everybody has the time to leave it. */
export const KEPT_DAYS = 90;

/** The first day on which something may be removed that is deprecated since a day; undefined if that is no day. */
export function removableFrom(since: string): string | undefined {
  const from = Date.parse(`${since}T00:00:00Z`);
  return Number.isNaN(from) ? undefined : new Date(from + KEPT_DAYS * DAY_MS).toISOString().slice(0, 10);
}

/** A deprecation in words, with its deadline. */
export function deprecationInWords(since: string): string {
  const from = removableFrom(since);
  return `deprecated since ${since}` + (from ? `, may be removed from ${from}` : '');
}

/** Where a version of an event is on its way, in words. */
export function stateOf({ version, deprecatedSince }: DeclaredTopic, versions: readonly DeclaredTopic[]): string {
  if (deprecatedSince) return deprecationInWords(deprecatedSince);
  const newest = versions.at(-1)!.version;
  return newest > version ? `supported; v${newest} is newer` : 'current';
}
