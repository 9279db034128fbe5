import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow } from '@past-tense/auth';
import { Answers, Problem, Problems, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { PaymentRepository } from '../storage/payment.repository';

const paymentView = z.object({
  paymentId: z.uuid(),
  orderId: z.uuid(),
  amount: z.object({ minorUnits: z.int(), currency: z.string() }),
  status: z.enum(['requested', 'captured', 'declined', 'refunded']),
  declineReason: z.enum(['insufficient-funds', 'refused-by-issuer']).optional(),
});

@ApiTags('payments')
@Controller('payments')
@Allow('payments:read')
export class GetPaymentController {
  constructor(private readonly payments: PaymentRepository) {}

  @Get(':paymentId')
  @ApiOperation({ summary: 'See a payment' })
  @UuidPath('paymentId', 'The payment.')
  @Answers(200, 'The payment as it is now.', paymentView)
  @Problems({ 400: 'The id is not a UUID.', 404: 'There is no such payment.' })
  async get(@UuidParam('paymentId') paymentId: string): Promise<z.infer<typeof paymentView>> {
    const payment = await this.payments.find(paymentId);
    if (!payment) throw new Problem(404, 'payment-not-found', 'Payment not found', `There is no payment ${paymentId}.`);
    const { orderId, amount, status, declineReason } = payment;
    return { paymentId, orderId, amount: { ...amount }, status, declineReason };
  }
}
