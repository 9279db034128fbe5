import { ServerCredentials, status } from '@grpc/grpc-js';
import { CancelShipment, ChangeDeliveryAddress, InvalidPayloadError } from '@past-tense/contracts';
import { newId } from '@past-tense/envelope';
import { inFlow, type Logger } from '@past-tense/telemetry';
import { eventually, freePort } from '@past-tense/testing';
import { CommandClient, overTls, type CommandClientOptions } from '../src/index';
import { StatusError } from '../src/status';
import { aCertificate } from './certificate';
import { ScriptedReceiver, type Scripted } from './scripted-receiver';
import { logger, SHIPMENT } from './shipping';

let receiver: ScriptedReceiver;
const clients: CommandClient[] = [];
beforeEach(async () => {
  receiver = await ScriptedReceiver.start();
});
afterEach(() => {
  clients.splice(0).forEach((client) => client.close());
  receiver.stop();
});

function clientOf(over: Partial<CommandClientOptions> = {}): CommandClient {
  const client = new CommandClient({ receiver: 'shipping', address: receiver.address, token: () => Promise.resolve('token'), ...over });
  clients.push(client);
  return client;
}
/** A logger, and the warnings it was given. */
function aLogger(): [object[], Logger] {
  const said: object[] = [];
  const warn = (fields: object, message: string) => void said.push({ ...fields, message });
  return [said, new Proxy(logger, { get: (target, name) => (name === 'warn' ? warn : (Reflect.get(target, name) as unknown)) })];
}
const aCommand = () => ({ method: CancelShipment, request: { orderId: newId() } });
const accepted = { kind: 'accepted', response: expect.objectContaining({ shipmentId: SHIPMENT }) as unknown };
const saying = (code: status, reason: string) => new StatusError(code, reason, 'Because.');

describe('a client', () => {
  it('says who it is, what flow it is part of, and for whom', async () => {
    const [commandId, correlationId, causationId] = [newId(), newId(), newId()];

    const outcome = await inFlow({ correlationId, causationId }, () => clientOf().send({ ...aCommand(), commandId, onBehalfOf: 'Jörg' }));

    expect(outcome).toEqual(accepted);
    expect(receiver.calls[0]!.metadata.getMap()).toMatchObject({
      authorization: 'Bearer token',
      'command-id': commandId,
      'correlation-id': correlationId,
      'causation-id': causationId,
      'on-behalf-of': 'J%C3%B6rg',
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/) as unknown,
    });
  });

  it.each([
    ['UNAVAILABLE', saying(status.UNAVAILABLE, 'ORDER_UNKNOWN')],
    ['ABORTED', saying(status.ABORTED, 'COMMAND_IN_PROGRESS')],
    ['RESOURCE_EXHAUSTED', saying(status.RESOURCE_EXHAUSTED, 'TOO_MANY_CALLS')],
    ['DEADLINE_EXCEEDED', saying(status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED')],
    ['UNAVAILABLE from a proxy', { code: status.UNAVAILABLE }],
    ['silence', 'silence'],
  ] as [string, Scripted][])('asks again after %s, with the same command id', async (_, first) => {
    receiver.script = [first, first, 'OK'];

    expect(await clientOf({ timeoutMs: 200 }).send(aCommand())).toEqual(accepted);
    expect(receiver.calls).toHaveLength(3);
    expect(new Set(receiver.commandIds).size).toBe(1);
  });

  it.each([
    ['a refusal', saying(status.FAILED_PRECONDITION, 'TOO_LATE'), 'TOO_LATE'],
    ['INVALID_ARGUMENT', saying(status.INVALID_ARGUMENT, 'INVALID_REQUEST'), 'INVALID_REQUEST'],
    ['PERMISSION_DENIED', saying(status.PERMISSION_DENIED, 'SCOPE_MISSING'), 'SCOPE_MISSING'],
    ['a reused command id', saying(status.ALREADY_EXISTS, 'COMMAND_ID_REUSED'), 'COMMAND_ID_REUSED'],
    ['UNIMPLEMENTED from a proxy', { code: status.UNIMPLEMENTED }, 'UNIMPLEMENTED'],
  ] as [string, Scripted, string][])('takes %s for the answer', async (_, only, reason) => {
    receiver.script = [only];

    expect(await clientOf().send(aCommand())).toMatchObject({ kind: 'refused', reason });
    expect(receiver.calls).toHaveLength(1);
  });

  it.each([
    ['INTERNAL', saying(status.INTERNAL, 'INTERNAL')],
    ['UNKNOWN', { code: status.UNKNOWN }],
    ['DATA_LOSS', { code: status.DATA_LOSS }],
  ] as [string, Scripted][])('does not ask again after %s, and does not take it for an answer', async (_, only) => {
    receiver.script = [only];

    expect(await clientOf().send(aCommand())).toMatchObject({ kind: 'unavailable' });
    expect(receiver.calls).toHaveLength(1);
  });

  it('tries another token once', async () => {
    const token = (refused?: string) => Promise.resolve(refused === 'old' ? 'new' : 'old');
    receiver.script = [saying(status.UNAUTHENTICATED, 'UNAUTHENTICATED'), 'OK'];
    expect(await clientOf({ token }).send(aCommand())).toEqual(accepted);

    receiver.script = [saying(status.UNAUTHENTICATED, 'UNAUTHENTICATED')];
    expect(await clientOf().send(aCommand())).toEqual({ kind: 'unavailable', reason: 'UNAUTHENTICATED' });
    expect(receiver.calls.map(({ metadata }) => metadata.get('authorization')[0])).toEqual([
      'Bearer old',
      'Bearer new',
      'Bearer token',
      'Bearer token',
    ]);
  });

  it.each([
    ['is not given', () => Promise.reject(new Error('the issuer is away'))],
    ['cannot be sent', () => Promise.resolve('to\nken')],
  ])('is unavailable when a token %s', async (_, token) => {
    expect(await clientOf({ token, overallMs: 300 }).send(aCommand())).toEqual({ kind: 'unavailable', reason: 'TOKEN_UNAVAILABLE' });
    expect(receiver.calls).toEqual([]);
  });

  it('says once in a while why there is no token, and not what was asked with which secret', async () => {
    const [said, telling] = aLogger();
    const request = { body: 'client_secret=geheim' };
    const token = () => Promise.reject(Object.assign(new Error('the issuer is away'), { request }));
    const client = clientOf({ token, logger: telling });

    for (let i = 0; i < 5; i++) await client.sendOnce(aCommand());

    expect(said).toEqual([{ receiver: 'shipping', cause: 'the issuer is away', unsaid: 0, message: expect.any(String) as unknown }]);
  });

  it('leaves a receiver alone for as long as it asks', async () => {
    receiver.script = [new StatusError(status.RESOURCE_EXHAUSTED, 'TOO_MANY_CALLS', 'Later.', [], { retryAfterMs: 60_000 }), 'OK'];

    expect(await clientOf().send(aCommand())).toEqual({ kind: 'unavailable', reason: 'TOO_MANY_CALLS' });
    expect(receiver.calls).toHaveLength(1);
  });

  it('gives up when its time is over', async () => {
    receiver.script = ['silence'];

    expect(await clientOf({ timeoutMs: 100, overallMs: 600 }).send(aCommand())).toEqual({
      kind: 'unavailable',
      reason: 'DEADLINE_EXCEEDED',
    });
    expect(receiver.calls.length).toBeGreaterThan(1);
  });

  it('finds a receiver that comes up later', async () => {
    const port = await freePort();
    const sending = clientOf({ address: `127.0.0.1:${port}`, breakAfter: 100 }).send(aCommand());
    const later = await ScriptedReceiver.start(port);

    expect(await sending).toEqual(accepted);
    later.stop();
  });

  it('stops asking a receiver that is down, and asks again when it is back', async () => {
    receiver.script = [{ code: status.UNAVAILABLE }];
    const client = clientOf({ breakAfter: 3, probeAfterMs: 100 });

    for (let i = 0; i < 3; i++) expect(await client.sendOnce(aCommand())).toEqual({ kind: 'unavailable', reason: 'UNAVAILABLE' });
    expect(await client.sendOnce(aCommand())).toEqual({ kind: 'unavailable', reason: 'RECEIVER_HELD_BACK' });
    expect(receiver.calls).toHaveLength(3);

    receiver.script = ['OK'];
    await eventually(async () => expect(await client.sendOnce(aCommand())).toEqual(accepted));
    expect(await client.sendOnce(aCommand())).toEqual(accepted);
  });

  it('goes on asking a receiver that works and only cannot tell yet', async () => {
    receiver.script = [saying(status.UNAVAILABLE, 'ORDER_UNKNOWN')];
    const client = clientOf({ breakAfter: 3 });

    for (let i = 0; i < 10; i++) expect(await client.sendOnce(aCommand())).toEqual({ kind: 'unavailable', reason: 'ORDER_UNKNOWN' });
  });

  it('makes only so many calls at once', async () => {
    receiver.script = ['silence'];
    const client = clientOf({ concurrency: 2, timeoutMs: 300, breakAfter: 100 });

    const outcomes = await Promise.all(Array.from({ length: 6 }, () => client.sendOnce(aCommand())));

    expect(outcomes.map((outcome) => outcome.kind === 'unavailable' && outcome.reason).sort()).toEqual([
      ...Array.from({ length: 4 }, () => 'DEADLINE_EXCEEDED'),
      ...Array.from({ length: 2 }, () => 'RECEIVER_HELD_BACK'),
    ]);
  });

  it('does not send what cannot be accepted, to somebody else, or from a reaction', async () => {
    const flow = { correlationId: newId(), causationId: newId() };

    await expect(clientOf().send({ method: CancelShipment, request: { orderId: '1' } })).rejects.toThrow(InvalidPayloadError);
    await expect(clientOf().send({ method: ChangeDeliveryAddress, request: { orderId: newId() } })).rejects.toThrow(InvalidPayloadError);
    await expect(clientOf().send({ ...aCommand(), onBehalfOf: 'x'.repeat(256) })).rejects.toThrow(RangeError);
    await expect(clientOf({ receiver: 'payments' }).send(aCommand())).rejects.toThrow(
      'CancelShipment is answered by shipping, not by payments.',
    );
    await expect(inFlow({ ...flow, eventId: newId() }, () => clientOf().send(aCommand()))).rejects.toThrow(
      'A reaction may not send a command',
    );
    expect(receiver.calls).toEqual([]);
  });

  it('over TLS sends to whoever has a certificate that it trusts, and to nobody else', async () => {
    const [own, foreign] = [aCertificate(), aCertificate()];
    const keys = [{ private_key: Buffer.from(own.key), cert_chain: Buffer.from(own.certificate) }];
    const secured = await ScriptedReceiver.start(0, ServerCredentials.createSsl(null, keys));
    const { address } = secured;

    expect(await clientOf({ address, credentials: overTls(own.certificate) }).send(aCommand())).toEqual(accepted);
    for (const credentials of [overTls(foreign.certificate), overTls(), undefined])
      expect(await clientOf({ address, credentials, overallMs: 500 }).send(aCommand())).toMatchObject({ kind: 'unavailable' });
    expect(secured.calls).toHaveLength(1);
    secured.stop();
  });

  it('that is closed makes no call', async () => {
    const client = clientOf();
    client.close();

    expect(await client.send(aCommand())).toEqual({ kind: 'unavailable', reason: 'CLIENT_CLOSED' });
  });
});
