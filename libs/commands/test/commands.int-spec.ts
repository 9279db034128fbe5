import { status } from '@grpc/grpc-js';
import { Global, Injectable, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CancelShipment, ChangeDeliveryAddress, isSealed } from '@past-tense/contracts';
import { Database, type Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { DataKeys, keyPermissions, openKeyStore, PersonalData, type OpenKeyStore } from '@past-tense/privacy';
import { currentFlow, inFlow, type Flow } from '@past-tense/telemetry';
import { eventually, testDatabase } from '@past-tense/testing';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { trace } from '@opentelemetry/api';
import {
  CommandClient,
  Commands,
  COMMANDS_MIGRATIONS,
  CommandsModule,
  type CommandOutcomes,
  type CommandsOptions,
  type SettledCommand,
} from '../src/index';
import { StatusError } from '../src/status';
import { Issuer } from './issuer';
import { ScriptedReceiver } from './scripted-receiver';
import { DISPATCHED, logger, seen, SHIPMENT, Shipping } from './shipping';

const sent = { name: 'sent', text: 'SELECT outcome, reason, attempts, length(request) AS request FROM commands WHERE id = $1' };
const dueNow = { name: 'due-now', text: 'UPDATE commands SET next_attempt_at = now() WHERE answered_at IS NULL' };

let url: string;
let database: Database;
let receiver: ScriptedReceiver;
const running: Commands[] = [];

beforeAll(async () => {
  url = await testDatabase();
  database = new Database({ url, applicationName: 'orders', entities: [], migrations: COMMANDS_MIGRATIONS, logger });
  await database.connect();
  await database.migrate();
});
afterAll(() => database.close());
beforeEach(async () => {
  receiver = await ScriptedReceiver.start();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((commands) => commands.stop()));
  receiver.stop();
  await database.query({ name: 'forget', text: 'DELETE FROM commands' });
});

/** Collects what it is told; what it must not be told twice is seen. */
class Told implements CommandOutcomes {
  readonly commands: SettledCommand[] = [];
  readonly flows: (Flow | undefined)[] = [];
  /** Runs before a command is taken note of. */
  before: () => void = () => undefined;

  async answered(transaction: Transaction, command: SettledCommand): Promise<void> {
    this.before();
    transaction.afterCommit(() => {
      this.commands.push(command);
      this.flows.push(currentFlow());
    });
  }
}

const clientTo = (address: string, token = () => Promise.resolve('token')) =>
  new CommandClient({ receiver: 'shipping', address, token, breakAfter: 1_000 });
function commandsWith(over: Partial<CommandsOptions> = {}): Commands {
  const commands = new Commands({ database, clients: [clientTo(receiver.address)], logger, ...over });
  running.push(commands);
  return commands;
}
const request = (commands: Commands, subject = newId(), orderId = subject) =>
  database.transaction((transaction) => commands.request(transaction, { method: CancelShipment, request: { orderId }, subject }));
const rowOf = async (id: string) => (await database.query(sent, [id]))[0];

describe('a durable command', () => {
  it('is sent once its transaction is committed, and its sender is told', async () => {
    const [told, commands, subject] = [new Told(), commandsWith(), newId()];
    commands.start(told);

    const commandId = await request(commands, subject);

    await eventually(() => expect(told.commands.length).toBe(1));
    expect(told.commands[0]).toMatchObject({
      commandId,
      method: CancelShipment,
      subject,
      outcome: { kind: 'accepted', response: { shipmentId: SHIPMENT } },
    });
    expect(await rowOf(commandId)).toEqual({ outcome: 'accepted', reason: null, attempts: 1, request: 0 });
  });

  it('is not sent when its transaction is rolled back', async () => {
    const [told, commands] = [new Told(), commandsWith()];
    commands.start(told);
    const failing = database.transaction(async (transaction) => {
      await commands.request(transaction, { method: CancelShipment, request: { orderId: newId() }, subject: newId() });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');

    const next = await request(commands);

    await eventually(() => expect(told.commands.length).toBe(1));
    expect(receiver.commandIds).toEqual([next]);
  });

  it('is sent again until it is answered, with the same id', async () => {
    const [told, commands] = [new Told(), commandsWith()];
    receiver.script = [
      { code: status.UNAVAILABLE },
      new StatusError(status.INTERNAL, 'INTERNAL', ''),
      new StatusError(status.UNAVAILABLE, 'ORDER_UNKNOWN', ''),
      'OK',
    ];
    commands.start(told);

    const commandId = await request(commands);

    await eventually(() => expect(told.commands.length).toBe(1));
    expect(receiver.commandIds).toEqual([commandId, commandId, commandId, commandId]);
  });

  it.each([status.FAILED_PRECONDITION, status.INVALID_ARGUMENT, status.PERMISSION_DENIED, status.UNIMPLEMENTED])(
    'that is refused (%s) is not sent again',
    async (code) => {
      const [told, commands] = [new Told(), commandsWith()];
      receiver.script = [new StatusError(code, 'TOO_LATE', 'The parcel is gone.')];
      commands.start(told);

      const commandId = await request(commands);

      await eventually(() => expect(told.commands.length).toBe(1));
      expect(told.commands[0]!.outcome).toEqual({ kind: 'refused', reason: 'TOO_LATE', detail: 'The parcel is gone.' });
      expect(await rowOf(commandId)).toMatchObject({ outcome: 'refused', reason: 'TOO_LATE', attempts: 1 });
    },
  );

  it('expires when nobody answers in time', async () => {
    const [told, commands] = [new Told(), commandsWith({ expiryMs: 700 })];
    receiver.script = [{ code: status.UNAVAILABLE }];
    commands.start(told);

    const commandId = await request(commands);

    await eventually(() => expect(told.commands.length).toBe(1));
    expect(told.commands[0]).toMatchObject({ commandId, outcome: { kind: 'expired' } });
    expect(receiver.calls.length).toBeGreaterThan(0);
    expect(await rowOf(commandId)).toMatchObject({ outcome: 'expired', request: 0 });
  });

  it('waits for the one before it about the same subject, and for no other', async () => {
    const [told, commands, subject] = [new Told(), commandsWith(), newId()];
    const first = await request(commands, subject);
    const second = await request(commands, subject);
    const other = await request(commands);
    receiver.script = [{ code: status.UNAVAILABLE }, { code: status.UNAVAILABLE }, { code: status.UNAVAILABLE }, 'OK'];
    commands.start(told);

    await eventually(() => expect(told.commands.length).toBe(3));
    const ofSubject = receiver.commandIds.filter((id) => id !== other);
    expect(ofSubject.lastIndexOf(first)).toBeLessThan(ofSubject.indexOf(second));
    expect(told.commands.map(({ commandId }) => commandId)).toEqual(expect.arrayContaining([first, second, other]));
  });

  it('is sent in the order of the requests, also where the clock of the instance that made the first was fast', async () => {
    const [told, commands, subject] = [new Told(), commandsWith(), newId()];
    const first = await request(commands, subject);
    const second = await request(commands, subject);
    const later = newId();
    await database.query({ name: 'fast-clock', text: 'UPDATE commands SET id = $2 WHERE id = $1' }, [first, later]);
    commands.start(told);

    await eventually(() => expect(told.commands.length).toBe(2));
    expect(receiver.commandIds).toEqual([later, second]);
  });

  it('may be for somebody whose name PostgreSQL or gRPC would not take as it is', async () => {
    const [told, commands] = [new Told(), commandsWith()];
    const command = { method: CancelShipment, request: { orderId: newId() }, subject: newId(), onBehalfOf: 'a\0b\ud800' };
    await database.transaction((transaction) => commands.request(transaction, command));
    commands.start(told);

    await eventually(() => expect(told.commands.length).toBe(1));
    expect(receiver.calls[0]!.metadata.get('on-behalf-of')).toEqual(['ab%EF%BF%BD']);
  });

  it('is sent by whoever is left, and settled once, with several instances', async () => {
    const told = new Told();
    const instances = [commandsWith(), commandsWith(), commandsWith()];
    instances.forEach((commands) => commands.start(told));

    const ids = await Promise.all(Array.from({ length: 60 }, (_, i) => request(instances[i % 3]!)));

    await eventually(() => expect(told.commands.length).toBe(60));
    expect(told.commands.map(({ commandId }) => commandId).sort()).toEqual([...ids].sort());
    expect([...receiver.commandIds].sort()).toEqual([...ids].sort());
  });

  it('is told in the flow and the trace in which it was requested', async () => {
    const provider = new NodeTracerProvider();
    provider.register();
    try {
      const [told, commands, flow] = [new Told(), commandsWith(), { correlationId: newId(), causationId: newId() }];
      let traceId = '';
      const commandId = await trace.getTracer('test').startActiveSpan('request', async (span) => {
        traceId = span.spanContext().traceId;
        const id = await inFlow(flow, () => request(commands));
        span.end();
        return id;
      });
      commands.start(told);

      await eventually(() => expect(told.commands.length).toBe(1));
      expect(told.flows).toEqual([{ correlationId: flow.correlationId, causationId: commandId }]);
      const { metadata } = receiver.calls[0]!;
      expect(metadata.get('correlation-id')).toEqual([flow.correlationId]);
      expect(metadata.get('causation-id')).toEqual([flow.causationId]);
      expect(String(metadata.get('traceparent')[0])).toContain(traceId);
    } finally {
      await provider.shutdown();
      trace.disable();
    }
  });

  it('is forgotten 30 days after it was settled, and not before it is', async () => {
    const commands = commandsWith();
    const [old, recent, open] = [await request(commands), await request(commands), await request(commands)];
    const age = {
      name: 'age',
      text: `UPDATE commands SET answered_at = now() - $2 * interval '1 day', outcome = 'accepted', expires_at = now() WHERE id = $1`,
    };
    await database.query(age, [old, 31]);
    await database.query(age, [recent, 29]);
    receiver.script = [{ code: status.UNAVAILABLE }];

    commands.start(new Told());

    await eventually(async () => expect(await rowOf(old)).toBeUndefined());
    expect(await rowOf(recent)).toBeDefined();
    expect(await rowOf(open)).toBeDefined();
  });

  it('is not requested from a reaction', async () => {
    const flow = { correlationId: newId(), causationId: newId(), eventId: newId() };

    await expect(inFlow(flow, () => request(commandsWith()))).rejects.toThrow(
      'A reaction may not send a command, and CancelShipment is one',
    );
  });

  it('is not requested where nobody can send it, or where it could not be accepted', async () => {
    const commands = commandsWith({ clients: [] });
    await expect(request(commands)).rejects.toThrow('Commands was given no client for shipping');
    await expect(request(commandsWith(), newId(), 'no-order')).rejects.toThrow('order_id');
    const noAddress = { method: ChangeDeliveryAddress, request: { orderId: newId(), address: {} }, subject: newId() };
    await expect(database.transaction((transaction) => commandsWith().request(transaction, noAddress))).rejects.toThrow(
      'at least one field',
    );
  });
});

describe('a command that says something about a person', () => {
  const person = newId();
  const address = { street: 'Side Street 2' };
  const move = { method: ChangeDeliveryAddress, request: { orderId: newId(), address }, subject: newId() };
  const keyOf = (service: string) => new PersonalData(service, new DataKeys(keyStore.store, { cachedMs: 1 }));
  const requestMove = (commands: Commands) => database.transaction((transaction) => commands.request(transaction, { ...move, person }));
  let keyStore: OpenKeyStore;
  beforeAll(async () => {
    const url = await testDatabase();
    const settings = { KEY_STORE_URL: url, MASTER_KEYS: new Map([['a', Buffer.alloc(32)]]), DATA_KEYS_CACHED: 10, DATA_KEYS_CACHED_MS: 1 };
    keyStore = await openKeyStore('test', settings, logger);
    await keyStore.prepare(keyPermissions());
  });
  afterAll(() => keyStore.close());

  it('is sealed as long as it waits, and arrives as it was asked', async () => {
    const [told, commands] = [new Told(), commandsWith({ personal: keyOf('orders') })];

    const id = await requestMove(commands);

    const [{ request: kept }] = (await database.query({ name: 'kept', text: 'SELECT request FROM commands WHERE id = $1' }, [id])) as [
      { request: Buffer },
    ];
    expect(isSealed(kept.toString())).toBe(true);
    commands.start(told);
    await eventually(() => expect(told.commands.length).toBe(1));
    expect(told.commands[0]).toMatchObject({ commandId: id, outcome: { kind: 'accepted' } });
  });

  it('is not sent any more once they were forgotten', async () => {
    const [told, commands] = [new Told(), commandsWith({ personal: keyOf('orders') })];
    const id = await requestMove(commands);
    await keyOf('orders').forget(person);

    commands.start(told);
    await eventually(() => expect(told.commands.length).toBe(1));
    expect(told.commands[0]).toMatchObject({ commandId: id, outcome: { kind: 'expired' } });
    expect(receiver.commandIds).not.toContain(id);
    await expect(requestMove(commands)).rejects.toThrow('was forgotten');
  });

  it('is not kept where nobody can seal it, or nobody is named', async () => {
    const sentence = 'ChangeDeliveryAddress holds personal data; say whom it is about (person)';
    await expect(requestMove(commandsWith())).rejects.toThrow(sentence);
    const unnamed = database.transaction((transaction) => commandsWith({ personal: keyOf('orders') }).request(transaction, move));
    await expect(unnamed).rejects.toThrow(sentence);
  });
});

describe('between a service that sends and one that answers', () => {
  let issuer: Issuer;
  let shipping: Shipping;
  beforeAll(async () => {
    issuer = await Issuer.start();
    shipping = await Shipping.start(await testDatabase(), issuer.url);
  });
  afterAll(async () => {
    await shipping.stop();
    await issuer.stop();
  });
  const toShipping = () => [clientTo(shipping.address, () => issuer.token('orders'))];

  it('a sender that fails between the answer and writing it down sends again, and gets the same answer', async () => {
    const [told, commands, orderId] = [new Told(), commandsWith({ clients: toShipping() }), newId()];
    let failures = 1;
    told.before = () => {
      if (failures-- > 0) throw new Error('killed before the commit');
    };
    const before = seen.length;
    commands.start(told);

    const commandId = await request(commands, newId(), orderId);
    await eventually(async () => {
      await database.query(dueNow);
      expect(told.commands.length).toBe(1);
    });

    expect(told.commands[0]).toMatchObject({ commandId, outcome: { kind: 'accepted' } });
    expect((await rowOf(commandId))!['attempts']).toBeGreaterThan(1);
    expect(seen.length).toBe(before + 1);
    expect(await shipping.cancellationsOf(orderId)).toBe(1);
  });

  it('a refusal comes with the reason, and what it is for', async () => {
    @Injectable()
    class OrdersOutcomes extends Told {}
    @Global()
    @Module({ providers: [{ provide: Database, useValue: database }], exports: [Database] })
    class PlatformModule {}
    @Module({
      imports: [
        PlatformModule,
        CommandsModule.register({
          outcomes: OrdersOutcomes,
          inject: [Database],
          options: (injected: Database) => ({ database: injected, clients: toShipping(), logger }),
        }),
      ],
      providers: [OrdersOutcomes],
    })
    class OrdersModule {}
    const app: INestApplication = await NestFactory.create(OrdersModule, { logger: false });
    await app.init();
    const subject = newId();

    await request(app.get(Commands), subject, DISPATCHED);

    const told = app.get(OrdersOutcomes);
    await eventually(() => expect(told.commands.length).toBe(1));
    await app.close();
    expect(told.commands[0]).toMatchObject({ subject, outcome: { kind: 'refused', reason: 'SHIPMENT_ALREADY_DISPATCHED' } });
  });
});
