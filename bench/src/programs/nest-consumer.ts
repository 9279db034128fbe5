import { Controller, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, KafkaContext, Payload, Transport } from '@nestjs/microservices';
import { decode, OrderCompleted } from '@past-tense/contracts';
import { logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { countRows, insertEffect } from '../effects';
import { ORDER_COMPLETED } from '../order-events';
import { program } from '../program';
import { Progress } from '../progress';

export interface NestConsumerOptions {
  readonly url: string;
  readonly broker: string;
  /** Its group. */
  readonly consumer: string;
  readonly events: number;
  readonly warmUp: number;
  /** Partitions whose events are handled side by side. */
  readonly partitionsAtOnce: number;
}

const CONNECTIONS = 16;
const claim = {
  name: 'claim',
  text: 'INSERT INTO processed_events (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
};

/** What Nest offers for Kafka, with the transaction that makes an event count once. Nothing is logged, and no payload is validated. */
program(async ({ url, broker, consumer, events, warmUp, partitionsAtOnce }: NestConsumerOptions) => {
  const pool = new Pool({ connectionString: url, max: CONNECTIONS });
  const progress = new Progress();

  @Controller()
  class Effects {
    constructor(@Inject(Pool) private readonly pool: Pool) {}

    @EventPattern(ORDER_COMPLETED)
    async note(@Payload() value: Buffer, @Ctx() context: KafkaContext): Promise<void> {
      progress.started();
      const eventId = String(context.getMessage().headers!['ce_id']);
      const { orderId } = decode(OrderCompleted, value);
      const client = await this.pool.connect();
      try {
        await client.query('BEGIN');
        const { rowCount } = await client.query({ ...claim, values: [consumer, eventId] });
        if (rowCount === 1) await client.query({ ...insertEffect, values: [eventId, orderId] });
        await client.query('COMMIT');
        progress.committed();
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      } finally {
        client.release();
      }
    }
  }

  @Module({ controllers: [Effects], providers: [{ provide: Pool, useValue: pool }] })
  class EffectsModule {}

  const service = await NestFactory.createMicroservice(EffectsModule, {
    transport: Transport.KAFKA,
    logger: false,
    options: {
      postfixId: '',
      client: { brokers: [broker], logLevel: logLevel.NOTHING },
      consumer: { groupId: consumer },
      subscribe: { fromBeginning: true },
      run: { partitionsConsumedConcurrently: partitionsAtOnce },
    },
  });
  await service.listen();
  return {
    async run() {
      progress.begin();
      const count = async () => (await pool.query<{ rows: number }>(countRows('effects'))).rows[0]!.rows;
      await progress.untilAll(count, warmUp + events);
      return progress.work(events);
    },
    async end() {
      await service.close();
      await pool.end();
    },
  };
});
