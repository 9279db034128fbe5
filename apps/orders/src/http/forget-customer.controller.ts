import { Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow } from '@past-tense/auth';
import { Database } from '@past-tense/database';
import { Answers, Problem, Problems, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { CustomerNeededError } from '../domain/customer.errors';
import { CustomerRepository } from '../storage/customer.repository';

const forgottenView = z.object({ customerId: z.uuid(), forgottenAt: z.iso.datetime() });

@ApiTags('customers')
@Controller('customers')
@Allow('customers:forget')
export class ForgetCustomerController {
  constructor(
    private readonly database: Database,
    private readonly customers: CustomerRepository,
  ) {}

  @Post(':customerId/erasure')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Forget a customer',
    description:
      'The keys of their personal data are destroyed: nothing of it can be read any more, in events, rows and backups. This cannot be undone. ' +
      'Asking again makes sure of it and changes nothing.',
  })
  @UuidPath('customerId', 'The customer.')
  @Answers(200, 'The customer is forgotten.', forgottenView)
  @Problems({ 400: 'The id is not a UUID.', 409: 'An order of the customer is not settled yet.' })
  async forget(@UuidParam('customerId') customerId: string): Promise<z.infer<typeof forgottenView>> {
    const forgottenAt = await this.database.transaction(async (transaction) => {
      try {
        return await this.customers.forget(transaction, customerId, new Date());
      } catch (error) {
        if (error instanceof CustomerNeededError) throw new Problem(409, 'orders-not-settled', 'Orders not settled', error.message);
        throw error;
      }
    });
    return { customerId, forgottenAt: forgottenAt.toISOString() };
  }
}
