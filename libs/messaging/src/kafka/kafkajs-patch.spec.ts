import { createRequire } from 'node:module';
import './kafkajs-patch';

const load = createRequire(__filename);

type Prototype = Record<string | symbol, (this: object, ...values: unknown[]) => Promise<void>>;

describe('what was asked of kafkajs in one assignment', () => {
  it('is not tried again in the next one, where a commit could set back what another member has done', async () => {
    const { prototype } = load('kafkajs/src/consumer/runner') as { prototype: Prototype };
    let commits = 0;
    const consumerGroup = {
      commitOffsets: async () => {
        commits += 1;
        throw new Error('The group is rebalancing');
      },
    };

    await expect(prototype['commitOffsets']!.call({ running: true, consumerGroup }, {})).rejects.toThrow('rebalancing');
    await expect(prototype['commitOffsets']!.call({ running: false, consumerGroup }, {})).rejects.toThrow('not running');
    expect(commits).toBe(1);
  });

  it('is forgotten if it was a seek that was not followed: the partition may have been with others before it comes back', async () => {
    const { prototype } = load('kafkajs/src/consumer/consumerGroup') as { prototype: Prototype };
    const { MemberAssignment } = load('kafkajs/src/consumer/assignerProtocol') as {
      MemberAssignment: { encode(assignment: object): Buffer };
    };
    const sync = Object.getOwnPropertySymbols(prototype).find(({ description }) => description === 'private:ConsumerGroup:sync')!;
    const memberAssignment = MemberAssignment.encode({ version: 0, assignment: {}, userData: Buffer.alloc(0) });
    const seekOffset = new Map([['order-placed/0', '17']]);
    const group = Object.assign(Object.create(prototype) as object, {
      seekOffset,
      topicsSubscribed: [],
      logger: { debug: () => undefined },
      cluster: { committedOffsets: () => ({}) },
      coordinator: { syncGroup: async () => ({ memberAssignment }) },
      subscriptionState: { assign: () => undefined },
    });

    await prototype[sync]!.call(group);
    expect(seekOffset.size).toBe(0);
  });
});

it('a fetch does not wait long for what is idle while a partition is paused, which may be resumed at any moment', async () => {
  const { prototype } = load('kafkajs/src/consumer/consumerGroup') as { prototype: Prototype };
  let paused: object[] = [];
  const waits: unknown[] = [];
  const group = Object.assign(Object.create(prototype) as object, {
    maxWaitTime: 500,
    seekOffset: new Map(),
    subscriptionState: { paused: () => paused, assigned: () => [{ topic: 'order-placed', partitions: [0] }], isPaused: () => false },
    offsetManager: { committedOffsets: () => ({ 'order-placed': { 0: '1' } }), nextOffset: () => '1' },
    cluster: {
      refreshMetadataIfNecessary: async () => undefined,
      findBroker: async () => ({
        fetch: async ({ maxWaitTime }: { maxWaitTime: number }) => {
          waits.push(maxWaitTime);
          return { responses: [] };
        },
      }),
    },
    checkForStaleAssignment: () => undefined,
    filterPartitionsByNode: (_: number, of: unknown) => of,
    seekOffsets: async () => undefined,
    getActiveTopicPartitions: () => ({ 'order-placed': new Set([0]) }),
  });

  for (const now of [[], [{ topic: 'order-placed', partitions: [1] }], []]) {
    paused = now;
    await prototype['fetch']!.call(group, 1);
  }
  expect(waits).toEqual([500, 50, 500]);
});
