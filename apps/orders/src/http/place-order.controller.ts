import { Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { newId } from '@past-tense/envelope';
import { Accepts, Answers, Problem, Problems, ValidBody } from '@past-tense/service';
import { currentFlow } from '@past-tense/telemetry';
import type { Response } from 'express';
import type { z } from 'zod';
import { placeOrder, type Decision } from '../domain/order';
import { MixedCurrenciesError, TotalTooLargeError } from '../domain/order.errors';
import { OrderRepository } from '../storage/order.repository';
import { placeOrderAccepted, placeOrderRequest, type PlaceOrderRequest } from './place-order';

@ApiTags('orders')
@Controller('orders')
export class PlaceOrderController {
  constructor(private readonly orders: OrderRepository) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Place an order',
    description: 'The order is checked at once and worked on after the answer. `Location` says where to look.',
  })
  @Accepts(placeOrderRequest)
  @Answers(202, 'The order is accepted.', placeOrderAccepted)
  @Problems({
    400: 'The request is not valid; every wrong field is named.',
    413: 'The body is too large.',
    422: 'The order makes no sense as a whole.',
  })
  async place(
    @ValidBody(placeOrderRequest) request: PlaceOrderRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<z.infer<typeof placeOrderAccepted>> {
    const orderId = newId();
    const jobId = newId();
    const { correlationId } = currentFlow()!;
    await this.orders.add(decide(orderId, request), { jobId, correlationId });
    response.location(`/orders/${orderId}`);
    return { jobId, orderId, correlationId, status: 'PENDING' };
  }
}

function decide(orderId: string, request: PlaceOrderRequest): Decision {
  try {
    return placeOrder(orderId, request, new Date());
  } catch (error) {
    if (error instanceof MixedCurrenciesError) throw new Problem(422, 'mixed-currencies', 'Mixed currencies', error.message);
    if (error instanceof TotalTooLargeError) throw new Problem(422, 'total-too-large', 'Total too large', error.message);
    throw error;
  }
}
