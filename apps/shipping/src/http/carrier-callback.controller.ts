import { Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Database } from '@past-tense/database';
import { Accepts, Answers, Problem, Problems, ValidBody } from '@past-tense/service';
import { CallbackInbox, callbackReplayed, SignedCallback } from '@past-tense/webhooks';
import { z } from 'zod';
import { recordDelivery } from '../domain/shipment';
import { ShipmentRepository } from '../storage/shipment.repository';

const callback = z
  .object({
    type: z.literal('parcel.delivered', 'must be parcel.delivered'),
    timestamp: z.iso.datetime('must be a UTC time'),
    data: z.object({ trackingNumber: z.string().regex(/^[A-Z0-9]{1,40}$/, 'must be a tracking number') }),
  })
  .meta({ example: { type: 'parcel.delivered', timestamp: '2026-11-21T08:00:00.000Z', data: { trackingNumber: 'PT1234567890' } } });

@ApiTags('carrier')
@Controller('carrier/callbacks')
export class CarrierCallbackController {
  constructor(
    private readonly database: Database,
    private readonly inbox: CallbackInbox,
    private readonly shipments: ShipmentRepository,
  ) {}

  @Post()
  @HttpCode(204)
  @SignedCallback('CARRIER_CALLBACK_SECRET')
  @ApiOperation({ summary: 'Hear from the carrier', description: 'Signed as the Standard Webhooks specification has it.' })
  @Accepts(callback)
  @Answers(204, 'It is noted.')
  @Problems({ 404: 'No parcel with that tracking number was handed over (yet): tell us again later.' })
  async receive(@ValidBody(callback) { data }: z.infer<typeof callback>, @Headers('webhook-id') webhookId: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      if (!(await this.inbox.accept(transaction, webhookId))) throw callbackReplayed();
      const shipment = await this.shipments.findByTrackingNumber(transaction, data.trackingNumber);
      if (!shipment) throw new Problem(404, 'parcel-not-found', 'Parcel not found', 'There is no parcel with this tracking number.');
      await this.shipments.change(transaction, shipment.orderId, recordDelivery);
    });
  }
}
