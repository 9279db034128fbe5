import { Controller, Delete, Get, HttpCode, Patch, Post, Res, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Accepts, Answers, Problem, Problems, QueryParameters, UuidParam, UuidPath, ValidBody, ValidQuery } from '@past-tense/service';
import type { Response } from 'express';
import type { z } from 'zod';
import { Deliveries } from '../deliveries/deliveries';
import { MAX_SUBSCRIPTIONS, type Subscription } from '../subscriptions/subscription';
import { Subscriptions } from '../subscriptions/subscriptions';
import { Webhooks, type WebhookEvents } from '../webhooks';
import { noSubscription, requireAccepted } from './refusals';
import {
  changeRequest,
  deliveriesQuery,
  subscribeRequest,
  type ChangeRequest,
  type DeliveriesQuery,
  type SubscribeRequest,
} from './requests';
import { TargetChecks } from './target-checks';
import {
  deliveryAccepted,
  deliveryPage,
  pageOf,
  secretRotated,
  subscriptionCreated,
  subscriptionList,
  subscriptionOf,
  subscriptionView,
} from './views';

const NOT_FOUND = { 404: 'There is no such subscription, or it is not yours.' };
const BODY = { 413: 'The body is too large.', 415: 'The body is not JSON.', 422: 'Webhooks are not sent to this target.' };

const ownerOf = ({ customerId, subject }: Principal) => customerId ?? subject;

/**
 * Makes the controller with which owners look after their subscriptions. It is made for a set of events, because these are part of what a
 * request may say and of what the API documentation shows.
 */
export function webhooksController(events: WebhookEvents): Type {
  const subscribing = subscribeRequest(events);
  const changing = changeRequest(events);

  @ApiTags('webhooks')
  @ApiBearerAuth()
  @Allow('webhooks:manage')
  @Problems({
    400: 'The request is not valid; every wrong field is named.',
    401: 'The token is missing or not right.',
    403: 'The token lacks the scope `webhooks:manage`.',
    429: 'Too many requests.',
  })
  @Controller('webhooks')
  class WebhooksController {
    constructor(
      private readonly subscriptions: Subscriptions,
      private readonly deliveries: Deliveries,
      private readonly targets: TargetChecks,
      private readonly webhooks: Webhooks,
    ) {}

    @Post()
    @ApiOperation({
      summary: 'Subscribe',
      description: 'The answer holds the secret that signs what is sent; it is shown only here. `Location` names the subscription.',
    })
    @Accepts(subscribing)
    @Answers(201, 'The subscription and its secret.', subscriptionCreated)
    @Problems({ ...BODY, 409: `You have ${MAX_SUBSCRIPTIONS} subscriptions already.` })
    async subscribe(
      @Caller() caller: Principal,
      @ValidBody(subscribing) { url, events: types }: SubscribeRequest,
      @Res({ passthrough: true }) response: Response,
    ): Promise<z.infer<typeof subscriptionCreated>> {
      const target = await this.targets.check(ownerOf(caller), url);
      const subscription = await this.subscriptions.add(ownerOf(caller), target, types);
      if (!subscription)
        throw new Problem(
          409,
          'too-many-subscriptions',
          'Too many subscriptions',
          `You have ${MAX_SUBSCRIPTIONS} subscriptions already; delete one first.`,
        );
      response.location(`/webhooks/${subscription.id}`);
      response.setHeader('Cache-Control', 'no-store');
      return { ...subscriptionOf(subscription), secret: subscription.secrets[0]!.secret };
    }

    @Get()
    @ApiOperation({ summary: 'See your subscriptions', description: 'The oldest first, without their secrets.' })
    @Answers(200, 'All of them.', subscriptionList)
    async list(@Caller() caller: Principal): Promise<z.infer<typeof subscriptionList>> {
      return { items: (await this.subscriptions.list(ownerOf(caller))).map(subscriptionOf) };
    }

    @Get(':subscriptionId')
    @ApiOperation({ summary: 'See a subscription' })
    @UuidPath('subscriptionId', 'The subscription.')
    @Answers(200, 'The subscription, without its secret.', subscriptionView)
    @Problems(NOT_FOUND)
    async get(@Caller() caller: Principal, @UuidParam('subscriptionId') id: string): Promise<z.infer<typeof subscriptionView>> {
      return subscriptionOf(await this.#find(caller, id));
    }

    @Patch(':subscriptionId')
    @ApiOperation({
      summary: 'Change a subscription',
      description: 'What comes due while it is disabled is parked. Deliveries that wait go to the new target if the url changes.',
    })
    @UuidPath('subscriptionId', 'The subscription.')
    @Accepts(changing)
    @Answers(200, 'The subscription as it is now.', subscriptionView)
    @Problems({ ...NOT_FOUND, ...BODY })
    async change(
      @Caller() caller: Principal,
      @UuidParam('subscriptionId') id: string,
      @ValidBody(changing) { url, events: types, status }: ChangeRequest,
    ): Promise<z.infer<typeof subscriptionView>> {
      await this.#find(caller, id);
      const target = url === undefined ? undefined : await this.targets.check(ownerOf(caller), url);
      const changed = await this.subscriptions.change(ownerOf(caller), id, { url: target, events: types, status });
      if (!changed) throw noSubscription(id);
      return subscriptionOf(changed);
    }

    @Delete(':subscriptionId')
    @HttpCode(204)
    @ApiOperation({ summary: 'Delete a subscription', description: 'With its deliveries; those that wait are not sent any more.' })
    @UuidPath('subscriptionId', 'The subscription.')
    @Answers(204, 'It is gone.')
    @Problems(NOT_FOUND)
    async delete(@Caller() caller: Principal, @UuidParam('subscriptionId') id: string): Promise<void> {
      if (!(await this.subscriptions.delete(ownerOf(caller), id))) throw noSubscription(id);
    }

    @Post(':subscriptionId/secret-rotations')
    @HttpCode(200)
    @ApiOperation({
      summary: 'Get a new secret',
      description: 'The one before signs along for a while, so that a receiver can change over. The new one is shown only here.',
    })
    @UuidPath('subscriptionId', 'The subscription.')
    @Answers(200, 'The new secret.', secretRotated)
    @Problems(NOT_FOUND)
    async rotateSecret(
      @Caller() caller: Principal,
      @UuidParam('subscriptionId') id: string,
      @Res({ passthrough: true }) response: Response,
    ): Promise<z.infer<typeof secretRotated>> {
      const secrets = await this.subscriptions.rotate(ownerOf(caller), id);
      if (!secrets) throw noSubscription(id);
      const [{ secret }, previous] = secrets;
      response.setHeader('Cache-Control', 'no-store');
      return { secret, previousValidUntil: previous?.validUntil };
    }

    @Get(':subscriptionId/deliveries')
    @ApiOperation({
      summary: 'See what was sent',
      description: 'The newest first. What was delivered is kept for 30 days, and so are tests.',
    })
    @UuidPath('subscriptionId', 'The subscription.')
    @QueryParameters(deliveriesQuery)
    @Answers(200, 'A page of deliveries.', deliveryPage)
    @Problems(NOT_FOUND)
    async listDeliveries(
      @Caller() caller: Principal,
      @UuidParam('subscriptionId') id: string,
      @ValidQuery(deliveriesQuery) { state, limit, cursor }: DeliveriesQuery,
    ): Promise<z.infer<typeof deliveryPage>> {
      await this.#find(caller, id);
      return pageOf(await this.deliveries.ofSubscription(id, state, { limit: limit + 1, cursor }), limit);
    }

    @Post(':subscriptionId/deliveries/:deliveryId/retries')
    @HttpCode(202)
    @ApiOperation({ summary: 'Send a delivery again', description: 'With the same `webhook-id`; its attempts start anew.' })
    @UuidPath('subscriptionId', 'The subscription.')
    @UuidPath('deliveryId', 'The delivery: parked, or waiting after a failed attempt.')
    @Answers(202, 'It is sent again.', deliveryAccepted)
    @Problems({ 404: 'There is no such delivery, or it is not yours.', 409: 'It has been delivered, or the subscription is disabled.' })
    async retry(
      @Caller() caller: Principal,
      @UuidParam('subscriptionId') id: string,
      @UuidParam('deliveryId') deliveryId: string,
    ): Promise<z.infer<typeof deliveryAccepted>> {
      await this.#find(caller, id);
      requireAccepted(await this.webhooks.sendAgain(deliveryId, id), deliveryId);
      return { deliveryId };
    }

    @Post(':subscriptionId/test')
    @HttpCode(202)
    @ApiOperation({
      summary: 'Send a `webhook.test`',
      description: 'To see whether the receiver can be reached and verifies it. It takes the place of the test before.',
    })
    @UuidPath('subscriptionId', 'The subscription.')
    @Answers(202, 'It is sent; its delivery tells how it went.', deliveryAccepted)
    @Problems({ ...NOT_FOUND, 409: 'The subscription is disabled.' })
    async test(@Caller() caller: Principal, @UuidParam('subscriptionId') id: string): Promise<z.infer<typeof deliveryAccepted>> {
      if ((await this.#find(caller, id)).status === 'disabled') requireAccepted('disabled', id);
      const deliveryId = await this.webhooks.test(id);
      if (!deliveryId) throw noSubscription(id);
      return { deliveryId };
    }

    async #find(caller: Principal, id: string): Promise<Subscription> {
      const subscription = await this.subscriptions.find(ownerOf(caller), id);
      if (!subscription) throw noSubscription(id);
      return subscription;
    }
  }
  return WebhooksController;
}
