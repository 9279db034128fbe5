import { connect } from 'node:net';
import type { Random } from '../chaos/random';

/** What a server said to one attack. */
export interface Said {
  readonly attack: string;
  /** Status of the first answer; undefined if there was none. */
  readonly status?: number | undefined;
  readonly text: string;
}

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

const PATIENCE_MS = 4_000;
const MAX_SAID = 65_536;
const good = {
  lines: [{ sku: 'cup', quantity: 1, unitPrice: { minorUnits: 500, currency: 'EUR' } }],
  paymentToken: 'tok_visa',
  deliveryAddress: { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
};
const PATHS = [
  '/orders',
  '/webhooks',
  '/orders/019aa000-0000-7000-8000-00000000000a/cancellation',
  '/jobs/019aa000-0000-7000-8000-00000000000a',
];
const NASTY: readonly unknown[] = [
  null, true, -1, 1e308, -0, 0.1, '', ' ', '\0', '\ud800', '𝕏'.repeat(500), '\u202e', "'; DROP TABLE orders; --", '{{7*7}}', '../../etc/passwd',
  [], {}, [[]], { toString: 1 }, 'a'.repeat(10_000), '9'.repeat(400), '2026-13-45T99:99:99Z', 'true', 'null', { length: -1 },
]; // prettier-ignore

type Attack = (target: Target, random: Random) => Buffer | string | (Buffer | string)[];

const head = ({ host, token }: Target, method: string, path: string, ...headers: string[]) =>
  [`${method} ${path} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`, 'Connection: close', ...headers, '', ''].join('\r\n');
const post = (target: Target, path: string, body: string | Buffer, ...headers: string[]) => {
  const type = headers.some((header) => /^content-type/i.test(header)) ? [] : ['Content-Type: application/json'];
  return [head(target, 'POST', path, ...type, `Content-Length: ${Buffer.byteLength(body)}`, ...headers), body];
};

/** Every way we know to send something that is not a request, or not one that can be done. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  'a field of the wrong kind': (target, random) => post(target, '/orders', JSON.stringify(spoiled(good, random))),
  'random bytes as a body': (target, random) => post(target, random.pick(PATHS), random.bytes(random.between(1, 2_000))),
  'random bytes as a request': (_, random) => random.bytes(random.between(1, 500)),
  'broken JSON': (target, random) => post(target, '/orders', JSON.stringify(good).slice(0, random.between(1, 200))),
  'JSON that is nested too deeply': (target, random) => {
    const depth = random.pick([33, 1_000, 20_000, 49_000]);
    return post(target, random.pick(PATHS), random.pick(['[', '{"a":']).repeat(depth) + '1' + ']'.repeat(depth));
  },
  'nested objects, closed': (target, random) => {
    const depth = random.pick([33, 500, 10_000]);
    return post(target, random.pick(PATHS), '{"a":'.repeat(depth) + '1' + '}'.repeat(depth));
  },
  'a body that is too large': (target, random) => post(target, '/orders', Buffer.alloc(random.between(102_401, 400_000), 'x')),
  'thousands of unknown fields': (target) =>
    post(target, '/orders', JSON.stringify({ ...good, ...Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`f${i}`, i])) })),
  'thousands of wrong lines': (target) => post(target, '/orders', JSON.stringify({ ...good, lines: Array.from({ length: 5_000 }, () => 0) })),
  'names that objects have': (target) =>
    post(target, '/orders', '{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"toString":1,"hasOwnProperty":1}'),
  'another media type': (target, random) =>
    post(target, '/orders', 'a=b', `Content-Type: ${random.pick(['text/plain', 'application/xml', 'multipart/form-data', 'x', '', ';;;', 'application/json; charset=utf-99'])}`),
  'an encoding that is not': (target, random) =>
    post(target, '/orders', 'abc', `Content-Encoding: ${random.pick(['gzip', 'deflate', 'br', 'zstd', 'rot13'])}`),
  'text that is not UTF-8': (target) => post(target, '/orders', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}')])),
  'a length that lies': (target, random) => [
    head(target, 'POST', '/orders', 'Content-Type: application/json', `Content-Length: ${random.pick(['5', '-1', 'x', '99999999999999999999', '1, 2'])}`),
    JSON.stringify(good),
  ],
  'a length and chunks at once': (target) => [
    head(target, 'POST', '/orders', 'Content-Type: application/json', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
    '0\r\n\r\n',
  ],
  'broken chunks': (target, random) => [
    head(target, 'POST', '/orders', 'Content-Type: application/json', 'Transfer-Encoding: chunked'),
    random.pick(['zz\r\nabc\r\n', 'ffffffffffffffff\r\n', '5\r\nab', '-1\r\n\r\n']),
  ],
  'headers that are too large': (target) => head(target, 'GET', '/jobs/x', `X-Filler: ${'x'.repeat(40_000)}`),
  'too many headers': (target) => head(target, 'GET', '/orders', ...Array.from({ length: 3_000 }, (_, i) => `X-${i}: y`)),
  'a path that cannot be decoded': (target, random) =>
    head(target, 'GET', random.pick(['/orders/%', '/orders/%ff%fe', '/orders/%00', '/jobs/%c0%af', '/%2e%2e/%2e%2e/etc/passwd', `/${'a/'.repeat(4_000)}`])),
  'an id that is none': (target, random) =>
    head(target, random.pick(['GET', 'DELETE', 'PATCH']), `/${random.pick(['orders', 'jobs', 'webhooks'])}/${inUrl(random.pick(NASTY))}`),
  'a query that nobody asked for': (target, random) =>
    head(target, 'GET', `/webhooks?limit=${inUrl(random.pick(NASTY))}&limit=2&state[a][b]=c&__proto__[x]=1`),
  'another method': (target, random) => head(target, random.pick(['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'GARBAGE', 'CONNECT']), random.pick(PATHS)),
  'a token that is none': (target, random) =>
    head({ ...target, token: random.pick(['', 'x', 'a.b.c', 'e'.repeat(8_000), '..', 'eyJhbGciOiJub25lIn0.e30.', '\u00e9']) }, 'GET', '/jobs/x'),
  'a correlation id and a trace that are none': (target, random) =>
    post(target, '/orders', JSON.stringify(good), `X-Correlation-Id: ${'x'.repeat(random.between(1, 500))}`, 'traceparent: 00-zz-zz-zz', 'tracestate: =,=,,='),
  'a key that is none': (target, random) =>
    post(target, '/orders', JSON.stringify(good), `Idempotency-Key: ${random.pick(['', '""', 'x'.repeat(5_000), '"open', 'a b', '\u00e9\u00ff'])}`),
  'an If-None-Match and a Last-Event-ID that are none': (target, random) =>
    head(target, 'GET', random.pick(['/jobs/019aa000-0000-7000-8000-00000000000a', '/jobs/019aa000-0000-7000-8000-00000000000a/events']), `If-None-Match: ${'"'.repeat(random.between(1, 200))}`, 'Last-Event-ID: 99999999999999999999'),
  'an address for callbacks that is none': (target, random) =>
    post(target, '/webhooks', JSON.stringify({ url: random.pick([...NASTY, 'http://', 'https://127.0.0.1', 'https://[::]', 'file:///etc/passwd', 'https://x@y:z', 'javascript:1']), events: random.pick([['order.completed'], NASTY, 'x', [null]]) })),
  'a request that never ends': (target, random) => head(target, 'POST', '/orders', 'Content-Type: application/json', 'Content-Length: 50').slice(0, random.between(20, 150)),
  'many requests on one line': (target) => Array.from({ length: 20 }, () => head(target, 'GET', '/nowhere').replace('Connection: close\r\n', '')).join(''),
  'an upgrade': (target) => head(target, 'GET', '/orders', 'Upgrade: websocket', 'Sec-WebSocket-Key: x').replace('Connection: close', 'Connection: Upgrade'),
  'another protocol': (_, random) => random.pick(['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'HELO you\r\n', '\x16\x03\x01\x02\x00\x01']),
}; // prettier-ignore

/** Makes one attack and hears what is said to it. The connection is closed when the server closes it, or patience ends. */
export async function attack(name: string, target: Target, random: Random): Promise<Said> {
  const parts = [ATTACKS[name]!(target, random)].flat();
  return await new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: target.host, port: target.port });
    const done = () => {
      socket.destroy();
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      resolve({ attack: name, status: status === undefined ? undefined : Number(status), text });
    };
    socket.setTimeout(PATIENCE_MS, done);
    socket.on('data', (data) => {
      if (text.length < MAX_SAID) text += data.toString('latin1');
    });
    socket.on('error', done);
    socket.on('close', done);
    socket.on('connect', () => {
      for (const part of parts) socket.write(part);
    });
  });
}

/** Something nasty as a part of an address. */
function inUrl(thing: unknown): string {
  return encodeURIComponent(Buffer.from(JSON.stringify(thing).slice(0, 300)).toString());
}

/** The same thing with one of its values replaced by something nasty. */
function spoiled(thing: unknown, random: Random): unknown {
  if (typeof thing !== 'object' || thing === null || random.next() < 0.25) return random.pick(NASTY);
  const keys = Object.keys(thing);
  const key = random.pick(keys);
  const copy = (Array.isArray(thing) ? [...(thing as unknown[])] : { ...thing }) as Record<string, unknown>;
  copy[key] = spoiled(copy[key], random);
  return copy;
}
