/** A delivery as owners and operators see it. */
export interface Delivery {
  readonly id: string;
  readonly subscription: string;
  readonly type: string;
  readonly subject: string;
  readonly state: DeliveryState;
  /** Attempts since it was announced, or since it was sent again. */
  readonly attempts: number;
  readonly next_attempt_at: Date | null;
  readonly last_attempt_at: Date | null;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly created_at: Date;
  readonly delivered_at: Date | null;
}

/** The type of what is sent to try a receiver out. */
export const TEST = 'webhook.test';

/** Waiting for its next attempt, taken by its receiver, or given up until somebody sends it again. */
export const DELIVERY_STATES = ['waiting', 'delivered', 'parked'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];
