import { ServiceToken } from '@past-tense/auth';
import { CommandClient } from '@past-tense/commands';
import type { OrdersSettings } from '../orders.config';

/** The way to shipping's commands, with a token of our own. */
export function shippingClient(settings: OrdersSettings): CommandClient {
  const token = new ServiceToken({
    issuer: settings.AUTH_ISSUER,
    development: settings.DEPLOYMENT === 'development',
    audience: settings.AUTH_AUDIENCE,
    clientId: 'orders',
    clientSecret: settings.ORDERS_CLIENT_SECRET,
    scope: 'shipments:command',
  });
  return new CommandClient({
    receiver: 'shipping',
    address: settings.SHIPPING_COMMANDS_ADDRESS,
    token: () => token.get(),
    timeoutMs: settings.SHIPPING_COMMANDS_TIMEOUT_MS,
  });
}
