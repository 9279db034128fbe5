import { Module } from '@nestjs/common';
import { GetOrderController } from './http/get-order.controller';
import { PlaceOrderController } from './http/place-order.controller';
import { ordersMessages } from './orders.messages';
import { OrderRepository } from './storage/order.repository';

@Module({
  controllers: [PlaceOrderController, GetOrderController],
  providers: [OrderRepository, ...ordersMessages.reactions],
})
export class OrdersModule {}
