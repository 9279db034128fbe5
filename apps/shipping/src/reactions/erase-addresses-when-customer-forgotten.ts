import { Injectable } from '@nestjs/common';
import { CustomerForgotten } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { ReactsTo, type Event, type Reaction } from '@past-tense/messaging';
import { ShipmentRepository } from '../storage/shipment.repository';

@Injectable()
@ReactsTo(CustomerForgotten)
export class EraseAddressesWhenCustomerForgotten implements Reaction<CustomerForgotten> {
  constructor(private readonly shipments: ShipmentRepository) {}

  async react({ data }: Event<CustomerForgotten>, transaction: Transaction): Promise<void> {
    await this.shipments.eraseAddresses(transaction, data.customerId);
  }
}
