import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { newId } from '@past-tense/envelope';
import { connect } from 'node:http2';
import type { Random } from '../chaos/random';

export interface GrpcTarget {
  /** host:port */
  readonly address: string;
  /** One that may send commands. */
  readonly token: string;
}

/** Statuses with which a server says that something is wrong with itself. */
export const SERVER_FAULTS: readonly status[] = [status.UNKNOWN, status.INTERNAL, status.DATA_LOSS];
const METHODS = ['CancelShipment', 'ChangeDeliveryAddress', 'Nothing', ''];

/** Calls with something that is no command, and hears the status. */
export async function hostileCall({ address, token }: GrpcTarget, random: Random): Promise<{ code: status; text: string }> {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  const metadata = new Metadata();
  if (random.next() < 0.8)
    metadata.set('authorization', random.pick([`Bearer ${token}`, `Bearer ${token}`, 'Bearer x', 'x'.repeat(3_000)]));
  if (random.next() < 0.9) metadata.set('command-id', random.pick([newId(), newId(), 'x', ' ', '9'.repeat(2_000)]));
  if (random.next() < 0.3) metadata.set('correlation-id', 'x'.repeat(random.between(1, 300)));
  if (random.next() < 0.3)
    metadata.set('traceparent', random.pick(['00-zz', '00-00000000000000000000000000000000-0000000000000000-00', 'x']));
  if (random.next() < 0.2) metadata.set('on-behalf-of', 'x'.repeat(random.between(1, 500)));
  if (random.next() < 0.1) metadata.set('x-filler', 'x'.repeat(20_000));
  const request = random.pick([
    () => random.bytes(random.between(0, 300)),
    () => Buffer.alloc(random.between(65_537, 200_000), 'x'),
    () => Buffer.concat([Buffer.from([0x0a, 36]), Buffer.from(newId())]),
    () => Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    () => Buffer.alloc(40_000, 0x0b),
  ])();
  const bytes = (value: Buffer) => value;
  const deadline = Date.now() + random.pick([1, 50, 2_000, 2_000, 2_000]);
  try {
    return await new Promise((resolve) => {
      const path = `/shipping.v1.ShippingCommands/${random.pick(METHODS)}`;
      client.makeUnaryRequest(path, bytes, bytes, request, metadata, { deadline }, (error: ServiceError | null) =>
        resolve(
          error ? { code: error.code, text: `${error.details} ${JSON.stringify(error.metadata.getMap())}` } : { code: status.OK, text: '' },
        ),
      );
    });
  } finally {
    client.close();
  }
}

/** Speaks HTTP/2 to the server in a way that no gRPC client does: half a call, garbage as a frame, no trailers. */
export async function hostileStream({ address, token }: GrpcTarget, random: Random): Promise<void> {
  const session = connect(`http://${address}`);
  const path = `/shipping.v1.ShippingCommands/${random.pick(METHODS)}`;
  await new Promise<void>((resolve) => {
    const done = () => {
      session.destroy();
      resolve();
    };
    session.on('error', done);
    const stream = session.request({
      ':method': random.pick(['POST', 'POST', 'GET', 'PUT']),
      ':path': path,
      'content-type': random.pick(['application/grpc', 'application/grpc+proto', 'application/json', 'text/plain']),
      te: 'trailers',
      authorization: `Bearer ${token}`,
      ...(random.next() < 0.3 && { 'grpc-timeout': random.pick(['1n', '99999999H', 'x', '-1S']) }),
      ...(random.next() < 0.2 && { 'grpc-encoding': random.pick(['gzip', 'rot13']) }),
    });
    stream.on('error', done);
    stream.on('close', done);
    stream.resume();
    stream.setTimeout(3_000, done);
    stream.write(random.bytes(random.between(0, 2_000)));
    if (random.next() < 0.5) stream.end();
    else setTimeout(done, random.between(1, 100));
  });
}
