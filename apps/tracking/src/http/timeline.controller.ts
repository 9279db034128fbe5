import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Answers, Problem, Problems, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { gapsIn, statusOf } from '../domain/timeline';
import { TimelineRepository } from '../storage/timeline.repository';
import { entryView, viewOf, visibleTo } from './timeline-view';

const timelineView = z.object({
  orderId: z.uuid(),
  status: z.enum(['placed', 'paid', 'dispatched', 'delivered', 'completed', 'cancelled', 'refunded']),
  entries: z.array(entryView),
  gaps: z.array(z.object({ aggregateId: z.string(), missingVersions: z.array(z.int()) })),
});

@ApiTags('tracking')
@Controller('orders')
@Allow('orders:read')
export class TimelineController {
  constructor(private readonly timeline: TimelineRepository) {}

  @Get(':orderId/timeline')
  @ApiOperation({
    summary: 'See what happened to an order',
    description: 'Every fact about the order, from every service, in order. It lags the services by a moment.',
  })
  @UuidPath('orderId', 'The order.')
  @Answers(200, 'What has happened so far.', timelineView)
  @Problems({ 400: 'The id is not a UUID.', 404: 'Nothing has been heard of this order (yet).' })
  async get(@UuidParam('orderId') orderId: string, @Caller() caller: Principal): Promise<z.infer<typeof timelineView>> {
    const entries = await this.timeline.ofOrder(orderId, visibleTo(caller));
    if (entries.length === 0)
      throw new Problem(404, 'timeline-not-found', 'Timeline not found', `Nothing has been heard of order ${orderId} yet.`);
    const gaps = gapsIn(entries).map(({ aggregateId, missingVersions }) => ({ aggregateId, missingVersions: [...missingVersions] }));
    return { orderId, status: statusOf(entries), entries: entries.map(viewOf), gaps };
  }
}
