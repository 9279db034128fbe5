import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Database } from '@past-tense/database';
import { Answers, Problems, UuidParam, UuidPath } from '@past-tense/service';
import type { Response } from 'express';
import { z } from 'zod';
import { Cancellations } from '../commands/cancellations';
import { CustomerRepository, type KnownCustomer } from '../storage/customer.repository';
import { OrderRepository } from '../storage/order.repository';

const time = z.iso.datetime();

const erasureView = z.object({
  customerId: z.uuid(),
  orders: z.int().describe('How many orders the customer has placed.'),
  unsettled: z
    .array(z.object({ orderId: z.uuid(), status: z.enum(['placed', 'cancelled']), placedAt: time }))
    .describe('Orders that have to end first: `placed` waits for its parcel to leave or to be called off, `cancelled` for its money.'),
  askedAt: time.optional().describe('When it was asked for; from then on the customer cannot order.'),
  forgottenAt: time.optional().describe('When the keys were destroyed.'),
});
type ErasureView = z.infer<typeof erasureView>;

@ApiTags('customers')
@Controller('customers')
@Allow('customers:forget')
export class ForgetCustomerController {
  constructor(
    private readonly database: Database,
    private readonly customers: CustomerRepository,
    private readonly orders: OrderRepository,
    private readonly cancellations: Cancellations,
  ) {}

  @Get(':customerId/erasure')
  @ApiOperation({ summary: 'See what is known of a customer, and whether they are forgotten' })
  @UuidPath('customerId', 'The customer.')
  @Answers(200, 'What is known of the customer.', erasureView)
  @Problems({ 400: 'The id is not a UUID.' })
  async see(@UuidParam('customerId') customerId: string): Promise<ErasureView> {
    return toView(customerId, await this.database.transaction((transaction) => this.customers.find(transaction, customerId)));
  }

  @Post(':customerId/erasure')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Forget a customer',
    description:
      'The keys of their personal data are destroyed: nothing of it can be read any more, in events, rows and backups. This cannot be undone. ' +
      'Orders whose parcel is still here are cancelled first, and the money is returned; the answer is 202 until the last order is settled, and the ' +
      'customer is forgotten then without being asked for again. Asking again makes sure of it and changes nothing.',
  })
  @UuidPath('customerId', 'The customer.')
  @Answers(200, 'The customer is forgotten.', erasureView)
  @Answers(202, 'The customer will be forgotten as soon as the orders that are named are settled.', erasureView)
  @Problems({ 400: 'The id is not a UUID.' })
  async forget(
    @UuidParam('customerId') customerId: string,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ErasureView> {
    // The wish first: it stands even if the key store is away.
    await this.database.transaction(async (transaction) => {
      await this.customers.askToForget(transaction, customerId, caller.subject);
      const { unsettled } = await this.customers.find(transaction, customerId);
      for (const { id } of unsettled) {
        const order = (await this.orders.lock(transaction, id))!;
        if (order.order.status === 'placed') await this.cancellations.request(transaction, order, caller.subject);
      }
    });
    const known = await this.database.transaction((transaction) => this.customers.forgetIfSettled(transaction, customerId, new Date()));
    if (!known.forgottenAt) response.status(202);
    return toView(customerId, known);
  }
}

function toView(customerId: string, { orders, unsettled, askedAt, forgottenAt }: KnownCustomer): ErasureView {
  return {
    customerId,
    orders,
    unsettled: unsettled.map(({ id, status, placedAt }) => ({
      orderId: id,
      status: status as ErasureView['unsettled'][number]['status'], // One that is completed is settled.
      placedAt: placedAt.toISOString(),
    })),
    askedAt: askedAt?.toISOString(),
    forgottenAt: forgottenAt?.toISOString(),
  };
}
