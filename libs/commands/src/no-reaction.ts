import { currentFlow } from '@past-tense/telemetry';
import type { UnaryMethod } from './command-handler';

/**
 * Refuses to send a command while an event is being handled: events are replayed, and a replay must ask nobody to do anything again.
 * @throws Error if a reaction is running
 */
export function requireNoReaction(method: UnaryMethod): void {
  if (currentFlow()?.eventId === undefined) return;
  throw new Error(
    `A reaction may not send a command, and ${method.name} is one: replaying events would send it again. State what happened as an event; whoever has to act on it reacts to that.`,
  );
}
