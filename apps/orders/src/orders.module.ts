import { Module } from '@nestjs/common';
import { GetOrderController } from './http/get-order.controller';
import { PlaceOrderController } from './http/place-order.controller';
import { ordersMessages } from './orders.messages';
import { OrderFigures } from './storage/order.figures';
import { OrderRepository } from './storage/order.repository';

@Module({
  controllers: [PlaceOrderController, GetOrderController],
  providers: [OrderRepository, OrderFigures, ...ordersMessages.reactions],
})
export class OrdersModule {}
