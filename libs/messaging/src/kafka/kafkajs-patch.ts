// kafkajs 2.2.4 re-arms the timer that looks for requests held back by throttling even when none is pending, with a negative
// delay: an idle client wakes a thousand times a second and burns 3 to 4 % of a core. Looking only when something is pending
// loses nothing, because every request that has to wait schedules the look itself.
// https://github.com/tulios/kafkajs/issues/1751

interface RequestQueue {
  readonly pending: readonly unknown[];
}

/**
 * Mends the idle burn. Importing this file is enough.
 * @throws Error if kafkajs has changed so that the patch no longer fits
 */
function patchRequestQueue(): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- not part of the public types
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: Record<string, unknown> };
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
