import { Module } from '@nestjs/common';
import { CallbacksModule } from '@past-tense/webhooks';
import { Carrier } from './carrier/carrier';
import { CarrierCallbackController } from './http/carrier-callback.controller';
import { GetShipmentController } from './http/get-shipment.controller';
import { shippingMessages } from './shipping.messages';
import { ShipmentRepository } from './storage/shipment.repository';

@Module({
  imports: [CallbacksModule],
  controllers: [GetShipmentController, CarrierCallbackController],
  providers: [Carrier, ShipmentRepository, ...shippingMessages.reactions, ...(shippingMessages.answers ?? [])],
})
export class ShippingModule {}
