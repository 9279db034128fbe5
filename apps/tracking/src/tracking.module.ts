import { Module } from '@nestjs/common';
import { FlowController } from './http/flow.controller';
import { TimelineController } from './http/timeline.controller';
import { TimelineRepository } from './storage/timeline.repository';
import { trackingMessages } from './tracking.messages';

@Module({
  controllers: [TimelineController, FlowController],
  providers: [TimelineRepository, ...trackingMessages.reactions],
})
export class TrackingModule {}
