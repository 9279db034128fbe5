import { Injectable } from '@nestjs/common';
import { Handles, type Command, type CommandHandler } from '@past-tense/commands';
import { ChangeDeliveryAddress } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { changeAddress, type Address } from '../domain/shipment';
import { ShipmentRepository } from '../storage/shipment.repository';
import { changeForCommand } from './change-for-command';

@Injectable()
@Handles(ChangeDeliveryAddress)
export class AnswerChangeDeliveryAddress implements CommandHandler<typeof ChangeDeliveryAddress> {
  constructor(private readonly shipments: ShipmentRepository) {}

  async handle({ data }: Command<typeof ChangeDeliveryAddress>, transaction: Transaction): Promise<{ shipmentId: string }> {
    const { recipient, street, city, postalCode, country } = data.address!;
    const wanted = { recipient, street, city, postalCode, country };
    const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as Partial<Address>;
    return await changeForCommand(this.shipments, transaction, data.orderId, (shipment) => changeAddress(shipment, given));
  }
}
