import { Module } from '@nestjs/common';
import { Behaviours } from './behaviour/behaviours';
import { BehaviourController } from './http/behaviour.controller';
import { Books } from './storage/books';
import { BooksController } from './http/books.controller';
import { CarrierController } from './http/carrier.controller';
import { DeliveryController } from './http/delivery.controller';
import { PaymentProviderController } from './http/payment-provider.controller';

@Module({
  controllers: [PaymentProviderController, CarrierController, DeliveryController, BooksController, BehaviourController],
  providers: [Books, Behaviours],
})
export class SandboxModule {}
