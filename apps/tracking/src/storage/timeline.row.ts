import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('timeline')
export class TimelineRow {
  @PrimaryColumn('uuid', { name: 'event_id' })
  eventId!: string;

  @Column('uuid', { name: 'order_id' })
  orderId!: string;

  @Column('uuid', { name: 'customer_id', nullable: true })
  customerId!: string | null;

  @Column('text')
  topic!: string;

  @Column('text', { name: 'event_type' })
  eventType!: string;

  @Column('text', { name: 'aggregate_id' })
  aggregateId!: string;

  @Column('integer', { name: 'aggregate_version' })
  aggregateVersion!: number;

  @Column('uuid', { name: 'correlation_id' })
  correlationId!: string;

  @Column('uuid', { name: 'causation_id' })
  causationId!: string;

  @Column('text')
  producer!: string;

  @Column('text', { name: 'trace_id' })
  traceId!: string;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  @Column('timestamptz', { name: 'published_at' })
  publishedAt!: Date;
}
