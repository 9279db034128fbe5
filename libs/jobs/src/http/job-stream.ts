import type { Response } from 'express';
import { rankOf, type Job } from '../job';
import { eventsOf, HEARTBEAT, RETRY_FIELD, STREAM_HEADERS } from './server-sent-events';

export interface JobStreamOptions {
  readonly heartbeatMs: number;
  readonly lifeMs: number;
  /** A job as the client sees it. */
  readonly show: (job: Job) => unknown;
}

/** The changes of one job on their way to one client. It ends with the job, after its longest life, or when the client is gone. */
export class JobStream {
  readonly #heartbeat: NodeJS.Timeout;
  readonly #life: NodeJS.Timeout;
  #job: Job;
  #sent: number;
  #ended = false;

  /** @param after id of the last event that the client has */
  constructor(
    job: Job,
    after: number,
    private readonly response: Response,
    private readonly options: JobStreamOptions,
  ) {
    this.#job = job;
    this.#sent = after;
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs);
    this.#life = setTimeout(() => this.end(), options.lifeMs);
    response.on('close', () => this.#stop());
    // A broken connection is also told by `close`; unheard, this would end the process.
    response.on('error', () => this.#stop());
    response.writeHead(200, STREAM_HEADERS);
    response.write(RETRY_FIELD);
    this.show(job);
  }

  /** The job as it was last seen. */
  get job(): Job {
    return this.#job;
  }

  /** Whether nothing more is sent. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sends what the client does not have yet. */
  show(job: Job): void {
    if (this.#ended || rankOf(job.status) < rankOf(this.#job.status)) return;
    this.#job = job;
    const events = eventsOf(job, this.#sent, this.options.show);
    this.#sent = Math.max(this.#sent, rankOf(job.status));
    if (events) this.response.write(events);
    if (job.endedAt) this.end();
  }

  /** Sends nothing more. A client that does not take the rest in time is cut off. */
  end(): void {
    if (this.#ended) return;
    this.#stop();
    this.response.end();
    const patience = setTimeout(() => this.response.destroy(), this.options.heartbeatMs);
    this.response.on('close', () => clearTimeout(patience));
  }

  /** A client that has not taken what was sent one heartbeat ago is too slow, or gone without a word. */
  #beat(): void {
    if (this.response.writableLength > 0) this.response.destroy();
    else this.response.write(HEARTBEAT);
  }

  #stop(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#life);
  }
}
