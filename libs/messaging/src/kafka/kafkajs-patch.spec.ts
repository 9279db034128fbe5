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
