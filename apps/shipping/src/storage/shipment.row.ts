import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Address, Shipment } from '../domain/shipment';

@Entity('shipments')
export class ShipmentRow {
  @PrimaryColumn('uuid')
  id!: string;

  /** An order has one parcel. */
  @Column('uuid', { name: 'order_id', unique: true })
  orderId!: string;

  /** Unknown for shipments from before customers could be forgotten. */
  @Column('uuid', { name: 'customer_id', nullable: true })
  customerId!: string | null;

  /** Sealed, except for the country. */
  @Column('jsonb', { nullable: true })
  address!: Address | null;

  @Column('text')
  status!: Shipment['status'];

  @Column('text', { name: 'tracking_number', nullable: true })
  trackingNumber!: string | null;

  /** Version of the last fact recorded about the shipment. */
  @Column('bigint')
  version!: string;
}
