import { Module, type DynamicModule } from '@nestjs/common';
import { SETTINGS } from '@past-tense/service';
import { Deliveries } from './deliveries/deliveries';
import { OldDeliveries } from './deliveries/old-deliveries';
import { Sender } from './deliveries/sender';
import { TargetChecks } from './http/target-checks';
import { WebhookDeliveriesController } from './http/webhook-deliveries.controller';
import { webhooksController } from './http/webhooks.controller';
import type { WebhookSettings } from './settings';
import { Subscriptions } from './subscriptions/subscriptions';
import type { Resolve } from './targets/resolve';
import { Targets } from './targets/targets';
import { WebhookFigures } from './webhook-figures';
import { WEBHOOK_EVENTS, Webhooks, type WebhookEvents } from './webhooks';

export interface WebhooksOptions {
  /** Only these may be subscribed to or announced. */
  readonly events: WebhookEvents;
  /** Finds the addresses of a host name; by default the DNS is asked. */
  readonly resolve?: Resolve;
}

/** Outgoing webhooks of a service: subscriptions, deliveries and their API. Needs WEBHOOKS_MIGRATIONS and `webhookSettings`. */
@Module({})
export class WebhooksModule {
  /** @param options what can be subscribed to */
  static register({ events, resolve }: WebhooksOptions): DynamicModule {
    return {
      module: WebhooksModule,
      controllers: [webhooksController(events), WebhookDeliveriesController],
      providers: [
        { provide: WEBHOOK_EVENTS, useValue: events },
        {
          provide: Targets,
          inject: [SETTINGS],
          useFactory: ({ WEBHOOK_ALLOWED_NETWORKS: allowedNetworks }: WebhookSettings) =>
            new Targets({ allowedNetworks, ...(resolve && { resolve }) }),
        },
        TargetChecks,
        Subscriptions,
        Deliveries,
        Sender,
        OldDeliveries,
        Webhooks,
        WebhookFigures,
      ],
      exports: [Webhooks],
    };
  }
}
