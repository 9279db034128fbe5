import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OutboundHttp, UnavailableError } from './index';

let server: Server;
let baseUrl: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => (asked = 0));

const json = (status: number, body: object) => (_: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

describe('calling another system', () => {
  it('sends the idempotency key and returns what was answered, refusals included', async () => {
    let key: unknown;
    answer = (request, response) => {
      key = request.headers['idempotency-key'];
      json(402, { reason: 'no' })(request, response);
    };

    expect(await new OutboundHttp({ name: 'it', baseUrl }).post('/captures', 'key-1', {})).toEqual({ status: 402, body: { reason: 'no' } });
    expect(key).toBe('key-1');
  });

  it.each([
    ['answers 500', json(500, {}), 'it answered 500'],
    ['answers 429', json(429, {}), 'it answered 429'],
    [
      'redirects',
      (_: IncomingMessage, response: ServerResponse) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'it gave no answer',
    ],
    ['drops the connection', (request: IncomingMessage) => void request.socket.destroy(), 'it gave no answer'],
    ['does not answer in time', () => undefined, 'it gave no answer'],
    ['answers nonsense', (_: IncomingMessage, response: ServerResponse) => void response.end('<html>'), 'it gave no answer'],
  ])('fails as unavailable when the other side %s (D5)', async (_, behaviour, message) => {
    answer = behaviour;

    const error: unknown = await new OutboundHttp({ name: 'it', baseUrl, timeoutMs: 100 })
      .post('/', 'k', {})
      .catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ failure: 'unavailable', message: expect.stringContaining(message) as string });
  });

  it('stops asking after failures in a row and probes with one call later (D5)', async () => {
    answer = json(500, {});
    const http = new OutboundHttp({ name: 'it', baseUrl, breakAfter: 3, probeAfterMs: 100 });
    const ask = () =>
      http.post('/', 'k', {}).then(
        () => 'answered',
        (error: Error) => error.message,
      );
    for (let i = 0; i < 10; i += 1) await ask();
    expect(asked).toBe(3);
    expect(await ask()).toContain('it is not called for the moment');

    answer = json(200, {});
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await ask()).toBe('answered');
    expect(asked).toBe(4);
  });

  it('never has more calls under way than allowed', async () => {
    let running = 0;
    let most = 0;
    answer = (request, response) => {
      most = Math.max(most, ++running);
      setTimeout(() => {
        running -= 1;
        json(200, {})(request, response);
      }, 10);
    };
    const http = new OutboundHttp({ name: 'it', baseUrl, concurrency: 3 });

    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => http.post('/', 'k', {})));

    expect(most).toBe(3);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
  });
});
