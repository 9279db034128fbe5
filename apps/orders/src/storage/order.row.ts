import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { CancellationReason, Order, OrderLine } from '../domain/order';

@Entity('orders')
export class OrderRow {
  @PrimaryColumn('uuid')
  id!: string;

  /** The job that placed the order, as the caller knows it. */
  @Column('uuid', { name: 'job_id' })
  jobId!: string;

  /** The job of the last request to cancel the order. */
  @Column('uuid', { name: 'cancellation_job_id', nullable: true })
  cancellationJobId!: string | null;

  @Column('uuid', { name: 'correlation_id' })
  correlationId!: string;

  @Column('uuid', { name: 'customer_id' })
  customerId!: string;

  @Column('text')
  status!: Order['status'];

  @Column('jsonb')
  lines!: readonly OrderLine[];

  @Column('bigint', { name: 'total_minor_units' })
  totalMinorUnits!: string;

  @Column('text')
  currency!: string;

  @Column('timestamptz', { name: 'placed_at' })
  placedAt!: Date;

  @Column('timestamptz', { name: 'paid_at', nullable: true })
  paidAt!: Date | null;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;

  @Column('timestamptz', { name: 'refunded_at', nullable: true })
  refundedAt!: Date | null;

  @Column('timestamptz', { name: 'declined_at', nullable: true })
  declinedAt!: Date | null;

  @Column('text', { name: 'cancellation_reason', nullable: true })
  cancellationReason!: CancellationReason | null;

  /** Version of the last fact recorded about the order. */
  @Column('bigint')
  version!: string;
}
