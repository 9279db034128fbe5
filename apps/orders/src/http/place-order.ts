import { z } from 'zod';

const money = z.strictObject({
  minorUnits: z
    .int('must be a whole number')
    .min(0, 'must not be negative')
    .describe('Amount in the smallest unit of the currency, such as cents.'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR'),
});

const text = (max: number) => z.string().trim().min(1, 'must not be empty').max(max, `must have at most ${max} characters`);

/** What a client sends to place an order. */
export const placeOrderRequest = z
  .strictObject({
    customerId: z.uuid('must be a UUID'),
    lines: z
      .array(
        z.strictObject({
          sku: text(64),
          quantity: z.int('must be a whole number').min(1, 'must be at least 1').max(1000, 'must be at most 1000'),
          unitPrice: money,
        }),
      )
      .min(1, 'must have at least one line')
      .max(100, 'must have at most 100 lines'),
    paymentToken: text(200).describe(
      "The payment provider's token for the means of payment. `tok_visa` is accepted, `tok_declined` is declined by the sandbox.",
    ),
    deliveryAddress: z.strictObject({
      recipient: text(200),
      street: text(200),
      city: text(200),
      postalCode: text(20),
      country: z
        .string()
        .regex(/^[A-Z]{2}$/, 'must be an ISO 3166 code such as DE')
        .describe('The sandbox does not deliver to `AQ`.'),
    }),
  })
  .meta({
    example: {
      customerId: '019aa000-0000-7000-8000-00000000000c',
      lines: [{ sku: 'teapot', quantity: 2, unitPrice: { minorUnits: 1999, currency: 'EUR' } }],
      paymentToken: 'tok_visa',
      deliveryAddress: { recipient: 'Ada Lovelace', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
    },
  });

export type PlaceOrderRequest = z.infer<typeof placeOrderRequest>;

/** The order is accepted; how it goes on is told by the order itself. */
export const placeOrderAccepted = z.object({
  jobId: z.uuid(),
  orderId: z.uuid(),
  correlationId: z.uuid(),
  status: z.literal('PENDING'),
});
