import { Module } from '@nestjs/common';
import { CommandsModule } from '@past-tense/commands';
import { Database } from '@past-tense/database';
import { JobsModule } from '@past-tense/jobs';
import { PersonalData } from '@past-tense/privacy';
import { LOGGER, SETTINGS } from '@past-tense/service';
import type { Logger } from '@past-tense/telemetry';
import { WebhooksModule } from '@past-tense/webhooks';
import { Cancellations } from './commands/cancellations';
import { FollowAnswersOfShipping } from './commands/follow-answers-of-shipping';
import { shippingClient } from './commands/shipping-client';
import { ForgetWhenSettled } from './erasures/forget-when-settled';
import { CancelOrderController } from './http/cancel-order.controller';
import { ChangeDeliveryAddressController } from './http/change-delivery-address.controller';
import { ForgetCustomerController } from './http/forget-customer.controller';
import { GetOrderController } from './http/get-order.controller';
import { PlaceOrderController } from './http/place-order.controller';
import { failures } from './jobs/failures';
import type { OrdersSettings } from './orders.config';
import { ordersMessages } from './orders.messages';
import { CustomerRepository } from './storage/customer.repository';
import { OrderRepository } from './storage/order.repository';
import { AnnounceEndedJobs } from './webhooks/announce-ended-jobs';
import { webhookEvents } from './webhooks/events';

const webhooks = WebhooksModule.register({ events: webhookEvents });

@Module({
  imports: [
    webhooks,
    JobsModule.register({ failures, subjectName: 'orderId', listener: AnnounceEndedJobs, imports: [webhooks] }),
    CommandsModule.register({
      outcomes: FollowAnswersOfShipping,
      inject: [Database, PersonalData, SETTINGS, LOGGER],
      options: (database: Database, personal: PersonalData, settings: OrdersSettings, logger: Logger) => ({
        database,
        personal,
        clients: [shippingClient(settings, logger)],
        expiryMs: settings.COMMAND_EXPIRY_MS,
        logger,
      }),
    }),
  ],
  controllers: [PlaceOrderController, GetOrderController, CancelOrderController, ChangeDeliveryAddressController, ForgetCustomerController],
  providers: [OrderRepository, CustomerRepository, Cancellations, FollowAnswersOfShipping, ForgetWhenSettled, ...ordersMessages.reactions],
})
export class OrdersModule {}
