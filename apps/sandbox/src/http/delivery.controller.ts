import { Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { OpenToAll } from '@past-tense/auth';
import { newId } from '@past-tense/envelope';
import { Answers, Problem, Problems, SETTINGS } from '@past-tense/service';
import { signCallback } from '@past-tense/webhooks';
import { z } from 'zod';
import { Books } from '../storage/books';
import { OUTSIDE } from './outside';
import type { SandboxSettings } from '../sandbox.config';

const TIMEOUT_MS = 5_000;

/** The carrier at the recipient's door: what happens there is told to whoever handed the parcel over. */
@ApiTags('carrier')
@OpenToAll(OUTSIDE)
@Controller('carrier/parcels')
export class DeliveryController {
  constructor(
    private readonly books: Books,
    @Inject(SETTINGS) private readonly settings: SandboxSettings,
  ) {}

  @Post(':trackingNumber/delivery')
  @HttpCode(200)
  @ApiOperation({ summary: 'Deliver a parcel', description: 'The sender is told by a signed callback; the answer is what it answered.' })
  @ApiParam({ name: 'trackingNumber', schema: { type: 'string' } })
  @Answers(200, 'The parcel is delivered and the sender was told.', z.object({ answered: z.int() }))
  @Problems({ 404: 'There is no such parcel.', 409: 'The sender could not be told.' })
  async deliver(@Param('trackingNumber') trackingNumber: string): Promise<{ answered: number }> {
    if (!(await this.books.hasParcel(trackingNumber)))
      throw new Problem(404, 'parcel-not-found', 'Parcel not found', 'There is no parcel with this tracking number.');
    const now = new Date();
    const body = JSON.stringify({ type: 'parcel.delivered', timestamp: now.toISOString(), data: { trackingNumber } });
    const { CARRIER_CALLBACK_URL: url, CARRIER_CALLBACK_SECRET: secrets } = this.settings;
    const signed = signCallback(secrets[0]!, newId(), now, body);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signed },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(() => {
      throw new Problem(409, 'sender-not-told', 'Sender not told', 'Nothing answers where the sender wants to be told.');
    });
    return { answered: answer.status };
  }
}
