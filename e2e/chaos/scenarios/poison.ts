import { eventually } from '@past-tense/testing';
import { newId } from '@past-tense/envelope';
import type { Chaos, Outcome, Scenario } from '../scenario';

/** One order that fails for ever must not slow the others down. Reported, not judged: latency depends on the machine. */
export const poison: Scenario = {
  name: 'poison',
  what: 'one poison aggregate: latency of the others with it and without it',
  async run({ system, scale, load, progress }: Chaos): Promise<Outcome> {
    const measure = async () => {
      const from = load.accepted.length;
      await load.run({ orders: scale.latencyOrders, wish: 'happy', concurrency: 2, pauseMs: 20 });
      const ids = load.accepted.slice(from).map(({ orderId }) => orderId);
      return await eventually(async () => {
        const rows = await system.query<{ ms: number }>(
          'orders',
          `SELECT extract(epoch FROM ended_at - placed_at)::float8 * 1000 AS ms FROM orders WHERE id = ANY($1) AND ended_at IS NOT NULL ORDER BY 1`,
          [ids],
        );
        if (rows.length < ids.length) throw new Error('not all have ended');
        return { p50: quantile(rows, 0.5), p99: quantile(rows, 0.99) };
      }, 60_000);
    };
    await measure(); // Warms up.
    progress(0.3);
    const without = await measure();
    progress(0.6);
    const { orderId } = await system.place('happy', { paymentToken: 'tok_nonsense', customerId: newId() });
    const withIt = await measure();
    progress(0.9);
    await eventually(async () => {
      const rows = await system.query('payments', `SELECT 1 FROM held_events WHERE aggregate_id = $1 AND place = 'dlq'`, [orderId]);
      if (rows.length === 0) throw new Error('The poison is not dead-lettered.');
    }, 60_000);
    await system.query('payments', `DELETE FROM held_events WHERE aggregate_id = $1`, [orderId]);
    return {
      faults: { 'poison aggregate': 1 },
      figures: {
        'median ms without': Math.round(without.p50),
        'median ms with': Math.round(withIt.p50),
        'p99 ms without': Math.round(without.p99),
        'p99 ms with': Math.round(withIt.p99),
        'p99 ratio': Math.round((withIt.p99 / without.p99) * 100) / 100,
      },
    };
  },
};

function quantile(sorted: readonly { ms: number }[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!.ms;
}
