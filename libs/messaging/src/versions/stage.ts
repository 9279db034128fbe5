import { createHash } from 'node:crypto';

/**
 * Where a consumer stands on its way from one version of an event to the next. Whatever the stage, it reads all versions it has a reaction to;
 * the stage says which of them takes effect where a fact was published in several.
 */
export type Stage =
  /** One version takes effect. */
  | { readonly kind: 'only'; readonly version: number }
  /** The old one takes effect; the new one is done as well, compared with it and taken back. */
  | { readonly kind: 'shadow'; readonly old: number; readonly version: number }
  /** The new one takes effect for so many of a hundred aggregates, the old one for the others. */
  | { readonly kind: 'canary'; readonly old: number; readonly version: number; readonly percent: number };

/**
 * The version of a fact that takes effect: the same for all facts about an aggregate, on every instance and after every start.
 * @param published the versions in which the fact was published. If the one that the stage wants is not among them, the newest before it is taken, or
 *   the oldest.
 */
export function effectiveVersion(stage: Stage, aggregateId: string, published: readonly number[]): number {
  const wanted = wantedVersion(stage, aggregateId);
  const before = published.filter((version) => version <= wanted);
  return before.length > 0 ? Math.max(...before) : Math.min(...published);
}

function wantedVersion(stage: Stage, aggregateId: string): number {
  if (stage.kind === 'only') return stage.version;
  if (stage.kind === 'shadow') return stage.old;
  return bucketOf(aggregateId) < stage.percent ? stage.version : stage.old;
}

/** A number from 0 to 99 that belongs to an aggregate. */
function bucketOf(aggregateId: string): number {
  return createHash('sha256').update(aggregateId).digest().readUInt32BE(0) % 100;
}
