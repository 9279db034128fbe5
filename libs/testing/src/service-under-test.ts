import { tokenOf, type ServiceName } from '@past-tense/local';
import { isolatedStack, type IsolatedStack } from './isolated-stack';

/** One service (and whom it calls) on real PostgreSQL, Kafka and registry of its own. */
export interface ServiceUnderTest extends IsolatedStack {
  /** Kafka's address. */
  readonly brokers: string[];
  /** As somebody from support, unless another caller is named in the headers. */
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The header of a caller such as `customer-1`. */
  as(name: string): Promise<{ authorization: string }>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed, if it is JSON. */
  readonly body: unknown;
}

/**
 * Starts a service for a test. Its HTTP calls go to the first of the names.
 * @param env settings that differ from the defaults
 */
export async function serviceUnderTest(
  names: readonly [ServiceName, ...ServiceName[]],
  env: NodeJS.ProcessEnv = {},
): Promise<ServiceUnderTest> {
  const isolated = await isolatedStack({ RETRY_FIRST_DELAY_MS: '10', RETRY_MAX_DELAY_MS: '50', ...env });
  const { stack } = isolated;
  await stack.startInfrastructure();
  await stack.startServices(names);
  const url = stack.url(names[0]);
  const as = async (name: string) => ({ authorization: `Bearer ${await tokenOf(stack.issuer.url, name)}` });
  const support = await as('support');
  return {
    ...isolated,
    brokers: [stack.kafka.broker],
    as,
    get: (path, headers = {}) => ask(`${url}${path}`, { headers: { ...support, ...headers } }),
    post: (path, body, headers = {}) =>
      ask(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...support, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}

/** Asks over HTTP and reads the answer, as JSON if it is JSON. */
export async function ask(url: string, request: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, request);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson ? (JSON.parse(text) as unknown) : text };
}
