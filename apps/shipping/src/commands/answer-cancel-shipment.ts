import { Injectable } from '@nestjs/common';
import { Handles, type Command, type CommandHandler } from '@past-tense/commands';
import { CancelShipment } from '@past-tense/contracts';
import type { Transaction } from '@past-tense/database';
import { cancelShipment } from '../domain/shipment';
import { ShipmentRepository } from '../storage/shipment.repository';
import { changeForCommand } from './change-for-command';

@Injectable()
@Handles(CancelShipment)
export class AnswerCancelShipment implements CommandHandler<typeof CancelShipment> {
  constructor(private readonly shipments: ShipmentRepository) {}

  async handle({ data }: Command<typeof CancelShipment>, transaction: Transaction): Promise<{ shipmentId: string }> {
    return await changeForCommand(this.shipments, transaction, data.orderId, cancelShipment);
  }
}
