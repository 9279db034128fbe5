import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Address, Shipment } from '../domain/shipment';

@Entity('shipments')
export class ShipmentRow {
  @PrimaryColumn('uuid')
  id!: string;

  /** An order has one parcel. */
  @Column('uuid', { name: 'order_id', unique: true })
  orderId!: string;

  @Column('jsonb')
  address!: Address;

  @Column('text')
  status!: Shipment['status'];

  @Column('text', { name: 'tracking_number', nullable: true })
  trackingNumber!: string | null;

  /** Version of the last fact recorded about the shipment. */
  @Column('bigint')
  version!: string;
}
