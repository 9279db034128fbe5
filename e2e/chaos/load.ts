import { newId } from '@past-tense/envelope';
import { setTimeout as sleep } from 'node:timers/promises';
import type { System, Wish } from '../system';
import type { Random } from './random';

/** An order that somebody wanted to place. */
export interface Wanted {
  readonly customerId: string;
  readonly wish: Wish;
  /** Known if the order was accepted; an order without an answer may have been accepted or not. */
  orderId?: string;
}

export interface LoadOptions {
  /** Orders that must be accepted at least. */
  readonly orders: number;
  readonly concurrency?: number;
  /** Milliseconds between two orders of one client, on average. */
  readonly pauseMs?: number;
  /** The load goes on as long as this says so. */
  readonly while?: () => boolean;
  readonly wish?: Wish;
}

/** Clients that place orders, whatever happens. Every order has a customer of its own, by whom it is found again. */
export class Load {
  readonly wanted: Wanted[] = [];

  constructor(
    private readonly system: System,
    private readonly random: Random,
  ) {}

  get accepted(): Wanted[] {
    return this.wanted.filter(({ orderId }) => orderId !== undefined);
  }

  /** Places orders until enough were accepted and nothing wants more of them. */
  async run({ orders, concurrency = 4, pauseMs = 250, while: goOn = () => false, wish }: LoadOptions): Promise<void> {
    const before = this.accepted.length;
    let accepted = 0;
    const client = async (random: Random) => {
      while (accepted < orders || goOn()) {
        if (await this.#place(wish ?? wishOf(random))) accepted += 1;
        await sleep(pauseMs * 2 * random.next());
      }
    };
    await Promise.all(Array.from({ length: concurrency }, () => client(this.random.fork())));
    if (this.accepted.length - before < orders) throw new Error('The load stopped early.');
  }

  async #place(wish: Wish): Promise<boolean> {
    const wanted: Wanted = { customerId: newId(), wish };
    this.wanted.push(wanted);
    try {
      wanted.orderId = (await this.system.place(wish, { customerId: wanted.customerId })).orderId;
      return true;
    } catch {
      await sleep(50); // The service is being killed; a client tries again, here with another order.
      return false;
    }
  }
}

function wishOf(random: Random): Wish {
  const dice = random.next();
  if (dice < 0.1) return 'declined';
  return dice < 0.2 ? 'undeliverable' : 'happy';
}
