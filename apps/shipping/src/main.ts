import { runService } from '@past-tense/service';
import { shippingSettings } from './shipping.config';
import { shippingMessages } from './shipping.messages';
import { ShippingModule } from './shipping.module';
import { CALLBACKS_MIGRATIONS } from '@past-tense/webhooks';
import { CreateShipments1763683500000 } from './storage/migrations/1763683500000-create-shipments';
import { MoreEndsOfShipments1763722200000 } from './storage/migrations/1763722200000-more-ends-of-shipments';
import { ForgetCustomers1763760300000 } from './storage/migrations/1763760300000-forget-customers';
import { ShipmentRow } from './storage/shipment.row';

void runService({
  name: 'shipping',
  root: __dirname,
  description: 'Plans and dispatches parcels.',
  settings: shippingSettings,
  module: ShippingModule,
  messages: shippingMessages,
  entities: [ShipmentRow],
  migrations: [CreateShipments1763683500000, MoreEndsOfShipments1763722200000, ForgetCustomers1763760300000, ...CALLBACKS_MIGRATIONS],
});
