/** Everything a token can allow. Endpoints, the development issuer and the API documentation take the names from here. */
export const SCOPES = {
  'orders:read': "See one's own orders, their timelines and jobs",
  'orders:write': 'Place orders, cancel them and change where they go',
  'orders:any': "Do with every customer's orders what the other scopes allow with one's own",
  'payments:read': 'See payments',
  'shipments:read': 'See shipments',
  'shipments:command': 'Ask shipping to cancel a shipment or to send it elsewhere',
  'webhooks:manage': "Subscribe to callbacks about one's own orders",
  'customers:forget': 'Forget a customer for good',
  operations: 'Keep the system running',
} as const;

export type Scope = keyof typeof SCOPES;
