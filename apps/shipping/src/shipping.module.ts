import { Module } from '@nestjs/common';
import { Carrier } from './carrier/carrier';
import { GetShipmentController } from './http/get-shipment.controller';
import { shippingMessages } from './shipping.messages';
import { ShipmentRepository } from './storage/shipment.repository';

@Module({
  controllers: [GetShipmentController],
  providers: [Carrier, ShipmentRepository, ...shippingMessages.reactions],
})
export class ShippingModule {}
