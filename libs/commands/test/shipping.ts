import { Injectable, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TokenVerifier } from '@past-tense/auth';
import { CancelShipment, ChangeDeliveryAddress } from '@past-tense/contracts';
import { Database, type Transaction } from '@past-tense/database';
import { freePort } from '@past-tense/testing';
import { createLogger, currentFlow, currentTrace, type Flow } from '@past-tense/telemetry';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import {
  COMMAND_SERVER_MIGRATIONS,
  connectCommands,
  Handles,
  NotYet,
  Refusal,
  type Command,
  type CommandHandler,
  type CommandServerOptions,
} from '../src/index';

export const SHIPMENT = '019aa000-0000-7000-8000-0000000000ff';
/** An order whose shipment is with the carrier. */
export const DISPATCHED = '019aa000-0000-7000-8000-0000000000d1';
/** An order nobody has heard of yet. */
export const UNHEARD = '019aa000-0000-7000-8000-0000000000e1';
/** An order that trips the handler up. */
export const BROKEN = '019aa000-0000-7000-8000-0000000000b1';

export const logger = createLogger({ service: 'test', version: '1', level: 'silent', format: 'json' });

class CreateCancellations1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE cancellations (order_id uuid NOT NULL, command_id uuid NOT NULL, caller text NOT NULL)');
    await runner.query('CREATE TABLE gate (name text PRIMARY KEY)');
    await runner.query(`INSERT INTO gate VALUES ('gate')`);
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE cancellations, gate');
  }
}

const gate = { name: 'gate', text: 'SELECT 1 FROM gate FOR SHARE' };
const cancel = { name: 'cancel', text: 'INSERT INTO cancellations VALUES ($1, $2, $3)' };
const count = { name: 'count', text: 'SELECT count(*)::int AS count FROM cancellations WHERE order_id = $1' };

/** What the handlers saw, command by command. */
export const seen: { command: Command; flow: Flow | undefined; traceparent: string | undefined }[] = [];

@Injectable()
@Handles(CancelShipment)
class AnswerCancelShipment implements CommandHandler<typeof CancelShipment> {
  async handle(command: Command<typeof CancelShipment>, transaction: Transaction) {
    const { data, commandId, caller } = command;
    seen.push({ command, flow: currentFlow(), traceparent: currentTrace()?.traceparent });
    await transaction.query(gate);
    await transaction.query(cancel, [data.orderId, commandId, caller]);
    if (data.orderId === DISPATCHED) throw new Refusal('SHIPMENT_ALREADY_DISPATCHED', 'The parcel is with the carrier – „schon weg“.');
    if (data.orderId === UNHEARD) throw new NotYet('ORDER_UNKNOWN', 'The order has not been heard of yet.');
    if (data.orderId === BROKEN) await transaction.query({ name: 'broken', text: 'SELECT * FROM secrets_of_the_house' });
    return { shipmentId: SHIPMENT };
  }
}

@Injectable()
@Handles(ChangeDeliveryAddress)
class AnswerChangeDeliveryAddress implements CommandHandler<typeof ChangeDeliveryAddress> {
  async handle(_: Command<typeof ChangeDeliveryAddress>, transaction: Transaction) {
    // A refusal must be kept even where PostgreSQL gave the transaction up.
    await transaction.query({ name: 'nonsense', text: 'SELECT 1 / 0' }).catch(() => undefined);
    throw new Refusal('NOWHERE_TO_GO', 'There is no other address.');
    return { shipmentId: SHIPMENT };
  }
}

@Module({ providers: [AnswerCancelShipment, AnswerChangeDeliveryAddress] })
class ShippingModule {}

/** An instance of a service that answers commands. */
export class Shipping {
  private constructor(
    private readonly app: INestApplication,
    readonly database: Database,
    readonly port: number,
  ) {}

  static async start(databaseUrl: string, issuer: string, over: Partial<CommandServerOptions> = {}): Promise<Shipping> {
    const database = new Database({
      url: databaseUrl,
      applicationName: 'shipping',
      entities: [],
      migrations: [...COMMAND_SERVER_MIGRATIONS, CreateCancellations1700000000000],
      logger,
    });
    await database.connect();
    await database.migrate();
    const app = await NestFactory.create(ShippingModule, { logger: false });
    const port = over.port ?? (await freePort());
    connectCommands(app, {
      service: 'shipping',
      handlers: [AnswerCancelShipment, AnswerChangeDeliveryAddress],
      host: '127.0.0.1',
      verifier: await TokenVerifier.of({ issuer, audience: 'past-tense', customerClaim: 'customer_id', development: true }),
      database,
      logger,
      ...over,
      port,
    });
    try {
      await app.startAllMicroservices();
      await app.init();
    } catch (error) {
      await database.close();
      throw error;
    }
    return new Shipping(app, database, port);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async cancellationsOf(orderId: string): Promise<number> {
    return (await this.database.query<{ count: number }>(count, [orderId]))[0]!.count;
  }

  /** Stops every handler at its gate until the returned function is called. */
  async closeGate(): Promise<() => Promise<void>> {
    const session = await this.database.session();
    await session.query('BEGIN');
    await session.query('SELECT 1 FROM gate FOR UPDATE');
    return async () => {
      await session.query('ROLLBACK');
      session.release();
    };
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.database.close();
  }
}
