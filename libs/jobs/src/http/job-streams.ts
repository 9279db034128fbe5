import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { BackgroundLoop } from '@past-tense/database';
import { LOGGER, Problem, SETTINGS } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';
import type { Response } from 'express';
import type { Job } from '../job';
import { Jobs } from '../jobs';
import type { JobsSettings } from '../settings';
import { JobStream } from './job-stream';
import { eventsOf, RETRY_FIELD, STREAM_HEADERS } from './server-sent-events';

const POLL_MS = 250;
// A stream that opens wakes the loop; until then there is nothing to do.
const IDLE_MS = 3_600_000;

type StreamSettings = Pick<JobsSettings, 'JOB_STREAMS_MAX' | 'JOB_STREAM_HEARTBEAT_MS' | 'JOB_STREAM_LIFE_MS'>;

/**
 * The streams that an instance keeps open. One query looks for changes of all their jobs, whichever instance made them; a commit in this
 * process hurries it. (LISTEN and NOTIFY would tell as well, and take a lock that all commits of the database queue for.)
 */
@Injectable()
export class JobStreams implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #streams = new Map<string, Set<JobStream>>();
  readonly #loop: BackgroundLoop;
  #count = 0;
  #stopping = false;

  constructor(
    private readonly jobs: Jobs,
    @Inject(SETTINGS) private readonly settings: StreamSettings,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#loop = new BackgroundLoop('Looking for changes of jobs that are streamed', () => this.#look(), logger);
    jobs.watch(({ id }) => {
      if (this.#streams.has(id)) this.#loop.wake();
    });
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  /** Ends every stream before the server closes, so that no client holds up the stop; clients resume at another instance. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    for (const streams of this.#streams.values()) for (const stream of streams) stream.end();
    await this.#loop.stop();
  }

  /**
   * Sends a client the events of a job after the one it has, and those to come. What has no more to come is sent at once.
   * @param head whether the client asks for the headers only
   * @throws Problem 429 if this instance has as many streams as it may
   */
  open(job: Job, after: number, response: Response, { head, show }: { head: boolean; show: (job: Job) => unknown }): void {
    if (head || job.endedAt || this.#stopping) {
      response.writeHead(200, STREAM_HEADERS).end(`${RETRY_FIELD}${eventsOf(job, after, show)}`);
      return;
    }
    const { JOB_STREAMS_MAX: most, JOB_STREAM_HEARTBEAT_MS: heartbeatMs, JOB_STREAM_LIFE_MS: lifeMs } = this.settings;
    if (this.#count >= most) throw tooManyStreams();
    // The client may have gone while the job was looked up; of that nothing would be heard any more.
    if (response.destroyed) return;
    this.#add(new JobStream(job, after, response, { heartbeatMs, lifeMs, show }), response);
  }

  #add(stream: JobStream, response: Response): void {
    const { id } = stream.job;
    const streams = this.#streams.get(id) ?? new Set();
    this.#streams.set(id, streams.add(stream));
    this.#count += 1;
    // Only now is the place free: what has ended may still be on its way to a slow client.
    response.once('close', () => {
      this.#count -= 1;
      streams.delete(stream);
      if (streams.size === 0 && this.#streams.get(id) === streams) this.#streams.delete(id);
    });
    this.#loop.wake();
  }

  async #look(): Promise<number> {
    const open = [...this.#streams.values()].flatMap((streams) => [...streams]).filter(({ ended }) => !ended);
    if (open.length === 0) return this.#count > 0 ? POLL_MS : IDLE_MS;
    // Many may watch one job, which is read once all the same.
    const seen = new Map(open.map(({ job }) => [`${job.id} ${job.status}`, job]));
    for (const job of await this.jobs.moved([...seen.values()])) {
      for (const stream of this.#streams.get(job.id) ?? []) stream.show(job);
    }
    return POLL_MS;
  }
}

function tooManyStreams(): Problem {
  const detail = 'As many streams are open as this instance keeps. Poll GET /jobs/{jobId} instead, or try again in a moment.';
  return new Problem(429, 'too-many-streams', 'Too many streams', detail).with({ 'Retry-After': '5' });
}
