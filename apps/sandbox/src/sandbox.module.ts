import { Module } from '@nestjs/common';
import { Behaviours } from './behaviour/behaviours';
import { BehaviourController } from './behaviour/behaviour.controller';
import { Books } from './books/books';
import { BooksController } from './http/books.controller';
import { CarrierController } from './http/carrier.controller';
import { PaymentProviderController } from './http/payment-provider.controller';

@Module({
  controllers: [PaymentProviderController, CarrierController, BooksController, BehaviourController],
  providers: [Books, Behaviours],
})
export class SandboxModule {}
