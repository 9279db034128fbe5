import { Inject, Injectable } from '@nestjs/common';
import { OutboundHttp } from '@past-tense/outbound';
import { SETTINGS } from '@past-tense/service';
import { z } from 'zod';
import type { CaptureAnswer, Money } from '../domain/payment';
import type { PaymentsSettings } from '../payments.config';

const captured = z.object({ captureId: z.string() });
const declined = z.object({ reason: z.enum(['insufficient-funds', 'refused-by-issuer']) });
const refunded = z.object({ refundId: z.string() });

/** The payment provider's HTTP API. Every call carries a key of ours, so that asking twice moves money once. */
@Injectable()
export class PaymentProvider {
  readonly #http: OutboundHttp;

  constructor(@Inject(SETTINGS) settings: PaymentsSettings) {
    this.#http = new OutboundHttp({
      name: 'the payment provider',
      baseUrl: settings.PAYMENT_PROVIDER_URL,
      timeoutMs: settings.PAYMENT_PROVIDER_TIMEOUT_MS,
    });
  }

  /**
   * Takes money.
   * @throws UnavailableError if the provider gave no answer; Error if its answer makes no sense
   */
  async capture(idempotencyKey: string, request: { orderId: string; amount: Money; token: string }): Promise<CaptureAnswer> {
    const { status, body } = await this.#http.post('/payments/captures', idempotencyKey, request);
    if (status === 402) return { captured: false, reason: declined.parse(body).reason };
    if (status !== 201) throw new Error(`The payment provider answered a capture with ${status}.`);
    return { captured: true, reference: captured.parse(body).captureId };
  }

  /**
   * Returns money that was taken.
   * @returns the provider's name for the refund
   * @throws UnavailableError if the provider gave no answer; Error if it refuses
   */
  async refund(idempotencyKey: string, captureReference: string): Promise<string> {
    const { status, body } = await this.#http.post('/payments/refunds', idempotencyKey, { captureId: captureReference });
    if (status !== 201) throw new Error(`The payment provider answered a refund with ${status}.`);
    return refunded.parse(body).refundId;
  }
}
