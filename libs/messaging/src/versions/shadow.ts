import type { Transaction } from '@past-tense/database';
import { createHash } from 'node:crypto';
import { classify } from '../delivery/failure';
import { staysInside, type AnyReaction, type Event, type Shadowed } from '../reaction';

/** What came of an event, field by field, as digests: enough to compare, and nothing of anybody's address. */
export type Outcome = Readonly<Record<string, string>>;

/** What a comparison came to: the same, the fields that differ, or what went wrong. */
export type Comparison = 'same' | { readonly different: readonly string[] } | { readonly failed: string };

type ShadowReaction<T> = AnyReaction<T> & Shadowed<T>;

/** Whether a reaction can be tried in shadow. */
export function canShadow<T>(reaction: AnyReaction<T>): reaction is ShadowReaction<T> {
  return 'outcome' in reaction && 'undo' in reaction;
}

/** What came of an event that took effect, or why that cannot be said. Whatever goes wrong in finding out stays without effect. */
export async function lookAt<T>(reaction: Shadowed<T>, event: Event<T>, transaction: Transaction): Promise<Outcome | Error> {
  return await rehearsed(transaction, async () => digests(await reaction.outcome(event, transaction)));
}

/**
 * Does an event's work as if neither it nor another version of it had come before, and takes everything back. Nobody outside is called.
 * @returns what would have come of it, or the error; undefined if it needs what has not come yet
 * @throws an error that passes by itself, such as a conflict: it says nothing about the version
 */
export async function tryOut<T>(
  reaction: ShadowReaction<T>,
  event: Event<T>,
  transaction: Transaction,
): Promise<Outcome | Error | undefined> {
  const tried = await rehearsed(transaction, async () => {
    await reaction.undo(event, transaction);
    await (staysInside<T>(reaction) ? reaction.react(event, transaction) : reaction.intend(event, transaction));
    return digests(await reaction.outcome(event, transaction));
  });
  return tried instanceof Error && classify(tried) === 'early' ? undefined : tried;
}

/** Compares what came of one version with what would have come of another. */
export function compare(actual: Outcome | Error, tried: Outcome | Error): Comparison {
  for (const one of [actual, tried]) if (one instanceof Error) return { failed: one.name };
  const [is, would] = [actual as Outcome, tried as Outcome];
  const fields = [...new Set([...Object.keys(is), ...Object.keys(would)])].sort();
  const different = fields.filter((field) => is[field] !== would[field]);
  return different.length > 0 ? { different } : 'same';
}

async function rehearsed(transaction: Transaction, work: () => Promise<Outcome>): Promise<Outcome | Error> {
  let outcome: Outcome = {};
  const thrown = await transaction.rehearse(async () => {
    outcome = await work();
  });
  if (thrown === undefined) return outcome;
  const error = thrown instanceof Error ? thrown : new Error('a reaction threw something that is no error');
  if (['conflict', 'unavailable'].includes(classify(error))) throw error;
  return error;
}

function digests(value: unknown, path = ''): Record<string, string> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || value instanceof Date)
    return { [path]: createHash('sha256').update(asText(value)).digest('base64url') };
  const entries = Object.entries(value).map(([name, part]) => digests(part, path ? `${path}.${name}` : name));
  return Object.assign({}, ...entries) as Record<string, string>;
}

function asText(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : JSON.stringify(value);
}
