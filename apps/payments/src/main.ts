import { runService } from '@past-tense/service';
import { paymentsSettings } from './payments.config';
import { paymentsMessages } from './payments.messages';
import { PaymentsModule } from './payments.module';
import { CreatePayments1763683400000 } from './storage/migrations/1763683400000-create-payments';
import { ForgetCustomers1763760200000 } from './storage/migrations/1763760200000-forget-customers';
import { PaymentRow } from './storage/payment.row';

void runService({
  name: 'payments',
  root: __dirname,
  description: 'Captures and refunds money.',
  settings: paymentsSettings,
  module: PaymentsModule,
  messages: paymentsMessages,
  entities: [PaymentRow],
  migrations: [CreatePayments1763683400000, ForgetCustomers1763760200000],
});
