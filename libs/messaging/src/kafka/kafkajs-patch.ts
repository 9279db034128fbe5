import { createRequire } from 'node:module';
import './kafkajs-fetch-sessions';
import './kafkajs-records';

// kafkajs 2.2.4 re-arms the timer that looks for requests held back by throttling even when none is pending, with a negative
// delay: an idle client wakes a thousand times a second and burns 3 to 4 % of a core. Looking only when something is pending
// loses nothing, because every request that has to wait schedules the look itself.
// https://github.com/tulios/kafkajs/issues/1751

// What is mended is not part of the public types.
const load = createRequire(__filename);

interface RequestQueue {
  readonly pending: readonly unknown[];
}

/**
 * Mends the idle burn. Importing this file is enough.
 * @throws Error if kafkajs has changed so that the patch no longer fits
 */
function patchRequestQueue(): void {
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: Record<string, unknown> };
  const original = prototype['scheduleCheckPendingRequests'];
  if (typeof original !== 'function')
    throw new Error(
      'kafkajs no longer has RequestQueue.scheduleCheckPendingRequests; remove libs/messaging/src/kafka/kafkajs-patch.ts if the idle burn is gone.',
    );
  prototype['scheduleCheckPendingRequests'] = function (this: RequestQueue): void {
    if (this.pending.length > 0) original.call(this);
  };
}

patchRequestQueue();

interface Group {
  readonly seekOffset: Map<string, string>;
  commitOffsets(offsets: object): Promise<void>;
}
type Method = (this: object, ...values: unknown[]) => unknown;

/**
 * kafkajs 2.2.4 keeps what was asked for in one assignment for the next one, in two places. A commit that a rebalance interrupted is tried again
 * with the new membership, and sets back a partition that another member has gone on with. And a seek that was not followed yet is followed when
 * the partition comes back much later. Both end with the assignment here: a commit that was interrupted is for whoever asked to repeat, and a seek
 * counts from the moment at which the group says what it has assigned.
 * @throws Error if kafkajs has changed so that this no longer fits
 */
function endWithAssignment(): void {
  const { prototype: group } = load('kafkajs/src/consumer/consumerGroup') as { prototype: Record<symbol, Method> };
  const { prototype: runner } = load('kafkajs/src/consumer/runner') as { prototype: Record<string, Method> };
  const name = Object.getOwnPropertySymbols(group).find(({ description }) => description === 'private:ConsumerGroup:sync');
  const sync = name && group[name];
  if (!sync || !runner['commitOffsets'])
    throw new Error(
      'kafkajs has changed inside; see in libs/messaging/src/kafka/kafkajs-patch.ts what commits and seeks must not do, and whether they do.',
    );
  group[name] = async function (this: Group) {
    await sync.call(this);
    this.seekOffset.clear();
  } as Method;
  runner['commitOffsets'] = async function (this: { readonly running: boolean; readonly consumerGroup: Group }, offsets: object) {
    if (!this.running) throw new Error('The consumer is not running.');
    await this.consumerGroup.commitOffsets(offsets);
  } as Method;
}

endWithAssignment();

const WHILE_PAUSED_MS = 50;

interface FetchingGroup {
  maxWaitTime: number;
  /** The wait that was configured. */
  idleWaitTime?: number;
  readonly subscriptionState: { paused(): readonly unknown[] };
}

/**
 * kafkajs 2.2.4 does not fetch a partition that is resumed while it waits for others: a consumer that pauses what it cannot keep up with, so as to
 * bound its memory, may stand still for half a second each time it has. While anything is paused, a fetch waits for a shorter time.
 * @throws Error if kafkajs has changed so that this no longer fits
 */
function waitShortlyWhilePaused(): void {
  const { prototype: group } = load('kafkajs/src/consumer/consumerGroup') as { prototype: Record<string, Method> };
  const { fetch } = group;
  if (!fetch?.toString().includes('this.maxWaitTime'))
    throw new Error('kafkajs has changed inside; see in libs/messaging/src/kafka/kafkajs-patch.ts how long a fetch may wait.');
  group['fetch'] = async function (this: FetchingGroup, nodeId: number) {
    this.idleWaitTime ??= this.maxWaitTime;
    const isPaused = this.subscriptionState.paused().length > 0;
    this.maxWaitTime = isPaused ? Math.min(WHILE_PAUSED_MS, this.idleWaitTime) : this.idleWaitTime;
    return await fetch.call(this, nodeId);
  } as Method;
}

waitShortlyWhilePaused();
