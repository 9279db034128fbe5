import { COMMANDS_MIGRATIONS } from '@past-tense/commands';
import { JOBS_MIGRATIONS } from '@past-tense/jobs';
import { runService } from '@past-tense/service';
import { WEBHOOKS_MIGRATIONS } from '@past-tense/webhooks';
import { ordersMessages } from './orders.messages';
import { OrdersModule } from './orders.module';
import { ordersSettings } from './orders.config';
import { CreateOrders1763683300000 } from './storage/migrations/1763683300000-create-orders';
import { IndexOpenOrders1763721100000 } from './storage/migrations/1763721100000-index-open-orders';
import { RequestCancellations1763722100000 } from './storage/migrations/1763722100000-request-cancellations';
import { ForgetCustomers1763760100000 } from './storage/migrations/1763760100000-forget-customers';
import { OrderRow } from './storage/order.row';

void runService({
  name: 'orders',
  root: __dirname,
  description: 'Takes orders and knows how each one ends.',
  settings: ordersSettings,
  module: OrdersModule,
  messages: ordersMessages,
  entities: [OrderRow],
  migrations: [
    CreateOrders1763683300000,
    IndexOpenOrders1763721100000,
    RequestCancellations1763722100000,
    ForgetCustomers1763760100000,
    ...JOBS_MIGRATIONS,
    ...WEBHOOKS_MIGRATIONS,
    ...COMMANDS_MIGRATIONS,
  ],
});
