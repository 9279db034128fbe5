import { ServiceToken } from '@past-tense/auth';
import { CommandClient, overTls } from '@past-tense/commands';
import type { Logger } from '@past-tense/telemetry';
import type { OrdersSettings } from '../orders.config';

/** The way to shipping's commands, with a token of our own. */
export function shippingClient(settings: OrdersSettings, logger: Logger): CommandClient {
  const token = new ServiceToken({
    issuer: settings.AUTH_ISSUER,
    development: settings.DEPLOYMENT === 'development',
    audience: settings.AUTH_AUDIENCE,
    clientId: settings.ORDERS_CLIENT_ID,
    clientSecret: settings.ORDERS_CLIENT_SECRET,
    scope: 'shipments:command',
  });
  const secure = settings.SHIPPING_COMMANDS_TLS || settings.SHIPPING_COMMANDS_CA !== undefined;
  return new CommandClient({
    receiver: 'shipping',
    address: settings.SHIPPING_COMMANDS_ADDRESS,
    token: (refused) => token.get({ instead: refused }),
    ...(secure && { credentials: overTls(settings.SHIPPING_COMMANDS_CA) }),
    logger,
    timeoutMs: settings.SHIPPING_COMMANDS_TIMEOUT_MS,
  });
}
