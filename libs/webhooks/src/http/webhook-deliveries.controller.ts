import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow } from '@past-tense/auth';
import { Answers, Problems, QueryParameters, UuidParam, UuidPath, ValidQuery } from '@past-tense/service';
import type { z } from 'zod';
import { Deliveries } from '../deliveries/deliveries';
import { Webhooks } from '../webhooks';
import { requireAccepted } from './refusals';
import { parkedQuery, type ParkedQuery } from './requests';
import { deliveryAccepted, deliveryPage, pageOf } from './views';

/** Parked deliveries of every owner, for operators. */
@ApiTags('webhook deliveries')
@ApiBearerAuth()
@Allow('operations')
@Problems({
  400: 'The request is not valid; every wrong field is named.',
  401: 'The token is missing or not right.',
  403: 'The token lacks the scope `operations`.',
  429: 'Too many requests.',
})
@Controller('webhook-deliveries')
export class WebhookDeliveriesController {
  constructor(
    private readonly deliveries: Deliveries,
    private readonly webhooks: Webhooks,
  ) {}

  @Get()
  @ApiOperation({ summary: 'See what is parked, whoever it is for', description: 'The newest first.' })
  @QueryParameters(parkedQuery)
  @Answers(200, 'A page of deliveries.', deliveryPage)
  async list(@ValidQuery(parkedQuery) { limit, cursor }: ParkedQuery): Promise<z.infer<typeof deliveryPage>> {
    return pageOf(await this.deliveries.parked({ limit: limit + 1, cursor }), limit);
  }

  @Post(':deliveryId/retries')
  @HttpCode(202)
  @ApiOperation({ summary: 'Send a delivery again', description: 'With the same `webhook-id`; its attempts start anew.' })
  @UuidPath('deliveryId', 'The delivery.')
  @Answers(202, 'It is sent again.', deliveryAccepted)
  @Problems({ 404: 'There is no such delivery.', 409: 'It has been delivered, or its subscription is disabled.' })
  async retry(@UuidParam('deliveryId') deliveryId: string): Promise<z.infer<typeof deliveryAccepted>> {
    requireAccepted(await this.webhooks.sendAgain(deliveryId), deliveryId);
    return { deliveryId };
  }
}
