import { addressOf, Complaint, tokenOf, type ServiceName } from '@past-tense/local';
import type { Reset } from './request';

/** What a service says of its positions; offsets are texts. */
export interface Positions {
  readonly consumer: string;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly earliest: string;
    readonly position: string;
    readonly end: string;
    readonly lag: number;
  }[];
  readonly lag: number;
  readonly catchUpSeconds?: number;
}

export interface Preview {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly from: string;
    readonly to: string;
    readonly events: number;
    readonly direction: 'back' | 'forward' | 'stays';
  }[];
  readonly again: number;
  readonly skipped: number;
}

export interface Recorded extends Preview {
  readonly id: string;
  readonly by: string;
  readonly requestedAt: string;
  readonly why: string;
  readonly to: Reset['to'];
  readonly state: 'pending' | 'done' | 'superseded';
  readonly remaining?: number;
  readonly catchUpSeconds?: number;
}

const TIMEOUT_MS = 30_000;

/** The operations of a service over HTTP. */
export class Operations {
  private constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly variable: string,
  ) {}

  /**
   * The service of a consumer: what the environment says, or that of the local stack.
   * @throws Complaint or Complaint if there is no token
   */
  static async of(consumer: string, environment: NodeJS.ProcessEnv): Promise<Operations> {
    const name = consumer.toUpperCase();
    const url = (environment[`${name}_URL`] || `http://${addressOf(consumer as ServiceName, environment)}`).replace(/\/$/, '');
    const issuer = `http://${addressOf('issuer', environment)}`;
    return new Operations(url, environment['OPERATIONS_TOKEN'] || (await tokenOf(issuer, 'operator')), `${name}_URL`);
  }

  async positions(): Promise<Positions> {
    return (await this.#ask('GET', 'positions')) as Positions;
  }

  async preview(reset: Reset): Promise<Preview> {
    return (await this.#ask('POST', 'position-resets', { ...reset, dryRun: true })) as Preview;
  }

  async reset(reset: Reset): Promise<Recorded> {
    return (await this.#ask('POST', 'position-resets', reset)) as Recorded;
  }

  async recorded(id: string): Promise<Recorded> {
    return (await this.#ask('GET', `position-resets/${id}`)) as Recorded;
  }

  /** The newest first. */
  async list(): Promise<readonly Recorded[]> {
    return ((await this.#ask('GET', 'position-resets?limit=100')) as { items: readonly Recorded[] }).items;
  }

  /** @throws Complaint with what the service says against it, or that it does not answer */
  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': 'application/json' }) };
    const request = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS), ...(body && { body: JSON.stringify(body) }) };
    const answer = await fetch(`${this.url}/operations/${path}`, request).catch((error: unknown) => {
      const { cause, message } = error as Error & { cause?: Error & { code?: string } };
      throw new Complaint(
        `The service at ${this.url} does not answer (${cause?.code ?? cause?.message ?? message}); start the stack (npm start), or set ${this.variable}.`,
      );
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as unknown;
    if (answer.status === 401 || answer.status === 403)
      throw new Complaint(
        `${detailIn(text) ?? 'The service refuses the token.'} Set OPERATIONS_TOKEN to a token with the scope operations.`,
      );
    throw new Complaint(detailIn(text) ?? `The service at ${this.url} answers ${answer.status}; is it one that consumes events?`);
  }
}

/** What a problem document says: the whole, and each field. */
function detailIn(text: string): string | undefined {
  try {
    const { detail, errors = [] } = JSON.parse(text) as { detail?: string; errors?: { pointer: string; detail: string }[] };
    const fields = errors.filter((error) => error.detail !== detail).map((error) => `${error.pointer} ${error.detail}`);
    return detail && [detail, ...fields.map((field) => `${field}.`)].join(' ');
  } catch {
    return undefined; // Not from a service of ours.
  }
}
