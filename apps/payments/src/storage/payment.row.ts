import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DeclineReason, Payment } from '../domain/payment';

@Entity('payments')
export class PaymentRow {
  @PrimaryColumn('uuid')
  id!: string;

  /** An order is paid once. */
  @Column('uuid', { name: 'order_id', unique: true })
  orderId!: string;

  @Column('bigint', { name: 'amount_minor_units' })
  amountMinorUnits!: string;

  @Column('text')
  currency!: string;

  /** Unknown for payments from before customers could be forgotten. */
  @Column('uuid', { name: 'customer_id', nullable: true })
  customerId!: string | null;

  /** Sealed. */
  @Column('text', { nullable: true })
  token!: string | null;

  @Column('text')
  status!: Payment['status'];

  @Column('text', { name: 'capture_reference', nullable: true })
  captureReference!: string | null;

  @Column('text', { name: 'refund_reference', nullable: true })
  refundReference!: string | null;

  @Column('text', { name: 'decline_reason', nullable: true })
  declineReason!: DeclineReason | null;

  /** Version of the last fact recorded about the payment. */
  @Column('bigint')
  version!: string;
}
