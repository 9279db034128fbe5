import { Controller, Headers, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { newId } from '@past-tense/envelope';
import { OpenToAll } from '@past-tense/auth';
import { Accepts, Answers, Problem, Problems, ValidBody } from '@past-tense/service';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { OUTSIDE } from './outside';
import { Behaviours, nonsense } from '../behaviour/behaviours';
import { Books } from '../storage/books';

const captureRequest = z.strictObject({
  orderId: z.uuid(),
  amount: z.strictObject({ minorUnits: z.int().min(0), currency: z.string().regex(/^[A-Z]{3}$/) }),
  token: z
    .string()
    .min(1)
    .max(200)
    .describe(
      '`tok_declined`: insufficient funds; `tok_refused`: refused by the issuer; `tok_nonsense`: an answer nobody can use; anything else is captured.',
    ),
});
const refundRequest = z.strictObject({ captureId: z.string().min(1) });

const declines: Readonly<Record<string, string>> = { tok_declined: 'insufficient-funds', tok_refused: 'refused-by-issuer' };

/** A payment provider, much like the ones on the internet. */
@ApiTags('payment provider')
@OpenToAll(OUTSIDE)
@Controller('payments')
export class PaymentProviderController {
  constructor(
    private readonly books: Books,
    private readonly behaviours: Behaviours,
  ) {}

  @Post('captures')
  @HttpCode(201)
  @ApiOperation({ summary: 'Take money' })
  @ApiHeader({ name: 'Idempotency-Key', required: true })
  @Accepts(captureRequest)
  @Answers(201, 'The money is taken.', z.object({ captureId: z.string() }))
  @Answers(402, 'The money is not taken.', z.object({ reason: z.enum(['insufficient-funds', 'refused-by-issuer']) }))
  @Problems({ 400: 'The request is not valid.', 409: 'The key was used for another request.' })
  async capture(
    @Headers('idempotency-key') key: string | undefined,
    @ValidBody(captureRequest) request: z.infer<typeof captureRequest>,
    @Req() { socket }: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    if (request.token === 'tok_nonsense') throw nonsense();
    const reason = declines[request.token];
    const { accepted, answer } = await this.behaviours.perform(
      'payments',
      () => socket.destroy(),
      () =>
        this.books.enter(key, request, {
          kind: 'capture',
          reference: request.orderId,
          accepted: !reason,
          answer: reason ? { reason } : { captureId: `cap_${newId()}` },
          minorUnits: String(request.amount.minorUnits),
          currency: request.amount.currency,
        }),
    );
    if (!accepted) response.status(402);
    return answer;
  }

  @Post('refunds')
  @HttpCode(201)
  @ApiOperation({ summary: 'Return money that was taken' })
  @ApiHeader({ name: 'Idempotency-Key', required: true })
  @Accepts(refundRequest)
  @Answers(201, 'The money is returned.', z.object({ refundId: z.string() }))
  @Problems({ 400: 'The request is not valid.', 404: 'There is no such capture.', 409: 'The key was used for another request.' })
  async refund(
    @Headers('idempotency-key') key: string | undefined,
    @ValidBody(refundRequest) request: z.infer<typeof refundRequest>,
    @Req() { socket }: Request,
  ): Promise<object> {
    const { answer } = await this.behaviours.perform(
      'payments',
      () => socket.destroy(),
      async () => {
        const capture = await this.books.capture(request.captureId);
        if (!capture) throw new Problem(404, 'capture-not-found', 'Capture not found', `There is no capture ${request.captureId}.`);
        const { reference, minorUnits, currency } = capture;
        return await this.books.enter(key, request, {
          kind: 'refund',
          reference,
          accepted: true,
          answer: { refundId: `ref_${newId()}` },
          minorUnits,
          currency,
        });
      },
    );
    return answer;
  }
}
