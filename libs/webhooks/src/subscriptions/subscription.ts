import type { Secret } from '../secrets';

/** Who wants to be told what, and where. */
export interface Subscription {
  readonly id: string;
  readonly owner: string;
  readonly url: string;
  /** Types of events that are wanted. */
  readonly events: readonly string[];
  readonly secrets: readonly Secret[];
  readonly status: 'active' | 'disabled';
  readonly created_at: Date;
}

/** The most subscriptions an owner may have. */
export const MAX_SUBSCRIPTIONS = 20;
