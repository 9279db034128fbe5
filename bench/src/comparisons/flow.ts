import type { Stack } from '@past-tense/local';
import { Client } from 'pg';
import { measuredTogether, type Comparison, type Sample } from '../comparison';
import type { OrderFloorOptions } from '../programs/order-floor';
import type { PlaceOrdersOptions } from '../programs/place-orders';
import { accessTo, withStack } from '../running-stack';
import { runProgram } from '../start-program';

const ORDERS = 100;
const WARM_UP = 50;
const FLOOR_DATABASE = 'bench_floor';

async function placeOrders(stack: Stack): Promise<Sample> {
  const options: PlaceOrdersOptions = { ...(await accessTo(stack)), orders: ORDERS, warmUp: WARM_UP, concurrency: 1, lookEveryMs: 2 };
  return await runProgram('place-orders', options);
}

async function floor(stack: Stack): Promise<Sample> {
  const superuser = new Client({ connectionString: stack.postgres.url('postgres') });
  await superuser.connect();
  await superuser.query(`CREATE DATABASE ${FLOOR_DATABASE}`);
  await superuser.end();
  const url = stack.postgres.url(FLOOR_DATABASE);
  const options: OrderFloorOptions = { ...(await accessTo(stack)), url, orders: ORDERS, warmUp: WARM_UP };
  return await runProgram('order-floor', options);
}

export const flow: Comparison = {
  name: 'flow',
  title: 'One order, from the request until it is completed',
  work: `${ORDERS} orders, one after the other, each from POST /orders until order-completed is committed at orders (seen at most 2 ms later).`,
  units: {
    p50Ms: 'p50, ms',
    p95Ms: 'p95, ms',
    p99Ms: 'p99, ms',
    hopP50Ms: 'a hop, p50, ms',
    callP50Ms: 'a call of the sandbox, p50, ms',
  },
  contenders: measuredTogether(
    {
      flow: 'the real stack: five services, PostgreSQL, Kafka, the registry and the issuer',
      floor:
        'the sum of the floors of its hops, one after the other in one process on the same stack: three hops of a transaction with one INSERT, an acknowledged send and such a transaction again, and two POSTs to the sandbox; without the request to orders',
    },
    (_, round) =>
      withStack(async (stack) => {
        const before = round % 2 === 0 ? undefined : await floor(stack);
        const placed = await placeOrders(stack);
        return { flow: placed, floor: before ?? (await floor(stack)) };
      }),
  ),
  goals: [
    { of: 'flow', beside: 'floor', value: 'p95Ms', atMost: 2 },
    { of: 'flow', beside: 'floor', value: 'p50Ms' },
  ],
  rounds: 3,
};
