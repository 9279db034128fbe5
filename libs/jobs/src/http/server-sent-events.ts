import type { Job } from '../job';
import { historyOf, rankOf } from '../job';

/** Headers of a stream of events. The last one keeps nginx from collecting what is meant to be seen at once. */
export const STREAM_HEADERS = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' };

/** How long a client waits before it comes back: https://html.spec.whatwg.org/multipage/server-sent-events.html, `retry`. */
export const RETRY_FIELD = 'retry: 1000\n\n';

/** A comment; clients ignore it, proxies see that the stream is alive. */
export const HEARTBEAT = ':\n\n';

/** Id of the event that ends a stream. */
export const LAST_EVENT_ID = 3;

/**
 * The events of a job after one that the client has seen: one for each status, with the job as it was then.
 * @param after id of the last event the client has; 0 for none
 * @param show the job as the client sees it
 */
export function eventsOf(job: Job, after: number, show: (job: Job) => unknown): string {
  return historyOf(job)
    .filter(({ status }) => rankOf(status) > after)
    .map((past) => `id: ${rankOf(past.status)}\nevent: job\ndata: ${JSON.stringify(show(past))}\n\n`)
    .join('');
}

/** The last event a client says it has; 0 if it says nothing, or what cannot be: then it is told everything. */
export function lastEventId(header: string | undefined, { status }: Job): number {
  const id = /^[1-3]$/.test(header ?? '') ? Number(header) : 0;
  return id <= rankOf(status) ? id : 0;
}
