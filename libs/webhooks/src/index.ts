import type { DatabaseOptions } from '@past-tense/database';
import { CreateReceivedCallbacks1763733600001 } from './migrations/1763733600001-create-received-callbacks';
import { CreateWebhooks1763733600000 } from './migrations/1763733600000-create-webhooks';
import { IndexParkedTests1763733600002 } from './migrations/1763733600002-index-parked-tests';

/** What makes the tables of a service that sends webhooks. */
export const WEBHOOKS_MIGRATIONS: DatabaseOptions['migrations'] = [CreateWebhooks1763733600000, IndexParkedTests1763733600002];
/** What makes the table of a service that receives signed callbacks. */
export const CALLBACKS_MIGRATIONS: DatabaseOptions['migrations'] = [CreateReceivedCallbacks1763733600001];
export { CallbackInbox, callbackReplayed } from './callbacks/callback-inbox';
export { callbackSecrets } from './callbacks/callback-secrets';
export { CallbacksModule } from './callbacks/callbacks.module';
export { signCallback, type CallbackHeaders } from './callbacks/sign-callback';
export { SignedCallback } from './callbacks/signed-callback';
export { verifyCallback, type Refusal } from './callbacks/verify-callback';
export { webhookSettings, type WebhookSettings } from './settings';
export type { Resolve } from './targets/resolve';
export { WebhooksModule, type WebhooksOptions } from './webhooks.module';
export { Webhooks, type Announcement, type WebhookEvents } from './webhooks';
