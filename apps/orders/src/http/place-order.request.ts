import { z } from 'zod';
import { text } from './text';

/** Where a parcel goes. */
export const deliveryAddress = z.strictObject({
  recipient: text(200),
  street: text(200),
  city: text(200),
  postalCode: text(20),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be an ISO 3166 code such as DE')
    .describe('The sandbox does not deliver to `AQ`.'),
});

const money = z.strictObject({
  minorUnits: z
    .int('must be a whole number')
    .min(0, 'must not be negative')
    .max(10_000_000_000, 'must be at most 10000000000')
    .describe('Amount in the smallest unit of the currency, such as cents.'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR'),
});

/** What a client sends to place an order. */
export const placeOrderRequest = z
  .strictObject({
    customerId: z
      .uuid('must be a UUID')
      .transform((id) => id.toLowerCase())
      .optional()
      .describe('Whose order it is: the caller, if it is left out. Only with the scope `orders:any` it may be somebody else.'),
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
    deliveryAddress,
  })
  .meta({
    example: {
      lines: [{ sku: 'teapot', quantity: 2, unitPrice: { minorUnits: 1999, currency: 'EUR' } }],
      paymentToken: 'tok_visa',
      deliveryAddress: { recipient: 'Ada Lovelace', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
    },
  });

export type PlaceOrderRequest = z.infer<typeof placeOrderRequest>;
