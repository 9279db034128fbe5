import { Controller, Headers, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import { OpenToAll } from '@past-tense/auth';
import { Accepts, Answers, Problems, ValidBody } from '@past-tense/service';
import type { Request, Response } from 'express';
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { OUTSIDE } from './outside';
import { Behaviours } from '../behaviour/behaviours';
import { Books } from '../storage/books';

const text = z.string().min(1).max(200);
const parcelRequest = z.strictObject({
  orderId: z.uuid(),
  address: z.strictObject({
    recipient: text,
    street: text,
    city: text,
    postalCode: text,
    country: z
      .string()
      .regex(/^[A-Z]{2}$/)
      .describe('Nobody delivers to `AQ`.'),
  }),
});

const UNDELIVERABLE = 'AQ';

/** A carrier, much like the ones on the roads. */
@ApiTags('carrier')
@OpenToAll(OUTSIDE)
@Controller('carrier')
export class CarrierController {
  constructor(
    private readonly books: Books,
    private readonly behaviours: Behaviours,
  ) {}

  @Post('parcels')
  @HttpCode(201)
  @ApiOperation({ summary: 'Hand a parcel over' })
  @ApiHeader({ name: 'Idempotency-Key', required: true })
  @Accepts(parcelRequest)
  @Answers(201, 'The parcel is on its way.', z.object({ trackingNumber: z.string() }))
  @Answers(422, 'Nobody delivers there.', z.object({ reason: z.literal('undeliverable') }))
  @Problems({ 400: 'The request is not valid.', 409: 'The key was used for another request.' })
  async handOver(
    @Headers('idempotency-key') key: string | undefined,
    @ValidBody(parcelRequest) request: z.infer<typeof parcelRequest>,
    @Req() { socket }: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const deliverable = request.address.country !== UNDELIVERABLE;
    const { accepted, answer } = await this.behaviours.perform(
      'carrier',
      () => socket.destroy(),
      () =>
        this.books.enter(key, request, {
          kind: 'parcel',
          reference: request.orderId,
          accepted: deliverable,
          answer: deliverable ? { trackingNumber: `PT${randomInt(1e9, 1e10)}` } : { reason: 'undeliverable' },
        }),
    );
    if (!accepted) response.status(422);
    return answer;
  }
}
