import { PaymentCaptured, PaymentDeclined, PaymentRefunded } from '@past-tense/contracts';
import type { Messages } from '@past-tense/service';
import { CapturePaymentWhenOrderPlaced } from './reactions/capture-payment-when-order-placed';
import { EraseTokensWhenCustomerForgotten } from './reactions/erase-tokens-when-customer-forgotten';
import { RefundPaymentWhenOrderCancelled } from './reactions/refund-payment-when-order-cancelled';

/** What payments says and what it listens to. */
export const paymentsMessages: Messages = {
  publishes: [PaymentCaptured, PaymentDeclined, PaymentRefunded],
  reactions: [CapturePaymentWhenOrderPlaced, RefundPaymentWhenOrderCancelled, EraseTokensWhenCustomerForgotten],
};
