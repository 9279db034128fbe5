import { Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, ForbiddenError, mayActFor, type Principal } from '@past-tense/auth';
import type { Transaction } from '@past-tense/database';
import { newId } from '@past-tense/envelope';
import { answerWith, IdempotencyKeys, jobAccepted, Jobs, Keyed, TakesIdempotencyKey, type KeyedRequest } from '@past-tense/jobs';
import { Accepts, Problem, Problems, ValidBody } from '@past-tense/service';
import { currentFlow } from '@past-tense/telemetry';
import type { Response } from 'express';
import { CustomerLeavingError } from '../domain/customer.errors';
import { placeOrder, type Decision, type OrderRequest } from '../domain/order';
import { MixedCurrenciesError, TotalTooLargeError } from '../domain/order.errors';
import { CustomerRepository } from '../storage/customer.repository';
import { OrderRepository } from '../storage/order.repository';
import { AnswersAccepted } from './accepted';
import { placeOrderRequest, type PlaceOrderRequest } from './place-order.request';

@ApiTags('orders')
@Controller('orders')
@Allow('orders:write')
export class PlaceOrderController {
  constructor(
    private readonly orders: OrderRepository,
    private readonly customers: CustomerRepository,
    private readonly jobs: Jobs,
    private readonly keys: IdempotencyKeys,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Place an order',
    description: 'The order is checked at once and worked on after the answer. `Location` names the job that tells what becomes of it.',
  })
  @Accepts(placeOrderRequest)
  @AnswersAccepted('The order is accepted.')
  @TakesIdempotencyKey()
  @Problems({
    400: 'The request is not valid; every wrong field is named.',
    409: 'The customer asked to be forgotten; or a request with this Idempotency-Key is being worked on.',
    422: 'The order makes no sense as a whole, or the Idempotency-Key was used for another request.',
  })
  async place(
    @ValidBody(placeOrderRequest) request: PlaceOrderRequest,
    @Caller() caller: Principal,
    @Keyed() keyed: KeyedRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<unknown> {
    const customerId = customerOf(request, caller);
    const answer = await this.keys.once(caller.subject, keyed, async (transaction) => {
      await this.#hold(transaction, customerId);
      const [orderId, jobId] = [newId(), newId()];
      const { correlationId } = currentFlow()!;
      await this.orders.add(transaction, decide(orderId, { ...request, customerId }), { jobId, correlationId });
      const job = await this.jobs.create(transaction, {
        id: jobId,
        kind: 'place-order',
        owner: customerId,
        subject: orderId,
        correlationId,
      });
      const accepted = jobAccepted(job);
      return { ...accepted, body: { ...accepted.body, orderId } };
    });
    return answerWith(response, answer);
  }

  async #hold(transaction: Transaction, customerId: string): Promise<void> {
    try {
      await this.customers.hold(transaction, customerId);
    } catch (error) {
      if (error instanceof CustomerLeavingError) throw new Problem(409, 'person-forgotten', 'Person forgotten', error.message);
      throw error;
    }
  }
}

function customerOf({ customerId }: PlaceOrderRequest, caller: Principal): string {
  const customer = customerId ?? caller.customerId;
  if (!customer) {
    const errors = [{ pointer: '/customerId', detail: 'must be named' }];
    throw new Problem(422, 'customer-missing', 'Customer missing', 'The caller is no customer, so the order needs one.', errors);
  }
  if (!mayActFor(caller, customer)) throw new ForbiddenError(['orders:any']);
  return customer;
}

function decide(orderId: string, request: OrderRequest): Decision {
  try {
    return placeOrder(orderId, request, new Date());
  } catch (error) {
    if (error instanceof MixedCurrenciesError) throw new Problem(422, 'mixed-currencies', 'Mixed currencies', error.message);
    if (error instanceof TotalTooLargeError) throw new Problem(422, 'total-too-large', 'Total too large', error.message);
    throw error;
  }
}
