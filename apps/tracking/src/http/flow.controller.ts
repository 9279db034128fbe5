import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Answers, Problem, Problems, UuidParam, UuidPath } from '@past-tense/service';
import { z } from 'zod';
import { TimelineRepository } from '../storage/timeline.repository';
import { entryView, viewOf, visibleTo } from './timeline-view';

const flowView = z.object({ correlationId: z.uuid(), entries: z.array(entryView) });

@ApiTags('tracking')
@Controller('flows')
@Allow('orders:read')
export class FlowController {
  constructor(private readonly timeline: TimelineRepository) {}

  @Get(':correlationId')
  @ApiOperation({ summary: 'See everything that followed from one request' })
  @UuidPath('correlationId', 'The correlation id of the request.')
  @Answers(200, 'What has happened so far, the first thousand facts of it.', flowView)
  @Problems({ 400: 'The id is not a UUID.', 404: 'Nothing has been heard of this flow (yet).' })
  async get(@UuidParam('correlationId') correlationId: string, @Caller() caller: Principal): Promise<z.infer<typeof flowView>> {
    const entries = await this.timeline.ofFlow(correlationId, visibleTo(caller));
    if (entries.length === 0)
      throw new Problem(404, 'flow-not-found', 'Flow not found', `Nothing has been heard of flow ${correlationId} yet.`);
    return { correlationId, entries: entries.map(viewOf) };
  }
}
