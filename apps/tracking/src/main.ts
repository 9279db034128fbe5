import { runService } from '@past-tense/service';
import { CreateTimeline1763683600000 } from './storage/migrations/1763683600000-create-timeline';
import { TimelineRow } from './storage/timeline.row';
import { trackingSettings } from './tracking.config';
import { trackingMessages } from './tracking.messages';
import { TrackingModule } from './tracking.module';

void runService({
  name: 'tracking',
  root: __dirname,
  description: 'The timeline of every order, from the facts that all services publish.',
  settings: trackingSettings,
  module: TrackingModule,
  messages: trackingMessages,
  entities: [TimelineRow],
  migrations: [CreateTimeline1763683600000],
});
