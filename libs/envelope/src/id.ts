import { v7 } from 'uuid';

// Ids are UUIDv7 (RFC 9562, section 5.7): the first 48 bits are the millisecond they were made in, so they sort by time.

/** A new id; later ones of the same process sort after earlier ones. */
export function newId(): string {
  return v7();
}

/** The millisecond an id was made in, since 1970. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The smallest id of a millisecond, as a bound for ranges. */
export function firstIdAt(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
