import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { OpenToAll } from '@past-tense/auth';
import { Answers, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { OUTSIDE } from './outside';
import { Books } from '../storage/books';

const totalsView = z.object({
  totals: z.array(
    z.object({
      kind: z.enum(['capture', 'refund', 'parcel']),
      accepted: z.boolean(),
      entries: z.int().describe('Different things done.'),
      references: z.int().describe('Orders they were done for. Fewer than entries: one was done twice.'),
      calls: z.int().describe('Calls that asked for them, repetitions included.'),
    }),
  ),
});
const entriesView = z.object({
  orderId: z.uuid(),
  entries: z.array(
    z.object({ idempotencyKey: z.string(), kind: z.enum(['capture', 'refund', 'parcel']), accepted: z.boolean(), calls: z.int() }),
  ),
});

@ApiTags('books')
@OpenToAll(OUTSIDE)
@Controller('books')
export class BooksController {
  constructor(private readonly books: Books) {}

  @Get()
  @ApiOperation({ summary: 'See what the outside world was asked to do' })
  @Answers(200, 'Totals by kind.', totalsView)
  async totals(): Promise<object> {
    return { totals: await this.books.totals() };
  }

  @Get(':orderId')
  @ApiOperation({ summary: 'See what was asked for one order' })
  @UuidPath('orderId', 'The order.')
  @Answers(200, 'Every different thing asked for it.', entriesView)
  async of(@UuidParam('orderId') orderId: string): Promise<z.infer<typeof entriesView>> {
    const entries = await this.books.of(orderId);
    return { orderId, entries: entries.map(({ idempotencyKey, kind, accepted, calls }) => ({ idempotencyKey, kind, accepted, calls })) };
  }
}
