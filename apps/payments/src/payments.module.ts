import { Module } from '@nestjs/common';
import { GetPaymentController } from './http/get-payment.controller';
import { paymentsMessages } from './payments.messages';
import { PaymentProvider } from './provider/payment-provider';
import { PaymentRepository } from './storage/payment.repository';

@Module({
  controllers: [GetPaymentController],
  providers: [PaymentProvider, PaymentRepository, ...paymentsMessages.reactions],
})
export class PaymentsModule {}
